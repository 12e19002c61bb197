"""How often a client may ask for the time."""

from collections import deque
from typing import Final

from ..units import US_PER_S, ServerTimeUs

MAX_PER_SECOND: Final = 50  # protocol.md 20.1
SUSTAINED_S: Final = 3  # bursts (eight at once, or what a stalled network gives out together) are fine


class FloodGate:
    """Counts requests and tells when so many a second have come for so long."""

    def __init__(self) -> None:
        """Start with none counted."""
        self._instants: deque[ServerTimeUs] = deque(maxlen=MAX_PER_SECOND * SUSTAINED_S)

    def is_flooded(self, now: ServerTimeUs) -> bool:
        """Count a request and return whether the limit was reached over the whole of the last seconds."""
        instants = self._instants
        flooded = len(instants) == instants.maxlen and now - instants[0] <= SUSTAINED_S * US_PER_S
        instants.append(now)
        return flooded
