"""What end-to-end tests need inside of Home Assistant: a voice, and a look at its loop and its threads.

Copied into the configuration folder of the one under test; imports nothing of this project.
"""

import asyncio
import threading
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, SPEAK_ON

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
TICK_S: Final = 0.01


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    hass.data[SPEAK_ON] = asyncio.Event()

    async def measure_loop(call: ServiceCall) -> ServiceResponse:
        """Return by how many milliseconds timers of the loop are late, for some seconds."""
        late_ms = sorted([await _lateness_ms(hass) for _ in range(round(call.data["seconds"] / TICK_S))])
        return {"p50": late_ms[len(late_ms) // 2], "p99": late_ms[len(late_ms) * 99 // 100], "max": late_ms[-1]}

    @callback
    def list_threads(_: ServiceCall) -> ServiceResponse:
        """Return the names of all threads."""
        return {"names": [thread.name for thread in threading.enumerate()]}

    @callback
    def speak_on(_: ServiceCall) -> None:
        """Let the voice say the second half."""
        hass.data[SPEAK_ON].set()

    hass.services.async_register(DOMAIN, "measure_loop", measure_loop, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "list_threads", list_threads, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "speak_on", speak_on)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Set up the voice."""
    await hass.config_entries.async_forward_entry_setups(entry, [Platform.TTS])
    return True


async def _lateness_ms(hass: HomeAssistant) -> float:
    due = hass.loop.time() + TICK_S
    fired: asyncio.Future[float] = hass.loop.create_future()
    hass.loop.call_at(due, lambda: fired.set_result(hass.loop.time()))
    return (await fired - due) * 1000
