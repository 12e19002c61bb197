"""The real clock."""

import asyncio
from collections.abc import Callable
import time
from typing import Final

from ..clock import Clock, Timer
from ..units import US_PER_S, ServerTimeUs

ORIGIN_US: Final = 60 * US_PER_S
"""What the clock says when it is made: above 0, so that looking back a little (history, delays) stays so too."""


class MonotonicClock:
    """CLOCK_MONOTONIC_RAW in µs since it was made, plus `ORIGIN_US`: never slewed, far below 2^53 (protocol.md 7.1)."""

    def __init__(self) -> None:
        """Begin to count."""
        self._base_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - ORIGIN_US * 1000

    def now(self) -> ServerTimeUs:
        """Return the present instant. Any thread."""
        return ServerTimeUs((time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - self._base_ns) // 1000)

    def call_at(self, at: ServerTimeUs, callback: Callable[[], object]) -> LoopTimer:
        """Have the running loop make the call at `at` or soon after; on its next turn when that has passed."""
        return LoopTimer(self, at, callback)

    async def sleep_until(self, at: ServerTimeUs) -> None:
        """Return at `at` or soon after; after a turn of the loop when it has passed."""
        await asyncio.sleep(max(0, at - self.now()) / US_PER_S)
        while (rest_us := at - self.now()) > 0:  # the loop sleeps by CLOCK_MONOTONIC, which NTP makes run faster
            await asyncio.sleep(rest_us / US_PER_S)


class LoopTimer:
    """A call that is still to come, on the running loop."""

    def __init__(self, clock: MonotonicClock, at: ServerTimeUs, callback: Callable[[], object]) -> None:
        """Set it."""
        self._clock = clock
        self._at = at
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._handle = self._set()

    def cancel(self) -> None:
        """Make it not come; nothing happens when it has."""
        self._handle.cancel()

    def _set(self) -> asyncio.Handle:
        rest_us = self._at - self._clock.now()
        if rest_us <= 0:
            return self._loop.call_soon(self._callback)
        return self._loop.call_later(rest_us / US_PER_S, self._fire)

    def _fire(self) -> None:
        if self._clock.now() >= self._at:
            self._callback()
        else:  # as in sleep_until
            self._handle = self._set()


class Alarm:
    """One call to come, at the earliest instant that was asked for."""

    def __init__(self, clock: Clock, callback: Callable[[], object]) -> None:
        """Set nothing yet."""
        self._clock = clock
        self._callback = callback
        self._at: ServerTimeUs | None = None
        self._timer: Timer | None = None

    def set(self, at: ServerTimeUs) -> None:
        """Have the call come at `at`, unless it comes sooner."""
        if self._at is None or at < self._at:
            self.stop()
            self._at = at
            self._timer = self._clock.call_at(at, self._fire)

    def stop(self) -> None:
        """Have no call come."""
        if self._timer is not None:
            self._timer.cancel()
        self._at = self._timer = None

    def _fire(self) -> None:
        self._at = self._timer = None
        self._callback()
