"""An integration for measurements: how late Home Assistant's loop is."""

import asyncio
import time

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers.typing import ConfigType

DOMAIN = "loop_probe"
_EVERY_S = 0.01


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Measure from now on; `loop_probe.take` returns what was measured since it was called last, in ms."""
    lags_ms: list[float] = []

    async def measure() -> None:
        while True:
            due = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            lags_ms.append((time.monotonic() - due) * 1000)

    async def take(_call: ServiceCall) -> ServiceResponse:
        taken, lags_ms[:] = sorted(lags_ms), []
        return {
            "count": len(taken),
            "p50_ms": taken[len(taken) // 2],
            "p99_ms": taken[len(taken) * 99 // 100],
            "max_ms": taken[-1],
        }

    hass.async_create_background_task(measure(), DOMAIN)
    hass.services.async_register(DOMAIN, "take", take, supports_response=SupportsResponse.ONLY)
    return True
