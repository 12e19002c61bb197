"""The groups that users have made for good: subentries of our entry, and what the core is told of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from homeassistant.config_entries import ConfigEntry
from homeassistant.helpers import device_registry as dr

from .bridge import Bridge
from .const import DOMAIN
from .core.server.server import ResonateServer
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import ClientId, GroupId
from .storage import KnownDevice

SUBENTRY_TYPE: Final = "group"
CONF_MEMBERS: Final = "members"
"""Our own device ids, so that neither a new name nor a new entity id makes a difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """What entities show of a named group."""

    group_id: GroupId
    name: str
    member_ids: tuple[str, ...]
    """Our own ids of the devices that hear what it plays; while it is idle, of those that would."""
    is_connected: bool = False
    """Somebody is there that it could play to."""
    group: GroupSnapshot | None = None
    position_at: datetime | None = None
    """When the position in `group` was valid, on the wall."""


def group_device_info(view: GroupView) -> dr.DeviceInfo:
    """Return what the device registry is told of a named group."""
    return dr.DeviceInfo(identifiers={(DOMAIN, view.group_id)}, name=view.name, entry_type=dr.DeviceEntryType.SERVICE)


class Definition(NamedTuple):
    """A named group as the core is told of it."""

    name: str
    client_ids: tuple[ClientId, ...]

    def tell(self, server: ResonateServer, group_id: GroupId, excused: Collection[ClientId] = ()) -> None:
        """Make or change the group; `excused` of those new to it are elsewhere. On the core's loop."""
        server.define_group(group_id, self.name, self.client_ids, excused=excused)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGroup:
    """A named group as it is configured."""

    group_id: GroupId
    name: str
    device_ids: tuple[str, ...]

    def definition(self, devices: Mapping[str, KnownDevice]) -> Definition:
        """Return what the core is told; a device that was removed or is turned off is no member."""
        known = (devices.get(device_id) for device_id in self.device_ids)
        present = (device for device in known if device is not None and not device.is_off)
        return Definition(self.name, tuple(device.client_id for device in present))


def read_named_groups(entry: ConfigEntry[Any]) -> dict[GroupId, NamedGroup]:
    """Return the named groups of the entry."""
    return {
        GroupId(subentry.subentry_id): NamedGroup(
            group_id=GroupId(subentry.subentry_id),
            name=subentry.title,
            device_ids=tuple(subentry.data[CONF_MEMBERS]),
        )
        for subentry in entry.subentries.values()
        if subentry.subentry_type == SUBENTRY_TYPE
    }


class NamedGroups:
    """Keeps the core's named groups as they are configured. Home Assistant's loop only."""

    def __init__(self, entry: ConfigEntry[Any], devices: Mapping[str, KnownDevice]) -> None:
        """`devices` are those that are known at any time."""
        self._entry = entry
        self._devices = devices
        self._told: dict[GroupId, Definition] = {}

    def __contains__(self, target: object) -> bool:
        """Whether it is the id of a named group: from the moment it is configured, though no news of it came yet."""
        return target in self._told

    def begin(self, excused: Mapping[GroupId, Collection[ClientId]]) -> Callable[[ResonateServer], None]:
        """Return what tells a server that is about to start of all groups. That is called on the core's loop.

        `excused` are those that were taken out of each.
        """
        self._told = self._definitions()
        return partial(_tell_all, definitions=tuple(self._told.items()), excused=excused)

    def sync(self, bridge: Bridge, excused: Collection[ClientId] = ()) -> None:
        """Tell the core what it does not know yet: nothing when nothing has changed.

        Who of those that it did not know in a group is `excused` stays elsewhere until that plays anew.
        """
        wanted = self._definitions()
        for group_id in self._told.keys() - wanted.keys():
            bridge.tell(partial(_remove, group_id=group_id))
        for group_id, definition in wanted.items():
            if self._told.get(group_id) != definition:
                bridge.tell(partial(definition.tell, group_id=group_id, excused=tuple(excused)))
        self._told = wanted

    def clients_of(self, group_id: GroupId) -> tuple[ClientId, ...]:
        """Return the clients that a group is for, as the core was told."""
        return self._told[group_id].client_ids

    def _definitions(self) -> dict[GroupId, Definition]:
        return {key: group.definition(self._devices) for key, group in read_named_groups(self._entry).items()}


def show_named_groups(
    entry: ConfigEntry[Any],
    groups: Mapping[GroupId, GroupSnapshot],
    *,
    devices: Mapping[ClientId, str],
    connected: Collection[str],
    position_at: Callable[[GroupId], datetime | None],
) -> dict[GroupId, GroupView]:
    """Return what entities show. `devices` are our own ids of all that are known, `connected` those that are there."""
    views = {}
    for group_id, configured in read_named_groups(entry).items():
        group = groups.get(group_id)
        heard_by = () if group is None else tuple(devices[it] for it in group.members if it in devices)
        waiting = tuple(device_id for device_id in configured.device_ids if device_id in devices.values())
        is_idle = group is None or group.state is PlaybackState.IDLE
        views[group_id] = GroupView(
            group_id=group_id,
            name=configured.name,
            member_ids=tuple(dict.fromkeys(waiting + heard_by)) if is_idle else heard_by,
            is_connected=any(device_id in connected for device_id in waiting + heard_by),
            group=group,
            position_at=None if group is None else position_at(group_id),
        )
    return views


def _tell_all(
    server: ResonateServer,
    *,
    definitions: Sequence[tuple[GroupId, Definition]],
    excused: Mapping[GroupId, Collection[ClientId]],
) -> None:
    for group_id, definition in definitions:
        definition.tell(server, group_id, excused.get(group_id, ()))


def _remove(server: ResonateServer, *, group_id: GroupId) -> None:
    server.remove_group(group_id)
