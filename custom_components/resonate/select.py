"""What can be chosen for a player: the format that it is sent."""

from typing import Final, override

from homeassistant.components.select import SelectEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .core.formats import StreamFormat
from .entity import ResonateEntity
from .format_texts import full_format_text
from .per_device import async_add_per_device

PARALLEL_UPDATES = 0

AUTOMATIC: Final = "automatic"


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each player."""
    async_add_per_device(entry, async_add_entities, lambda device_id: [FormatChoice(entry.runtime_data, device_id)])


class FormatChoice(ResonateEntity, SelectEntity):
    """What the player is sent: a format of its own list, or what it asks for itself.

    Is ours to keep: it can be chosen while the player is away. A choice that the player lists no longer is kept, but
    does not hold, and `AUTOMATIC` is shown.
    """

    _attr_entity_category = EntityCategory.CONFIG
    _attr_translation_key = "format"

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        self._formats: dict[str, StreamFormat] = {}
        """What can be chosen, by what it is called."""
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-format"

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    async def async_select_option(self, option: str) -> None:
        """Let the player be sent this from now on; what it hears goes on in it."""
        self.coordinator.choose_format(self._device_id, self._formats.get(option))

    @override
    def _update(self) -> None:
        client, chosen = self._view.client, self._view.device.chosen_format
        if client is not None:
            listed = client.formats
        else:  # what it lists is not known yet
            listed = () if chosen is None else (chosen,)
        # Opus of several depths is one and the same.
        self._formats = {full_format_text(stream_format): stream_format for stream_format in listed}
        self._attr_options = [AUTOMATIC, *self._formats]
        self._attr_current_option = full_format_text(chosen) if chosen in listed else AUTOMATIC
