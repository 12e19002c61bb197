"""Entities for every device and every named group that is known, and for those to come."""

from collections.abc import Callable, Iterable

from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceView, ResonateConfigEntry
from .core.units import GroupId


def is_player(view: DeviceView) -> bool:
    """Say whether a device plays, or has played."""
    return view.device.is_player


@callback
def async_add_per_device(
    entry: ResonateConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[str], Iterable[Entity]],
    *,
    wanted: Callable[[DeviceView], bool] = is_player,
) -> None:
    """Add what `make` gives for each device as soon as it is `wanted`; once, until the device is forgotten."""
    coordinator = entry.runtime_data
    added: set[str] = set()

    @callback
    def add_new() -> None:
        devices = coordinator.data.devices
        added.intersection_update(devices)  # a forgotten one may come back
        new = [device_id for device_id, view in devices.items() if device_id not in added and wanted(view)]
        added.update(new)
        if new:
            async_add_entities([entity for device_id in new for entity in make(device_id)])

    entry.async_on_unload(coordinator.async_add_listener(add_new))
    add_new()


@callback
def async_add_per_group(
    entry: ResonateConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[GroupId], Iterable[Entity]],
) -> None:
    """Add what `make` gives for each named group; once, until that is removed."""
    coordinator = entry.runtime_data
    added: set[GroupId] = set()

    @callback
    def add_new() -> None:
        for group_id in coordinator.data.groups.keys() - added:
            async_add_entities(make(group_id), config_subentry_id=group_id)
        added.clear()
        added.update(coordinator.data.groups)

    entry.async_on_unload(coordinator.async_add_listener(add_new))
    add_new()
