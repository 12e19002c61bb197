"""How a player was, to be put back so."""

from dataclasses import dataclass

from .queue_records import StoredQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a snapshot keeps of a player."""

    queue: StoredQueue
    was_playing: bool
    volume_level: float | None
    """0 to 1; None where there is none to be set."""
    is_muted: bool | None
