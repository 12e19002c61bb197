"""The actions of the integration."""

from typing import Final

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.core import HomeAssistant, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv, service
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from .const import DOMAIN

_NAME: Final = vol.All(cv.string, vol.Strip, vol.Length(min=1, max=100))
_QUEUE_ID: Final = vol.All(vol.Coerce(int), vol.Range(min=1))
_QUEUE_IDS: Final = vol.All(cv.ensure_list, [_QUEUE_ID], vol.Length(min=1))
SCHEMAS: Final[dict[str, VolDictType]] = {
    "clear_queue": {},
    "clear_sleep_timer": {},
    "export_queue": {},
    "get_queue": {
        vol.Optional("offset", default=0): vol.All(vol.Coerce(int), vol.Range(min=0)),
        vol.Optional("limit"): vol.All(vol.Coerce(int), vol.Range(min=1)),
    },
    "load_queue": {vol.Required("name"): _NAME},
    "move_queue_item": {
        vol.Required("queue_ids"): _QUEUE_IDS,
        vol.Required("destination_position"): vol.All(vol.Coerce(int), vol.Range(min=1)),
    },
    "play": {
        vol.Required("media_content_id"): cv.string,
        vol.Optional("media_content_type", default="music"): cv.string,
        vol.Optional("start_at"): cv.datetime,
        vol.Optional("extra"): dict,
    },
    "play_queue_item": {vol.Required("queue_id"): _QUEUE_ID},
    "remove_from_queue": {vol.Required("queue_ids"): _QUEUE_IDS},
    "remove_saved_queue": {vol.Required("name"): _NAME},
    "restore": {},
    "save_queue": {vol.Required("name"): _NAME},
    "set_sleep_timer": {
        vol.Required("duration"): cv.positive_time_period,
        vol.Optional("fade"): cv.positive_time_period,
    },
    "snapshot": {},
    "transfer_queue": {vol.Required("destination"): cv.entity_id},
}
"""What each action takes."""
_ANSWERED: Final = ("export_queue", "get_queue")
METHODS: Final = {"clear_queue": "async_clear_playlist"}
"""Of the entity, where it is not called as the action is."""


@callback
def async_register_actions(hass: HomeAssistant) -> None:
    """Offer all actions, with or without an entry."""
    for name, schema in SCHEMAS.items():
        service.async_register_platform_entity_service(
            hass,
            DOMAIN,
            name,
            entity_domain=MEDIA_PLAYER_DOMAIN,
            schema=schema,
            func=METHODS.get(name, f"async_{name}"),
            supports_response=SupportsResponse.ONLY if name in _ANSWERED else SupportsResponse.NONE,
        )
