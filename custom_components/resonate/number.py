"""What can be set of a player: how much earlier it plays, how loud it may be, and is at first."""

from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberMode
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceView, ResonateConfigEntry, ResonateCoordinator
from .core.volume import MAX_VOLUME
from .entity import ResonateEntity, translated
from .per_device import async_add_per_device

PARALLEL_UPDATES = 0


def _can_set(view: DeviceView) -> bool:
    return view.client is not None and view.client.can_set_output_delay


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the delay for each player that can be told, once it has said so, and the volumes for every one."""
    coordinator = entry.runtime_data
    async_add_per_device(
        entry, async_add_entities, lambda device_id: [OutputDelay(coordinator, device_id)], wanted=_can_set
    )
    async_add_per_device(
        entry,
        async_add_entities,
        lambda device_id: [MaxVolume(coordinator, device_id), StartVolume(coordinator, device_id)],
    )


class OutputDelay(ResonateEntity, NumberEntity):
    """Shows what the player confirms."""

    _attr_device_class = NumberDeviceClass.DURATION
    _attr_entity_category = EntityCategory.CONFIG
    _attr_mode = NumberMode.BOX
    _attr_native_max_value = 5_000
    _attr_native_min_value = 0
    _attr_native_step = 1
    _attr_native_unit_of_measurement = UnitOfTime.MILLISECONDS
    _attr_translation_key = "output_delay"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-output_delay"

    @property
    @override
    def available(self) -> bool:
        """Whether it can be told."""
        return super().available and _can_set(self._view)

    @override
    @translated
    async def async_set_native_value(self, value: float) -> None:
        """Tell the player; the value is shown once it confirms."""
        client_id = self._view.device.client_id
        await self.coordinator.bridge.async_ask(lambda server: server.set_output_delay(client_id, round(value)))

    @override
    def _update(self) -> None:
        client = self._view.client
        self._attr_native_value = None if client is None else client.output_delay_ms


class _Volume(ResonateEntity, NumberEntity):
    """Is ours to keep: it can be set while the player is away, and holds from when it connects."""

    _attr_entity_category = EntityCategory.CONFIG
    _attr_native_max_value = MAX_VOLUME
    _attr_native_step = 1
    _attr_native_unit_of_measurement = PERCENTAGE

    @property
    @override
    def available(self) -> bool:
        return True


class MaxVolume(_Volume):
    """The player is never louder."""

    _attr_native_min_value = 1
    _attr_translation_key = "max_volume"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-max_volume"

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Let it never be louder from now on."""
        start_volume = self._view.device.start_volume
        self.coordinator.set_volumes(self._device_id, max_volume=round(value), start_volume=start_volume)

    @override
    def _update(self) -> None:
        self._attr_native_value = self._view.device.max_volume


class StartVolume(_Volume):
    """The player is so loud whenever it connects; 0: as loud as it was."""

    _attr_native_min_value = 0
    _attr_translation_key = "start_volume"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-start_volume"

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Let it connect with this volume from the next time on."""
        max_volume = self._view.device.max_volume
        self.coordinator.set_volumes(self._device_id, max_volume=max_volume, start_volume=round(value) or None)

    @override
    def _update(self) -> None:
        self._attr_native_value = self._view.device.start_volume or 0
