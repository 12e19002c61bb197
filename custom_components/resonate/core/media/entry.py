"""Where to begin in a medium, so that what comes out equals an unbroken reading."""

from math import gcd
from typing import NamedTuple

from ..audio.resample import Resampler, make_resampler
from ..units import us_to_frames


class Entry(NamedTuple):
    """How to read from a position on."""

    begin: int
    """The frame of the medium to begin at, at its own rate."""
    surplus_count: int
    """Frames at the mix rate that lie before the position: to be left out."""
    resampler: Resampler | None
    """None where the rates are equal."""


def enter(position_us: int, rate: int, mix_rate: int, lane_count: int) -> Entry:
    """Return how to give the first frame of the mix at or after a position, and all that follow.

    Frame k of the mix lies at k / mix rate of the medium, wherever reading begins: so a resampler begins on a frame
    that both rates have, and as much earlier as it needs to be settled.
    """
    first = us_to_frames(position_us, mix_rate)
    if rate == mix_rate:
        return Entry(first, 0, None)
    resampler = make_resampler(rate, mix_rate, lane_count)
    period = rate // gcd(rate, mix_rate)
    begin = max((first * rate // mix_rate - resampler.preroll_frames) // period * period, 0)
    return Entry(begin, first - begin * mix_rate // rate, resampler)
