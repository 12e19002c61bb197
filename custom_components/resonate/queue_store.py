"""Queues survive a restart: what is in them, where they were, and whether something was on."""

from collections.abc import Collection, Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later

from .bridge import Bridge
from .const import DOMAIN, SIGNAL_QUEUE_RESTORED
from .core.errors import ResonateError
from .core.queue import Queue
from .core.server.server import ResonateServer
from .core.server.snapshot import GroupSnapshot, PlaybackState, ServerSnapshot
from .core.units import GroupId
from .late_media import LateMedia
from .play_on import PlayOn
from .queue_records import (
    Groups,
    Place,
    StoredQueue,
    build_queue,
    parse_places,
    parse_queues,
    places_to_json,
    queues_to_json,
)
from .spawning import Spawn
from .stores import async_read, make_store

KEY_QUEUES: Final = f"{DOMAIN}.queues"
KEY_PLACES: Final = f"{DOMAIN}.places"
SAVE_DELAY_S: Final = 30.0
"""As much may be lost when the power goes; oftener would wear out the cards that many Home Assistants live on."""
STOP_DELAY_S: Final = 1.0
"""Likewise of what no longer plays: it is not to start by itself after a power cut."""


class QueueStore:
    """The queue of every group: read once, written while they change. Home Assistant's loop only.

    What is in them is written apart from where they are: the one is long and seldom another.
    """

    def __init__(self, hass: HomeAssistant, late_media: LateMedia, *, bridge: Bridge, spawn: Spawn) -> None:
        """Prepare; `async_load` fills it. `spawn` runs a coroutine in the background."""
        self._hass = hass
        self._late_media = late_media
        self._bridge = bridge
        self._spawn = spawn
        self._queues = make_store(hass, KEY_QUEUES, is_large=True)
        self._places = make_store(hass, KEY_PLACES, is_large=True)
        self._waiting: dict[GroupId, StoredQueue] = {}
        """Those whose group has not come yet."""
        self._returning: set[GroupId] = set()
        self._play_on = PlayOn(hass, bridge, spawn, self._async_save_in_time)
        self._groups: Groups = {}
        self._written: object = None
        self._written_playing: AbstractSet[GroupId] = frozenset()
        self._cancel: CALLBACK_TYPE | None = None
        self._is_hurried = False
        self._is_closed = False

    async def async_load(self, known: Collection[GroupId], *, plays_on: bool = False) -> None:
        """Read what was stored for these groups; a damaged store is set aside, and there are no queues then.

        `plays_on`: what played when it was stored is to play on, from `async_begin` on.
        """
        queues = await async_read(self._hass, self._queues, parse_queues) or {}
        places = await async_read(self._hass, self._places, parse_places) or {}
        self._waiting = {
            group_id: replace(queue, place=places.get(group_id, Place()))
            for group_id, queue in queues.items()
            if group_id in known
        }
        self._written_playing = frozenset(group_id for group_id, place in places.items() if place.is_playing)
        if plays_on:
            self._play_on.async_expect(self._written_playing & self._waiting.keys())

    @callback
    def async_begin(self) -> None:
        """Let what is to play on do so as soon as Home Assistant runs."""
        self._play_on.async_begin()

    @callback
    def async_give_up(self) -> None:
        """Let nothing play on by itself that does not yet."""
        self._play_on.async_give_up()

    async def async_take(self, group_ids: Collection[GroupId]) -> list[tuple[GroupId, Queue, int | None]]:
        """Return the queues of groups that are there from the start, each with the position it is to be paused at."""
        taken = {group_id: self._waiting.pop(group_id) for group_id in group_ids if group_id in self._waiting}
        built = [
            (group_id, await self._async_build(stored), stored.place.position_us) for group_id, stored in taken.items()
        ]
        for restored in built:
            self._play_on.async_restored(*restored)
        return built

    @callback
    def async_update(self, snapshot: ServerSnapshot) -> None:
        """Take note of how all groups stand, and give those their queue back that have come."""
        self._groups = groups = snapshot.groups
        for group_id in [it for it in self._waiting if it in groups and it not in self._returning]:
            self._returning.add(group_id)
            self._spawn(self._async_give_back(group_id), "resonate queue")
        self._play_on.async_update(snapshot)
        self._async_save_in_time()

    async def async_close(self) -> None:
        """Write what has not been written; what becomes of the groups from here on is no news."""
        self._is_closed = True
        self._play_on.async_close()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
            await self._async_save()

    @callback
    def _async_save_in_time(self) -> None:
        if self._is_closed:
            return
        if self._written_playing - self._playing():
            if not self._is_hurried:
                if self._cancel is not None:
                    self._cancel()
                self._is_hurried = True
                self._cancel = async_call_later(self._hass, STOP_DELAY_S, self._async_save_later)
        elif self._cancel is None and (_marks(self._groups) != self._written or _is_any_playing(self._groups)):
            self._cancel = async_call_later(self._hass, SAVE_DELAY_S, self._async_save_later)

    def _playing(self) -> AbstractSet[GroupId]:
        """Return the groups that play, or are still to play on."""
        return self._play_on.awaited | {group_id for group_id, group in self._groups.items() if group.is_on}

    async def _async_save_later(self, _: datetime) -> None:
        self._cancel = None
        self._is_hurried = False
        await self._async_save()
        self._async_save_in_time()

    async def _async_give_back(self, group_id: GroupId) -> None:
        stored = self._waiting[group_id]
        queue = await self._async_build(stored)
        with suppress(ResonateError):  # it is gone again, or everything ends
            is_given, group = await self._bridge.async_call(
                partial(_restore, group_id=group_id, queue=queue, position_us=stored.place.position_us)
            )
            # At once: should all end before the next picture, it would be written nowhere.
            self._groups = {**self._groups, group_id: group}
            self._play_on.async_restored(group_id, queue, stored.place.position_us)
            del self._waiting[group_id]
            if is_given:
                async_dispatcher_send(self._hass, SIGNAL_QUEUE_RESTORED, group_id, group.queue)
        self._returning.discard(group_id)

    async def _async_build(self, stored: StoredQueue) -> Queue:
        return await self._hass.async_add_executor_job(build_queue, self._late_media, stored)

    async def _async_save(self) -> None:
        groups, waiting = self._groups, dict(self._waiting)
        marks, playing = _marks(groups), self._playing()
        if marks != self._written:
            self._written = marks
            await self._queues.async_save(await self._hass.async_add_executor_job(queues_to_json, groups, waiting))
        self._written_playing = playing
        await self._places.async_save(places_to_json(groups, waiting, self._bridge.clock.now(), playing=playing))


def _restore(
    server: ResonateServer, *, group_id: GroupId, queue: Queue, position_us: int | None
) -> tuple[bool, GroupSnapshot]:
    is_given = server.restore(group_id, queue, position_us=position_us)
    return is_given, server.snapshot.groups[group_id]


def _marks(groups: Groups) -> object:
    """Return what differs when the queues are to be written: all of it there is already, and compared in no time."""
    return {
        group_id: (group.queue.entries, group.queue.repeat, group.queue.unshuffled)
        for group_id, group in groups.items()
        if group.queue.entries
    }


def _is_any_playing(groups: Groups) -> bool:
    return any(group.state is PlaybackState.PLAYING for group in groups.values())
