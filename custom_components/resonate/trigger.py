"""Triggers that Home Assistant's own media player does not have."""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.trigger import Trigger

from .media_triggers import PositionReached, TrackAboutToEnd, TrackChanged
from .player_triggers import PlayerBack, PlayerBackInSync, PlayerLost, PlayerOutOfSync, QueueChanged, QueueEnded

TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "player_back": PlayerBack,
    "player_back_in_sync": PlayerBackInSync,
    "player_lost": PlayerLost,
    "player_out_of_sync": PlayerOutOfSync,
    "position_reached": PositionReached,
    "queue_changed": QueueChanged,
    "queue_ended": QueueEnded,
    "track_about_to_end": TrackAboutToEnd,
    "track_changed": TrackChanged,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return them by the second half of their names."""
    return TRIGGERS
