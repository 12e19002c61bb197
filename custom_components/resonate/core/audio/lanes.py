"""The lanes of a block, mapped to other lanes: up and down mixes."""

from functools import lru_cache
from typing import Final

import numpy as np

from ..formats import MONO, Block, Lane, Layout

_MINUS_3_DB: Final = 0.5**0.5
_MINUS_6_DB: Final = 0.5

AV_LAYOUT_BY_COUNT: Final[dict[int, str]] = {
    1: "mono",
    2: "stereo",
    3: "2.1",
    4: "quad",
    5: "5.0",
    6: "5.1",
    7: "6.1",
    8: "7.1",
}
"""How PyAV calls some layout of so many lanes, for what takes lanes one by one."""

type _Route = tuple[tuple[Lane, float], ...]

_ROUTES: Final[dict[Lane, tuple[_Route, ...]]] = {
    Lane.FL: (((Lane.FC, _MINUS_3_DB),),),
    Lane.FR: (((Lane.FC, _MINUS_3_DB),),),
    Lane.FC: (((Lane.FL, _MINUS_3_DB), (Lane.FR, _MINUS_3_DB)),),
    Lane.FLC: (((Lane.FL, 1.0),), ((Lane.FC, _MINUS_3_DB),)),
    Lane.FRC: (((Lane.FR, 1.0),), ((Lane.FC, _MINUS_3_DB),)),
    Lane.SL: (((Lane.BL, 1.0),), ((Lane.FL, _MINUS_3_DB),), ((Lane.FC, _MINUS_6_DB),)),
    Lane.SR: (((Lane.BR, 1.0),), ((Lane.FR, _MINUS_3_DB),), ((Lane.FC, _MINUS_6_DB),)),
    Lane.BL: (((Lane.SL, 1.0),), ((Lane.FL, _MINUS_3_DB),), ((Lane.FC, _MINUS_6_DB),)),
    Lane.BR: (((Lane.SR, 1.0),), ((Lane.FR, _MINUS_3_DB),), ((Lane.FC, _MINUS_6_DB),)),
    Lane.BC: (
        ((Lane.BL, _MINUS_3_DB), (Lane.BR, _MINUS_3_DB)),
        ((Lane.SL, _MINUS_3_DB), (Lane.SR, _MINUS_3_DB)),
        ((Lane.FL, _MINUS_6_DB), (Lane.FR, _MINUS_6_DB)),
        ((Lane.FC, _MINUS_6_DB),),
    ),
}
"""Where a lane goes that the target lacks: the first route of which the target has a lane. Source: ITU-R BS.775, table
2, which drops LFE."""


def remap(block: Block, source: Layout, target: Layout) -> Block:
    """Return `block`, whose lanes are `source`, with the lanes `target`.

    The block itself when both are the same. Lanes that the target lacks go into its nearest ones, those that only it
    has are silent; what lay within full scale stays there. One lane alone is heard at its own level on both sides.
    """
    if source == target:
        return block
    mapped: Block = np.matmul(block, _matrix(source, target))
    return mapped


@lru_cache(maxsize=64)
def _matrix(source: Layout, target: Layout) -> Block:
    """Return the gains, shape (source lanes, target lanes); read only."""
    matrix = np.zeros((len(source), len(target)))
    for row, lane in zip(matrix, source, strict=True):
        for into, gain in _route(lane, target):
            if into in target:
                row[target.index(into)] = 1.0 if source == MONO else gain
    matrix /= max(1.0, matrix.sum(axis=0).max(initial=0.0))
    gains: Block = np.ascontiguousarray(matrix, np.float32)
    gains.flags.writeable = False
    return gains


def _route(lane: Lane, target: Layout) -> _Route:
    if lane in target:
        return ((lane, 1.0),)
    routes = _ROUTES.get(lane, ())
    return next((route for route in routes if any(into in target for into, _ in route)), ())
