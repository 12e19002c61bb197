"""What the system information page says."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import ResonateConfigEntry
from .core.audio.resample import available_engines


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what tells it."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[ResonateConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    info: dict[str, Any] = {"resampler": available_engines()[0].value}
    for entry in entries:
        data = entry.runtime_data.data
        info["port"] = data.port
        info["devices_connected"] = sum(view.is_connected for view in data.devices.values())
        info["devices_known"] = len(data.devices)
        clients = [view.client for view in data.devices.values() if view.client is not None]
        info["devices_streaming"] = sum(client.stream_format is not None for client in clients)
    return info
