"""What played when all ended plays on by itself, for those who want that."""

from collections.abc import Callable, Collection, Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started

from .bridge import Bridge
from .core.errors import ResonateError
from .core.queue import Queue
from .core.server.server import ResonateServer
from .core.server.snapshot import GroupSnapshot, PlaybackState, ServerSnapshot
from .core.units import ClientId, GroupId
from .spawning import Spawn

PLAY_ON_WITHIN_S: Final = 300.0
"""How long somebody may take to come and hear it: later it would start out of the blue."""


class PlayOn:
    """Has groups play on as soon as a member is there that can be played to. Home Assistant's loop only.

    What somebody did anything with meanwhile stays as it is.
    """

    def __init__(self, hass: HomeAssistant, bridge: Bridge, spawn: Spawn, changed: Callable[[], None]) -> None:
        """Await nobody. `spawn` runs a coroutine in the background; `changed` is called when fewer are awaited."""
        self._hass = hass
        self._bridge = bridge
        self._spawn = spawn
        self._changed = changed
        self._awaited: set[GroupId] = set()
        self._restored: dict[GroupId, _Restored] = {}
        self._trying: set[GroupId] = set()
        self._snapshot = ServerSnapshot()
        self._is_begun = False
        self._cancel: CALLBACK_TYPE | None = None

    @property
    def awaited(self) -> AbstractSet[GroupId]:
        """Those that are still to play on; when all ends before, the next time."""
        return self._awaited

    @callback
    def async_expect(self, group_ids: Collection[GroupId]) -> None:
        """Have these groups play on, each once it was given back what it had, and `async_begin` was called."""
        self._awaited = set(group_ids)

    @callback
    def async_restored(self, group_id: GroupId, queue: Queue, position_us: int | None) -> None:
        """Take note of what a group is given back: while it is like that, nobody did anything with it."""
        if group_id in self._awaited:
            self._restored[group_id] = _Restored(queue, position_us)
        self.async_update(self._snapshot)  # the picture that shows it may have come before

    @callback
    def async_begin(self) -> None:
        """Begin as soon as Home Assistant runs: before, not all sources of media are there."""
        if self._awaited:
            cancel = async_at_started(self._hass, self._async_started)
            if not self._is_begun:
                self._cancel = cancel

    @callback
    def async_update(self, snapshot: ServerSnapshot) -> None:
        """Have those play on that have somebody to hear it now."""
        self._snapshot = snapshot
        if not self._is_begun:
            return
        for group_id in (self._awaited & self._restored.keys()) - self._trying:
            group = snapshot.groups.get(group_id)
            if group is not None and _ready_member(snapshot, group) is not None:
                self._trying.add(group_id)
                self._spawn(self._async_play_on(group_id), "resonate play on")

    @callback
    def async_close(self) -> None:
        """Do nothing any more."""
        self._is_begun = False
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    @callback
    def async_give_up(self) -> None:
        """Let everything stay as it is from now on."""
        self.async_close()
        self._awaited.clear()
        self._changed()

    @callback
    def _async_started(self, _: HomeAssistant) -> None:
        self._is_begun = True
        self._cancel = async_call_later(self._hass, PLAY_ON_WITHIN_S, self._async_too_late)
        self.async_update(self._snapshot)

    @callback
    def _async_too_late(self, _: datetime) -> None:
        self._cancel = None
        self.async_give_up()

    async def _async_play_on(self, group_id: GroupId) -> None:
        is_done = True
        restored = self._restored[group_id]
        with suppress(ResonateError):  # told by an event already, and paused as before; or everything ends
            is_done = await self._bridge.async_ask(partial(_play_on, group_id=group_id, restored=restored))
        self._trying.discard(group_id)
        if is_done:
            self._awaited.discard(group_id)
            self._changed()


class _Restored(NamedTuple):
    queue: Queue
    position_us: int | None

    def is_untouched(self, group: GroupSnapshot) -> bool:
        """Whether a group is still as it was given back."""
        as_it_was = group.position_us == self.position_us and group.queue == self.queue
        return as_it_was and group.state is PlaybackState.PAUSED


async def _play_on(server: ResonateServer, *, group_id: GroupId, restored: _Restored) -> bool:
    """Have a group go on unless somebody did something with it; False when nobody is there any more to hear it.

    On the core's loop. Raises as `ResonateServer.resume` does.
    """
    snapshot = server.snapshot
    group = snapshot.groups.get(group_id)
    if group is None or not restored.is_untouched(group):
        return True
    if (client_id := _ready_member(snapshot, group)) is None:
        return False
    await server.resume(client_id)  # not of the group: who was taken out of it is not asked to come
    return True


def _ready_member(snapshot: ServerSnapshot, group: GroupSnapshot) -> ClientId | None:
    return next((it for it in group.members if snapshot.clients[it].is_ready), None)
