"""Whether a peer is still there and takes what it is sent. Sans-IO: instants in, findings out."""

from enum import Enum, auto
from typing import Final

from ..units import US_PER_S, ServerTimeUs

PING_AFTER_US: Final = 30 * US_PER_S  # protocol.md 20.3; of silence, for who speaks is alive
PONG_WITHIN_US: Final = 30 * US_PER_S  # protocol.md 20.1
PROGRESS_WITHIN_US: Final = 5 * US_PER_S  # protocol.md 20.2


class Finding(Enum):
    """What a look at the peer shows."""

    SILENT = auto()
    """It has said nothing for long: ping it."""
    DEAD = auto()
    """It did not answer the ping."""
    STUCK = auto()
    """It takes nothing of what was written."""


class Watch:
    """Remembers when a peer was last heard and how much of what was written to it has left."""

    def __init__(self, now: ServerTimeUs) -> None:
        """Begin with a peer that was heard just now."""
        self._heard_at = now
        self._pinged_at: ServerTimeUs | None = None
        self._written_bytes = 0
        self._taken_bytes = 0
        self._progress_due_at: ServerTimeUs | None = None

    @property
    def next_at(self) -> ServerTimeUs:
        """When to look next."""
        at = self._sign_of_life_due_at
        return at if self._progress_due_at is None else min(at, self._progress_due_at)

    def heard(self, now: ServerTimeUs) -> None:
        """Take note of a message, or of the answer to a ping."""
        self._heard_at = now
        self._pinged_at = None

    def wrote(self, byte_count: int, waiting_bytes: int, now: ServerTimeUs) -> None:
        """Take note of a write; `waiting_bytes` of all that was written have not left."""
        self._written_bytes += byte_count
        self._expect_progress(waiting_bytes, now)

    def look(self, waiting_bytes: int, now: ServerTimeUs) -> Finding | None:
        """Return what is wrong with the peer, if anything is."""
        if self._progress_due_at is not None and now >= self._progress_due_at:
            if waiting_bytes and self._written_bytes - waiting_bytes == self._taken_bytes:
                return Finding.STUCK
            self._progress_due_at = None
            self._expect_progress(waiting_bytes, now)
        if now < self._sign_of_life_due_at:
            return None
        if self._pinged_at is not None:
            return Finding.DEAD
        self._pinged_at = now
        return Finding.SILENT

    @property
    def _sign_of_life_due_at(self) -> ServerTimeUs:
        if self._pinged_at is None:
            return ServerTimeUs(self._heard_at + PING_AFTER_US)
        return ServerTimeUs(self._pinged_at + PONG_WITHIN_US)

    def _expect_progress(self, waiting_bytes: int, now: ServerTimeUs) -> None:
        if self._progress_due_at is None and waiting_bytes:
            self._taken_bytes = self._written_bytes - waiting_bytes
            self._progress_due_at = ServerTimeUs(now + PROGRESS_WITHIN_US)
