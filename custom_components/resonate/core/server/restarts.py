"""When a playing that broke by an error of our own is taken up again, and when it is given up."""

from collections import deque
from typing import Final

from ..units import US_PER_S, ServerTimeUs

MAX_RESTARTS: Final = 3
WITHIN_US: Final = 60 * US_PER_S
"""An error that comes once an hour is worth a short gap; one that comes at once again will not go away."""


class Restarts:
    """Counts how often a playing was taken up again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._instants: deque[ServerTimeUs] = deque(maxlen=MAX_RESTARTS)

    def allow(self, now: ServerTimeUs) -> bool:
        """Return whether it may be once more, and count it then: `MAX_RESTARTS` within `WITHIN_US` and no more."""
        if len(self._instants) == MAX_RESTARTS and now - self._instants[0] < WITHIN_US:
            return False
        self._instants.append(now)
        return True
