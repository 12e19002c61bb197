"""server/state, S>C: what a group plays and what it can be told (protocol.md 10.1, 9.2, 18.5, 18.7).

Clients of the cleartext era merge what they are sent, so every object is complete, unknown values being null. Metadata
and controller travel in messages of their own: a client that dislikes one then still takes the other.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...events import ControllerAction
from ...units import ServerTimeUs
from .envelope import JsonObject, serialise
from .fields import MAX_NUMBER
from .text import sendable_or_none

MAX_SHORT: Final = 2**15 - 1  # small devices keep year and track in 16 bits

# Old libraries drop the whole controller object when these are listed (protocol.md 18.7).
UNSENDABLE_ACTIONS: Final = frozenset({ControllerAction.SEEK, ControllerAction.SEEK_RELATIVE})


class RepeatMode(StrEnum):
    """What happens at the end of the queue."""

    OFF = "off"
    ONE = "one"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where in its medium a group is at the metadata's instant."""

    position_ms: int
    duration_ms: int = 0
    """0 when unknown or endless."""
    speed: float = 1.0
    """1 is normal, 0 is paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a group plays; without a title and the rest, nothing."""

    timestamp: ServerTimeUs
    """When it takes effect, and the instant that `progress` is true at."""
    title: str | None = None
    artist: str | None = None
    album_artist: str | None = None
    album: str | None = None
    artwork_url: str | None = None
    """Must be reachable by anybody: cleartext clients are not authenticated."""
    year: int | None = None
    track: int | None = None
    progress: Progress | None = None
    repeat: RepeatMode | None = None
    is_shuffled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """What a group can be told right now, and how it stands."""

    actions: frozenset[ControllerAction]
    """Only what works at present; what the era cannot read is left out when it is sent."""
    volume: int = 100
    """0-100, of the group."""
    is_muted: bool = False
    repeat: RepeatMode = RepeatMode.OFF
    is_shuffled: bool = False
    seek_max_ms: int | None = None
    """The last position that can be gone to, for eras that are offered that; None where there is no seeking."""

    @property
    def sent_actions(self) -> frozenset[ControllerAction]:
        """What of it a client of the cleartext era is told, and may then ask for."""
        return self.actions - UNSENDABLE_ACTIONS


def metadata_state(metadata: Metadata) -> str:
    """Return the message for metadata clients, every key in it."""
    payload: JsonObject = {
        "timestamp": metadata.timestamp,
        "title": sendable_or_none(metadata.title),
        "artist": sendable_or_none(metadata.artist),
        "album_artist": sendable_or_none(metadata.album_artist),
        "album": sendable_or_none(metadata.album),
        "artwork_url": sendable_or_none(metadata.artwork_url),
        "year": _short(metadata.year, 0),
        "track": _short(metadata.track, 1),
        "progress": _progress(metadata.progress) if metadata.progress else None,
        "repeat": metadata.repeat.value if metadata.repeat else None,
        "shuffle": metadata.is_shuffled,
    }
    return serialise("server/state", {"metadata": payload})


def controller_state(controller: Controller) -> str:
    """Return the message for controllers; actions in a fixed order, so that equal states are equal texts."""
    payload: JsonObject = {
        "supported_commands": [action.value for action in ControllerAction if action in controller.sent_actions],
        "volume": min(max(controller.volume, 0), 100),
        "muted": controller.is_muted,
        "repeat": controller.repeat.value,
        "shuffle": controller.is_shuffled,
    }
    return serialise("server/state", {"controller": payload})


def _progress(progress: Progress) -> JsonObject:
    return {
        "track_progress": min(max(progress.position_ms, 0), MAX_NUMBER),
        "track_duration": min(max(progress.duration_ms, 0), MAX_NUMBER),
        "playback_speed": round(progress.speed * 1_000),
    }


def _short(number: int | None, minimum: int) -> int | None:
    """Return a number that small devices can keep; null says more than a wrong one."""
    return number if number is not None and minimum <= number <= MAX_SHORT else None
