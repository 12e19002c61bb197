"""How much of real time the steps of a playing take, and whether they come in time."""

from collections import deque
from typing import Final

from ..units import US_PER_MS, US_PER_S, ServerTimeUs

WINDOW_US: Final = 5 * US_PER_S
LEAST_SPARE_US: Final = US_PER_S
"""Rendered ahead of what is heard; with less, although there is data, players run dry soon."""
_USUAL_DIP_US: Final = 350 * US_PER_MS
"""A batch of 200 ms is due before the next is made, and a step may come somewhat late."""
_LASTS_US: Final = 200 * US_PER_MS
"""Who has just begun, or just got data, has little too, but more and more: whether it catches up is seen in so long."""
_RECOVERED_BY_US: Final = 100 * US_PER_MS
"""So much more than the least that was too little, or it would be told again and again."""


class Load:
    """Adds up steps and judges how far ahead of what is heard they are. No I/O, looks at no clock."""

    def __init__(self, began_at: ServerTimeUs) -> None:
        """Begin with nothing done."""
        self.is_overloaded = False
        """Steps come so late that players will run dry."""
        self._began_at = began_at
        self._low_since: ServerTimeUs | None = None
        self._low_us = 0
        self._steps: deque[tuple[ServerTimeUs, int]] = deque()

    def share(self, now: ServerTimeUs) -> float:
        """Return the share of real time that steps took in the last `WINDOW_US`, waiting for a thread included."""
        window_us = min(WINDOW_US, now - self._began_at)
        while self._steps and self._steps[0][0] <= now - window_us:
            self._steps.popleft()
        return sum(length_us for _, length_us in self._steps) / window_us if window_us > 0 else 0.0

    def add(self, began_at: ServerTimeUs, ended_at: ServerTimeUs) -> None:
        """Count a step, from being asked for to being done."""
        self._steps.append((ended_at, ended_at - began_at))
        self.share(ended_at)

    def judge(self, spare_us: int | None, horizon_us: int, now: ServerTimeUs) -> bool:
        """Take note of what was still rendered ahead as a step began; return whether `is_overloaded` has changed.

        None: nothing can be said, for it has just begun, or waits for data.
        """
        if spare_us is None:
            self._low_since = None
            return False
        least_us = min(LEAST_SPARE_US, horizon_us // 2, horizon_us - _USUAL_DIP_US)
        if self.is_overloaded:
            least_us += _RECOVERED_BY_US
        is_low = spare_us < least_us
        if not is_low:
            self._low_since = None
        elif self._low_since is None or (now - self._low_since >= _LASTS_US and spare_us > self._low_us):
            self._low_since, self._low_us = now, spare_us
        lasts = self._low_since is not None and now - self._low_since >= _LASTS_US
        is_low = is_low and (self.is_overloaded or lasts)
        was_overloaded, self.is_overloaded = self.is_overloaded, is_low
        return was_overloaded != is_low
