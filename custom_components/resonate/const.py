"""Names the files of the shell share; no protocol numbers."""

from typing import Final

from homeassistant.const import Platform
from homeassistant.util.signal_type import SignalType

from .core.events import Event

DOMAIN: Final = "resonate"
PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.EVENT,
    Platform.MEDIA_PLAYER,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
]

CONF_ADDRESSES: Final = "addresses"
CONF_POLICY: Final = "policy"

ISSUE_PORT_TAKEN: Final = "port_taken"

SIGNAL_CORE_EVENT: Final = SignalType[Event](f"{DOMAIN}_core_event")
"""Sent with every event of the core, after the picture in which it is true."""
