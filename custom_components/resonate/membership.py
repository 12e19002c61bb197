"""Who belongs together survives a restart: which group each device was in last, by our own ids."""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any, Final, NamedTuple

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.ulid import ulid_now

from .const import DOMAIN
from .core.server.snapshot import ServerSnapshot
from .core.units import ClientId, GroupId
from .stores import DamagedError, async_read, make_store, text_of

KEY_MEMBERSHIPS: Final = f"{DOMAIN}.memberships"
_SAVE_DELAY_S: Final = 10.0  # people join and part players several at a time

type Parties = Mapping[GroupId, Sequence[tuple[ClientId, ...]]]
"""Who was in a group, and who was brought there by an action for as long as it plays."""


class Home(NamedTuple):
    """Where a device belongs."""

    group_id: GroupId
    is_named: bool = False


class MembershipStore:
    """The group of every device: read once, written some seconds after a change. Home Assistant's loop only."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; `async_load` fills it."""
        self._hass = hass
        self._store = make_store(hass, KEY_MEMBERSHIPS)
        self._homes: dict[str, Home] = {}
        self._excused: dict[GroupId, frozenset[str]] = {}
        """Of each named group, the devices that were taken out of it while it played or was paused."""
        self._is_dirty = False

    async def async_load(self) -> None:
        """Read what was stored; a damaged store is set aside, and every device is by itself again."""
        self._homes, self._excused = await async_read(self._hass, self._store, _parse) or ({}, {})

    def homes(self, clients: Mapping[str, ClientId], named: Container[GroupId]) -> dict[ClientId, GroupId]:
        """Return in which group to expect each client; one of a named group that is no more belongs nowhere.

        `clients` are those of all known devices, `named` the named groups there are.
        """
        return {
            clients[device_id]: home.group_id
            for device_id, home in self._homes.items()
            if device_id in clients and (not home.is_named or home.group_id in named)
        }

    def excused(self, clients: Mapping[str, ClientId]) -> dict[GroupId, tuple[ClientId, ...]]:
        """Return who was taken out of which named group; `clients` are those of all known devices."""
        return {
            group_id: tuple(clients[device_id] for device_id in device_ids if device_id in clients)
            for group_id, device_ids in self._excused.items()
        }

    @callback
    def async_learn(self, snapshot: ServerSnapshot, devices: Mapping[ClientId, str], parties: Parties) -> None:
        """Take note of where everybody is. Who was not seen yet is still where it was.

        Guests that only an action brought, for as long as it plays, are taken for being where they will be afterwards.
        """
        homes = dict(self._homes)
        excused = {
            group.group_id: device_ids
            for group in snapshot.groups.values()
            if (device_ids := frozenset(devices[it] for it in group.excused if it in devices))
        }
        for group in snapshot.groups.values():
            guests = parties.get(group.group_id, ())[1:]
            places = {it: GroupId(f"{group.group_id}/{party[0]}") for party in guests for it in party}
            for client_id in group.members:
                if client_id in devices:
                    group_id = places.get(client_id, group.group_id)
                    homes[devices[client_id]] = Home(group_id, group.is_named and group_id == group.group_id)
        self._set(homes, excused)

    @callback
    def async_leave_behind(self, group_id: GroupId, present: Collection[str]) -> bool:
        """Let those of a group that were not seen yet be by themselves; return whether there are any.

        `present` are the devices that were seen.
        """
        absent = [it for it, home in self._homes.items() if home.group_id == group_id and it not in present]
        self._set(self._homes | dict.fromkeys(absent, Home(GroupId(ulid_now()))))
        return bool(absent)

    @callback
    def async_forget(self, device_id: str) -> None:
        """Drop a device; out of which groups it was taken is learned anew."""
        self._set({other: home for other, home in self._homes.items() if other != device_id})

    async def async_flush(self) -> None:
        """Write what has not been written."""
        if self._is_dirty:
            await self._store.async_save(self._as_stored())

    def _set(self, homes: dict[str, Home], excused: dict[GroupId, frozenset[str]] | None = None) -> None:
        excused = self._excused if excused is None else excused
        if (homes, excused) == (self._homes, self._excused):
            return
        self._homes, self._excused = homes, excused
        if self._is_dirty:
            return  # another call would move the deadline
        self._is_dirty = True
        self._store.async_delay_save(self._as_stored, _SAVE_DELAY_S)

    def _as_stored(self) -> dict[str, Any]:
        self._is_dirty = False
        devices: dict[Home, list[str]] = {}
        for device_id, home in self._homes.items():
            devices.setdefault(home, []).append(device_id)
        return {
            "groups": [{**home._asdict(), "devices": ids} for home, ids in devices.items()],
            "excused": [{"group_id": group_id, "devices": sorted(ids)} for group_id, ids in self._excused.items()],
        }


def _parse(data: Any) -> tuple[dict[str, Home], dict[GroupId, frozenset[str]]]:
    homes: dict[str, Home] = {}
    for group in data["groups"]:
        home = Home(GroupId(text_of(group, "group_id")), is_named=group["is_named"] is True)
        homes |= dict.fromkeys(_parse_devices(group), home)
    excused = data.get("excused", ())  # not written at first
    return homes, {GroupId(text_of(group, "group_id")): frozenset(_parse_devices(group)) for group in excused}


def _parse_devices(group: Any) -> list[str]:
    if not isinstance(group["devices"], list):
        raise DamagedError
    return [text_of({"id": device_id}, "id") for device_id in group["devices"]]
