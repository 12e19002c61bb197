"""Whether a player is being played to: what switches an amplifier."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .entity import ResonateEntity
from .per_device import async_add_per_device

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each player."""
    async_add_per_device(entry, async_add_entities, lambda device_id: [StreamingSensor(entry.runtime_data, device_id)])


class StreamingSensor(ResonateEntity, BinarySensorEntity):
    """On from when audio is sent, which is before it is heard, until the stream ends."""

    _attr_device_class = BinarySensorDeviceClass.RUNNING
    _attr_translation_key = "streaming"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-streaming"

    @property
    @override
    def available(self) -> bool:
        """Always: nothing is sent to a player that is away, and its amplifier is to go off."""
        return True

    @override
    def _update(self) -> None:
        client = self._view.client
        self._attr_is_on = client is not None and client.stream_format is not None
