"""From entity ids to what the coordinator knows of them."""

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .coordinator import DeviceView, ResonateConfigEntry


@callback
def our_players(hass: HomeAssistant, entity_ids: set[str]) -> set[str]:
    """Return those of the entities that are media players of ours."""
    registry = er.async_get(hass)
    entries = (registry.async_get(entity_id) for entity_id in entity_ids)
    return {
        entry.entity_id
        for entry in entries
        if entry is not None and entry.platform == DOMAIN and entry.domain == MEDIA_PLAYER_DOMAIN
    }


@callback
def own_id_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return our own id of the device, or of the named group, behind a media player; None for any other."""
    entry = er.async_get(hass).async_get(entity_id)
    return None if entry is None or entry.platform != DOMAIN else entry.unique_id


@callback
def view_of(hass: HomeAssistant, entity_id: str) -> DeviceView | None:
    """Return what is shown of the device behind a media player; None while we do not run, or for any other."""
    own_id = own_id_of(hass, entity_id)
    return None if own_id is None else view_of_device(hass, own_id)


@callback
def view_of_device(hass: HomeAssistant, device_id: str) -> DeviceView | None:
    """Return what is shown of a device by our own id; None while we do not run, or for one that is forgotten."""
    entries: list[ResonateConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    return next(
        (view for entry in entries if (view := entry.runtime_data.data.devices.get(device_id)) is not None), None
    )
