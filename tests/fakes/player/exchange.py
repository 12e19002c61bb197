"""When the player asks for the time, and what it makes of the answers."""

from collections import deque
from typing import Final, NamedTuple

from .timefilter import TimeFilter

INTERVAL_US: Final = 500_000
FIRST_BURST: Final = 8
BURST: Final = 3
_PATIENCE_US: Final = 50_000  # the next of a burst is asked when the last was answered, or after this
SETTLED_DRIFT_SIGMA: Final = 20e-6
_SETTLED_SAMPLES: Final = 4
_SETTLED_AFTER_US: Final = 1_500_000
_SETTLED_ANYHOW_US: Final = 10_000_000  # on a bad network the drift is never known that well: play all the same
_MAX_PENDING: Final = 64


class Sample(NamedTuple):
    """One answered question."""

    max_error_us: float
    offset_us: float
    at_us: int


class TimeExchange:
    """Asks every half second, three times in a row (eight at first); of such a burst the best sample counts."""

    def __init__(self, now_us: int) -> None:
        """Ask at once."""
        self.filter = TimeFilter()
        self.best_max_error_us: float | None = None
        self.due_us = now_us
        """The local instant of the next question."""
        self._began_us = now_us
        self._burst_us = now_us
        self._questions_left = FIRST_BURST
        self._pending: deque[int] = deque()
        self._best: Sample | None = None

    def is_settled(self, now_us: int) -> bool:
        """Return whether the clock is known well enough to play by."""
        age_us = now_us - self._began_us
        if self.filter.sample_count < _SETTLED_SAMPLES or age_us < _SETTLED_AFTER_US:
            return False
        return self.filter.drift_sigma <= SETTLED_DRIFT_SIGMA or age_us >= _SETTLED_ANYHOW_US

    def ask(self, now_us: int) -> int:
        """Return the stamp of the question that is sent now."""
        if not self._questions_left:
            self._conclude()
            self._questions_left, self._burst_us = BURST, now_us
        self._questions_left -= 1
        self._pending.append(now_us)
        if len(self._pending) > _MAX_PENDING:
            self._pending.popleft()
        self.due_us = now_us + _PATIENCE_US if self._questions_left else self._burst_us + INTERVAL_US
        return now_us

    def answer(self, client_transmitted: int, received: int, transmitted: int, now_us: int) -> bool:
        """Take an answer; return False for one that nobody asked for."""
        if client_transmitted not in self._pending:
            return False
        while self._pending.popleft() != client_transmitted:
            pass  # answers come in order: older questions are lost
        offset_us = ((received - client_transmitted) + (transmitted - now_us)) / 2
        max_error_us = max(((now_us - client_transmitted) - (transmitted - received)) / 2, 0)
        sample = Sample(max_error_us, offset_us, now_us)
        if self._best is None or max_error_us < self._best.max_error_us:
            self._best = sample
        if self._questions_left:
            self.due_us = now_us
        elif not self._pending:
            self._conclude()
        return True

    def _conclude(self) -> None:
        """Give the burst's best sample to the filter."""
        if self._best is not None:
            error_us = self._best.max_error_us
            self.filter.add(self._best.offset_us, error_us, self._best.at_us)
            self.best_max_error_us = min(error_us, self.best_max_error_us or error_us)
        self._best = None
