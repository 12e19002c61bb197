"""Device triggers: what happens to a device, its buttons among it."""

from typing import Final

from homeassistant.components.device_automation import DEVICE_TRIGGER_BASE_SCHEMA
from homeassistant.const import CONF_DEVICE_ID, CONF_DOMAIN, CONF_PLATFORM, CONF_TYPE
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.trigger import TriggerActionType, TriggerInfo
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .const import DOMAIN
from .happenings import HAPPENING_TYPES, Happening, async_listen
from .players import view_of_device

TRIGGER_SCHEMA: Final = DEVICE_TRIGGER_BASE_SCHEMA.extend({vol.Required(CONF_TYPE): vol.In(HAPPENING_TYPES)})


async def async_get_triggers(hass: HomeAssistant, device_id: str) -> list[dict[str, str]]:
    """Return one for everything that can happen; none for what is no device of ours."""
    if _own_id(hass, device_id) is None:
        return []
    return [
        {CONF_PLATFORM: "device", CONF_DEVICE_ID: device_id, CONF_DOMAIN: DOMAIN, CONF_TYPE: kind}
        for kind in HAPPENING_TYPES
    ]


async def async_attach_trigger(
    hass: HomeAssistant, config: ConfigType, action: TriggerActionType, trigger_info: TriggerInfo
) -> CALLBACK_TYPE:
    """Run the action when it happens, as long as the device is ours."""
    device_id, kind = config[CONF_DEVICE_ID], config[CONF_TYPE]
    own_id = _own_id(hass, device_id)

    @callback
    def handle(happening: Happening) -> None:
        if happening.kind != kind or own_id is None:
            return
        view = view_of_device(hass, own_id)
        if view is not None and view.device.client_id == happening.client_id:
            trigger = {
                **trigger_info["trigger_data"],
                **happening.attributes,
                CONF_PLATFORM: "device",
                CONF_DOMAIN: DOMAIN,
                CONF_DEVICE_ID: device_id,
                CONF_TYPE: kind,
                "description": f"{kind} of {view.device.name}",
            }
            hass.async_run_hass_job(job, {"trigger": trigger})

    job = HassJob(action, f"resonate device trigger {trigger_info}")
    return async_listen(hass, handle)


def _own_id(hass: HomeAssistant, device_id: str) -> str | None:
    """Return our own id of a device of Home Assistant's registry."""
    device = dr.async_get(hass).async_get(device_id)
    identifiers = () if device is None else device.identifiers
    return next((own_id for domain, own_id in identifiers if domain == DOMAIN), None)
