"""How far ahead of what is heard a group sends: what is on the wire cannot be changed any more."""

from enum import StrEnum
from typing import Final

from ..units import US_PER_S

RESPONSIVE_MARGIN_US: Final = 250_000


class SendPolicy(StrEnum):
    """A horizon, not a delay: the first frame is heard at now + lead under each of them."""

    RESPONSIVE = "responsive"
    BALANCED = "balanced"
    STABLE = "stable"

    def horizon_us(self, lead_us: int) -> int:
        """Return how far ahead to send when the slowest player needs `lead_us`; never less than that."""
        return max(_LEAST_US.get(self, 0), lead_us + RESPONSIVE_MARGIN_US)


_LEAST_US: Final = {SendPolicy.BALANCED: 2 * US_PER_S, SendPolicy.STABLE: 10 * US_PER_S}
