"""Who is with whom, and who is off: as users want it, and as it is to be again after a restart."""

from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .bridge import Bridge
from .core.errors import CommandRefusedError
from .core.server.server import ResonateServer
from .core.server.snapshot import ServerSnapshot
from .core.units import ClientId, GroupId
from .gathering import Gatherer, Play
from .membership import MembershipStore
from .named_groups import NamedGroups, read_named_groups
from .spawning import Spawn
from .storage import DeviceStore, KnownDevice


class Household:
    """Moves players, and remembers where they are. Home Assistant's loop only."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], devices: DeviceStore, changed: Callable[[], None]
    ) -> None:
        """Know nobody; `async_load` and `begin` come next. `changed` is called when a player was turned off or on."""
        self._entry = entry
        self._devices = devices
        self._changed = changed
        self._memberships = MembershipStore(hass)
        self._named_groups = NamedGroups(entry, devices.devices)
        self._gatherer: Gatherer | None = None
        self._bridge: Bridge
        self._snapshot = ServerSnapshot()
        self._is_learning = False

    async def async_load(self) -> None:
        """Read what was stored."""
        await self._memberships.async_load()

    @callback
    def begin(self, bridge: Bridge, spawn: Spawn) -> Callable[[ResonateServer], None]:
        """Return what tells a server that is about to start of all. That is called on the core's loop.

        `spawn` begins nothing before the loop's next turn.
        """
        self._bridge = bridge
        self._gatherer = Gatherer(bridge, spawn, self._named_groups)
        define = self._named_groups.begin(self._memberships.excused(self._devices.client_ids))
        homes = self.homes
        self._is_learning = True

        def tell(server: ResonateServer) -> None:
            define(server)
            server.expect(homes)

        return tell

    @callback
    def end(self) -> None:
        """Learn nothing more: that groups fall idle from here on is no news."""
        self._is_learning = False

    async def async_flush(self) -> None:
        """Write what has not been written."""
        await self._memberships.async_flush()

    @property
    def homes(self) -> Mapping[ClientId, GroupId]:
        """The group that each client is to be in when it comes."""
        return self._memberships.homes(self._devices.client_ids, read_named_groups(self._entry))

    @callback
    def sync(self) -> None:
        """Tell the core of named groups that were changed."""
        self._named_groups.sync(self._bridge)

    @callback
    def forget(self, device_id: str) -> None:
        """Take note that a device is no longer known."""
        self._memberships.async_forget(device_id)
        self._expect()
        self.sync()

    # What users ask for

    async def async_play(self, action: Hashable, target: ClientId | GroupId, play: Play) -> None:
        """Have `play` called for a target of an action; all of its targets become one group."""
        if action is None or self._gatherer is None:
            await play(target, _bring_nobody)
        else:
            await self._gatherer.async_play(action, target, play)

    async def async_join(self, target: ClientId | GroupId, others: Sequence[ClientId]) -> None:
        """Put others into a group, or the client's, and let all of them stay together."""
        await self._bridge.async_ask(lambda server: server.join(target, others))
        self._release([target, *others])

    async def async_unjoin(self, client_id: ClientId) -> None:
        """Give the client a group of its own; the others play on, and who is to come back does so without it."""
        self._leave_behind(client_id, await self._bridge.async_ask(lambda server: server.move(client_id, None)))

    async def async_dismiss_guests(self, group_id: GroupId) -> None:
        """Let all go that were only joined to a named group."""
        members: Container[ClientId] = self._named_groups.clients_of(group_id)
        for client_id in [it for it in self._snapshot.groups[group_id].members if it not in members]:
            await self.async_unjoin(client_id)

    async def async_turn_off(self, device_id: str) -> None:
        """Let a player leave its group, the others play on, and be quiet until it is turned on or played to."""
        client_id = self._devices.devices[device_id].client_id
        self._leave_behind(client_id, await self._bridge.async_ask(lambda server: server.hush(client_id)))
        self._devices.async_set_off(device_id, is_off=True)
        self.sync()
        self._changed()

    async def async_turn_on(self, device_id: str) -> None:
        """Let a player go on with what it last had; a named group of it that plays takes it in."""
        client_id = self._devices.devices[device_id].client_id
        self._devices.async_set_off(device_id, is_off=False)
        self.sync()
        self._changed()
        await self.async_play_on(client_id)

    async def async_play_on(self, target: ClientId | GroupId) -> None:
        """Let a group, or the client's, go on if it has anything to go on with."""
        with suppress(CommandRefusedError):
            await self._bridge.async_ask(lambda server: server.resume(target))

    def _leave_behind(self, client_id: ClientId, group_id: GroupId) -> None:
        if self._memberships.async_leave_behind(group_id, self._devices.ids_of(self._snapshot.clients)):
            self._expect()
        self._release([client_id])

    def _release(self, targets: Sequence[ClientId | GroupId]) -> None:
        if self._gatherer is not None:
            self._gatherer.release(targets)
        self._remember()

    # What the core tells

    @callback
    def notice(self, snapshot: ServerSnapshot) -> None:
        """Take note of how all stands: who plays is on, though it was turned off."""
        before, self._snapshot = self._snapshot, snapshot
        off = [device for device in self._devices.devices.values() if device.is_off]
        begun = [device for device in off if _is_on(device, snapshot) and not _is_on(device, before)]
        for device in begun:
            self._devices.async_set_off(device.device_id, is_off=False)
        if begun:  # and is not to be taken away from what it plays
            self._named_groups.sync(self._bridge, excused=[device.client_id for device in begun])

    @callback
    def update(self, snapshot: ServerSnapshot) -> None:
        """Let those part whom an action brought together, where that has ended, and remember who is with whom."""
        if self._gatherer is not None:
            self._gatherer.update(snapshot)
        self._remember()

    def _remember(self) -> None:
        if self._is_learning:
            devices = {client_id: device_id for device_id, client_id in self._devices.client_ids.items()}
            parties = {} if self._gatherer is None else self._gatherer.parties
            self._memberships.async_learn(self._snapshot, devices, parties)

    def _expect(self) -> None:
        homes = self.homes
        self._bridge.tell(lambda server: server.expect(homes))


async def _bring_nobody(_: ResonateServer) -> None:
    """Leave everybody where they are."""


def _is_on(device: KnownDevice, snapshot: ServerSnapshot) -> bool:
    """Whether the queue of a device's group is heard."""
    client = snapshot.clients.get(device.client_id)
    return client is not None and snapshot.groups[client.group_id].is_on
