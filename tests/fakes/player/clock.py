"""The player's own clock: a random origin and a drift, as a cheap crystal has."""

from collections.abc import Callable
import random
import time
from typing import Final

MAX_DRIFT_PPM: Final = 50.0  # what consumer crystals promise
_ORIGIN_SPREAD_US: Final = 1 << 40  # twelve days: nothing of the server's clock shows through


def monotonic_raw_ns() -> int:
    """Return the clock that all processes of a machine share and nobody slews."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


class DriftingClock:
    """A local clock in µs: `origin + (1 + drift) * elapsed`.

    The player decides by `now_us` alone. `true_ns` is for the witness record, and for timers.
    """

    def __init__(
        self,
        *,
        drift_ppm: float | None = None,
        origin_us: int | None = None,
        raw_ns: Callable[[], int] = monotonic_raw_ns,
        rng: random.Random | None = None,
    ) -> None:
        """Start at `origin_us`; origin and drift are drawn by lot when not given."""
        rng = rng or random.Random()
        self.drift_ppm = rng.uniform(-MAX_DRIFT_PPM, MAX_DRIFT_PPM) if drift_ppm is None else drift_ppm
        self.origin_us = rng.randrange(_ORIGIN_SPREAD_US) if origin_us is None else origin_us
        self.rate = 1 + self.drift_ppm * 1e-6
        self._raw_ns = raw_ns
        self._began_ns = raw_ns()

    def now_us(self) -> int:
        """Return the local instant, in whole µs."""
        return self.origin_us + int((self._raw_ns() - self._began_ns) * self.rate / 1000)

    def true_ns(self, local_us: float) -> float:
        """Return the shared clock's instant (ns) at which the local clock shows `local_us`."""
        return self._began_ns + (local_us - self.origin_us) * 1000 / self.rate
