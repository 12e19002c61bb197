"""Names the files of the shell share; no protocol numbers."""

from typing import Final

from homeassistant.const import Platform
from homeassistant.util.signal_type import SignalType

from .core.events import Event
from .core.queue import Queue
from .core.units import GroupId

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
CONF_PLAY_ON: Final = "play_on"
CONF_POLICY: Final = "policy"

ATTR_ANNOUNCING: Final = "announcing"
"""Whether what a media player plays is heard in between."""

ISSUE_PORT_TAKEN: Final = "port_taken"

SIGNAL_CORE_EVENT: Final = SignalType[Event](f"{DOMAIN}_core_event")
"""Sent with every event of the core, after the picture in which it is true."""
SIGNAL_QUEUE_RESTORED: Final = SignalType[GroupId, Queue](f"{DOMAIN}_queue_restored")
"""Sent when a group has been given back the queue that it had before a restart."""

EVENT_QUEUE_CHANGED: Final = f"{DOMAIN}_queue_changed"
"""Fired on Home Assistant's bus."""
