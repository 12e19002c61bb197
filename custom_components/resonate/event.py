"""What happens to a device, its buttons among it."""

from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .entity import ResonateEntity
from .happenings import HAPPENING_TYPES, Happening, async_listen
from .per_device import async_add_per_device

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each device, those that play nothing too: remotes have buttons."""
    async_add_per_device(
        entry,
        async_add_entities,
        lambda device_id: [DeviceEvents(entry.runtime_data, device_id)],
        wanted=lambda _: True,
    )


class DeviceEvents(ResonateEntity, EventEntity):
    """Tells what happened last."""

    _attr_event_types = HAPPENING_TYPES
    _attr_translation_key = "device"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-events"

    @property
    @override
    def available(self) -> bool:
        """Always: that a device is lost is one of the things it tells."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to what happens."""
        await super().async_added_to_hass()
        self.async_on_remove(async_listen(self.hass, self._handle))

    @callback
    def _handle(self, happening: Happening) -> None:
        if happening.client_id == self._view.device.client_id:
            self._trigger_event(happening.kind, dict(happening.attributes))
            self.async_write_ha_state()
