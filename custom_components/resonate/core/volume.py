"""The volume of a group: one number for many players, which keep their differences (protocol.md 9.4)."""

from collections.abc import Collection, Mapping
from fractions import Fraction
import math
from typing import Final

MAX_VOLUME: Final = 100

_HALF: Final = Fraction(1, 2)


def mean_volume(volumes: Collection[int]) -> int | None:
    """Return the volume of a group whose players have these, halves rounded up; None without any."""
    count = len(volumes)
    return (2 * sum(volumes) + count) // (2 * count) if count else None


def spread[Key](volumes: Mapping[Key, int], wanted: int, limits: Mapping[Key, int] | None = None) -> dict[Key, int]:
    """Return the volumes that move the mean to `wanted`, 0-100, of those players whose volume changes.

    All move by the same amount; what one cannot take, being at 0 or at its limit (100 where `limits` names none), the
    others take. So their differences stay, but for those who are at an end. The order of `volumes` is of no matter.
    """
    tops = {key: min((limits or {}).get(key, MAX_VOLUME), MAX_VOLUME) for key in volumes}
    # Fractions: with floats, what is exactly between two numbers would go either way.
    exact = {key: Fraction(min(volume, tops[key])) for key, volume in volumes.items()}
    active = set(exact)
    rest = wanted * len(exact) - sum(exact.values(), Fraction(0))
    while active and rest:
        delta, rest = rest / len(active), Fraction(0)
        for key in list(active):
            asked = exact[key] + delta
            exact[key] = min(max(asked, Fraction(0)), Fraction(tops[key]))
            rest += asked - exact[key]
            if not 0 < asked < tops[key]:
                active.remove(key)
    rounded = {key: _rounded(level) for key, level in exact.items()}
    return {key: level for key, level in rounded.items() if level != volumes[key]}


def _rounded(level: Fraction) -> int:
    """Round halves down: `mean_volume` rounds them up, so that a group reads what it was set to."""
    return math.ceil(level - _HALF)
