"""When the player asks for the time, and what it makes of the answers."""

from collections import deque
from typing import Final

from .timefilter import TimeFilter

INTERVAL_US: Final = 500_000
BURST_COUNT: Final = 8
_BURST_PATIENCE_US: Final = 50_000  # the next of a burst is asked when the last was answered, or after this
SETTLED_DRIFT_SIGMA: Final = 20e-6
_SETTLED_SAMPLES: Final = 4
_SETTLED_AFTER_US: Final = 1_500_000
_PATIENCE_US: Final = 10_000_000  # on a bad network the drift is never known that well: play all the same
_MAX_PENDING: Final = 64


class TimeExchange:
    """A burst at first, of which the best sample counts, then a question every half second."""

    def __init__(self, now_us: int) -> None:
        """Ask at once."""
        self.filter = TimeFilter()
        self.best_max_error_us: float | None = None
        self._pending: deque[int] = deque()
        self._due_us = now_us
        self._first_us = now_us
        self._burst_left = BURST_COUNT
        self._burst_best: tuple[float, float, int] | None = None

    @property
    def due_us(self) -> int:
        """The local instant of the next question."""
        return self._due_us

    def is_settled(self, now_us: int) -> bool:
        """Return whether the clock is known well enough to play by."""
        if self.filter.sample_count < _SETTLED_SAMPLES or now_us - self._first_us < _SETTLED_AFTER_US:
            return False
        return self.filter.drift_sigma <= SETTLED_DRIFT_SIGMA or now_us - self._first_us >= _PATIENCE_US

    def ask(self, now_us: int) -> int:
        """Return the stamp of the question that is sent now."""
        self._pending.append(now_us)
        if len(self._pending) > _MAX_PENDING:
            self._pending.popleft()
        self._due_us = now_us + (_BURST_PATIENCE_US if self._burst_left > 1 else INTERVAL_US)
        return now_us

    def answer(self, client_transmitted: int, received: int, transmitted: int, now_us: int) -> bool:
        """Take an answer; return False for one that nobody asked for."""
        if client_transmitted not in self._pending:
            return False
        while self._pending.popleft() != client_transmitted:
            pass  # answers come in order: older questions are lost
        offset_us = ((received - client_transmitted) + (transmitted - now_us)) / 2
        max_error_us = max(((now_us - client_transmitted) - (transmitted - received)) / 2, 0)
        self.best_max_error_us = min(max_error_us, self.best_max_error_us or max_error_us)
        if self._burst_left:
            self._take_burst(offset_us, max_error_us, now_us)
        else:
            self.filter.add(offset_us, max_error_us, now_us)
        return True

    def _take_burst(self, offset_us: float, max_error_us: float, now_us: int) -> None:
        self._burst_left -= 1
        if self._burst_best is None or max_error_us < self._burst_best[0]:
            self._burst_best = (max_error_us, offset_us, now_us)
        if self._burst_left:
            self._due_us = now_us
        else:
            best_error_us, best_offset_us, at_us = self._burst_best
            self.filter.add(best_offset_us, best_error_us, at_us)
            self._due_us = now_us + INTERVAL_US
