"""Numbers about the server, for diagnostics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..clock import Clock
from ..units import US_PER_MS, US_PER_S, ClientId, GroupId, ServerTimeUs
from .clock import Alarm

_PERIOD_US: Final = 100 * US_PER_MS
_WINDOW_US: Final = US_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics:
    """Counters, as of the moment they were asked for."""

    loop_lag_us: int | None = None
    """How late the loop made a call at worst, within the last two seconds; None unless it is measured."""
    encoded_chunk_count: int = 0
    """By the groups there are; what players share counts once."""
    resampled_block_count: int = 0
    held_bytes: Mapping[ClientId, int] = field(default_factory=dict)
    """Audio that each player has and has not played yet."""
    held_us: Mapping[ClientId, int] = field(default_factory=dict)
    """The same as a length of audio."""
    lead_ms: Mapping[ClientId, int] = field(default_factory=dict)
    """How far ahead of its first sample each connected player wants to be sent something."""
    queued_bytes: Mapping[ClientId, int] = field(default_factory=dict)
    """Audio that waits for each player's connection."""
    load: Mapping[GroupId, float] = field(default_factory=dict)
    """The share of real time that the work for each group takes, of late."""
    dropped_chunk_count: int = 0
    """Chunks that were too late to be written, over all connected players."""


class LoopLag:
    """Measures how late the loop is: asks to be called ten times a second."""

    def __init__(self, clock: Clock) -> None:
        """Measure nothing yet."""
        self._clock = clock
        self._alarm = Alarm(clock, self._measure)
        self._due_at: ServerTimeUs | None = None
        self._window_ends_at = clock.now()
        self._worst_us = 0
        self._worst_before_us = 0

    @property
    def worst_us(self) -> int | None:
        """The worst of this second and the one before; None while nothing is measured."""
        return None if self._due_at is None else max(self._worst_us, self._worst_before_us)

    def start(self) -> None:
        """Measure from now on. Again: nothing happens."""
        if self._due_at is None:
            self._wait()

    def stop(self) -> None:
        """Measure no more."""
        self._alarm.stop()
        self._due_at = None

    def _measure(self) -> None:
        now = self._clock.now()
        if self._due_at is not None:
            if now >= self._window_ends_at:
                self._window_ends_at = ServerTimeUs(now + _WINDOW_US)
                self._worst_before_us, self._worst_us = self._worst_us, 0
            self._worst_us = max(self._worst_us, now - self._due_at)
        self._wait()

    def _wait(self) -> None:
        self._due_at = ServerTimeUs(self._clock.now() + _PERIOD_US)
        self._alarm.set(self._due_at)
