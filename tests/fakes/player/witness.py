"""What the player saw: counts, states, and everything that the server did against the rules."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from .timeline import Segment

_CAPACITY_SLACK_US = 5000  # the two ends know each other's clock, and the network, no better than that


@dataclass(slots=True)
class Witness:
    """Counters of one player, over all its connections."""

    messages: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    """What the server did against the rules, in words."""
    states: list[str] = field(default_factory=list)
    """State words that the player has sent, changes only."""
    streams: list[dict[str, Any]] = field(default_factory=list)
    """Formats of stream/start, in order."""
    server: dict[str, Any] = field(default_factory=dict)
    group: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    controller: dict[str, Any] = field(default_factory=dict)
    connection_count: int = 0

    def merge(self, role: str, update: dict[str, Any]) -> None:
        """Merge a delta into what is known of a role: null clears a field, an absent field stays."""
        known: dict[str, Any] = getattr(self, role)
        known.update(update)
        for key in [key for key, value in known.items() if value is None]:
            del known[key]


class BufferMeter:
    """Counts the bytes that the player holds, as the server is meant to count them."""

    def __init__(self, capacity: int) -> None:
        """Begin empty."""
        self.peak_bytes = 0
        self._capacity = capacity
        self._held: deque[tuple[float, int]] = deque()
        self._held_bytes = 0

    def add(self, end_us: float, byte_count: int, played_us: float) -> bool:
        """Take a chunk that is played at `end_us`, when all until `played_us` is; return whether it fits."""
        while self._held and self._held[0][0] <= played_us + _CAPACITY_SLACK_US:
            self._held_bytes -= self._held.popleft()[1]
        self._held.append((end_us, byte_count))
        self._held_bytes += byte_count
        self.peak_bytes = max(self.peak_bytes, self._held_bytes)
        return self._held_bytes <= self._capacity

    def clear(self) -> None:
        """Hold nothing."""
        self._held.clear()
        self._held_bytes = 0


def total(segments: list[Segment]) -> dict[str, int]:
    """Return the sums over all segments of what is counted."""
    counted = (
        "chunk_count",
        "byte_count",
        "frame_count",
        "late_frames",
        "missing_frames",
        "overlapping_frames",
        "skipped_frames",
    )
    return {name: sum(getattr(segment, name) for segment in segments) for name in counted}
