"""Rendering in a burst: our core without its limits on how far and how fast it sends ahead. For measuring only."""

from core.server import outbox
from core.stream import player_buffer
from core.stream.policy import SendPolicy
from core.units import US_PER_S

_FAR_US = 3600 * US_PER_S


def lift_limits() -> None:
    """Have every server of this process send all there is at once, as far as a player's buffer goes."""

    def horizon_us(_policy: SendPolicy, _lead_us: int) -> int:
        return _FAR_US

    for holder, name, value in (
        (SendPolicy, "horizon_us", horizon_us),
        (player_buffer, "BURST_US", _FAR_US),
        (outbox, "MAX_QUEUED_US", _FAR_US),
    ):
        assert hasattr(holder, name)
        setattr(holder, name, value)
