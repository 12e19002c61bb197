"""How much earlier a player plays, for what comes after it takes its time."""

from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberMode
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceView, ResonateConfigEntry, ResonateCoordinator
from .entity import ResonateEntity, translated
from .per_device import async_add_per_device

PARALLEL_UPDATES = 0


def _can_set(view: DeviceView) -> bool:
    return view.client is not None and view.client.can_set_output_delay


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each player that can be told, once it has said so."""
    async_add_per_device(
        entry, async_add_entities, lambda device_id: [OutputDelay(entry.runtime_data, device_id)], wanted=_can_set
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
