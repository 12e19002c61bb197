"""The volume of a group: one number for many players that keep their differences."""

from collections.abc import Mapping
from typing import Final

_ENOUGH: Final = 1e-6


def spread_volume[Key](volumes: Mapping[Key, int], wanted: int) -> dict[Key, int]:
    """Return each player's volume so that their mean becomes `wanted`, as far as 0 and 100 let it.

    Differences are kept; what one player cannot take is shared by the others. Source: protocol.md 9.4.
    """
    spread = {key: float(volume) for key, volume in volumes.items()}
    active = set(spread)
    delta = wanted - sum(spread.values()) / len(spread) if spread else 0.0
    while active and abs(delta) > _ENOUGH:
        overflow = 0.0
        for key in list(active):
            want = spread[key] + delta
            spread[key] = min(max(want, 0.0), 100.0)
            overflow += want - spread[key]
            if not 0 < spread[key] < 100:
                active.discard(key)
        delta = overflow / len(active) if active else 0.0
    return {key: round(volume) for key, volume in spread.items()}
