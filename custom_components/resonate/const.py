"""Names the files of the shell share; no protocol numbers."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "resonate"
PLATFORMS: Final = [Platform.MEDIA_PLAYER]

CONF_ADDRESSES: Final = "addresses"
CONF_POLICY: Final = "policy"

ISSUE_PORT_TAKEN: Final = "port_taken"
