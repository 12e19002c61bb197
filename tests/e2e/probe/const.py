"""Names."""

import asyncio
from typing import Final

from homeassistant.util.hass_dict import HassKey

DOMAIN: Final = "e2e_probe"
SPEAK_ON: Final[HassKey[asyncio.Event]] = HassKey(DOMAIN)
