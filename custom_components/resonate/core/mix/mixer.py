"""The sum of tracks."""

from collections.abc import Iterable

import numpy as np

from ..channel import FeedId
from ..formats import Block, Layout
from .track import Track


def mix(tracks: Iterable[Track], feed: FeedId, layout: Layout, start_frame: int, frame_count: int) -> Block:
    """Return these frames of `feed` in these lanes: the sum of what the tracks have for it there.

    A single track passes through as it is, to the bit. The block may be a track's own: not to be changed.
    """
    blocks = [block for track in tracks if (block := track.read(start_frame, frame_count, layout, feed)) is not None]
    if not blocks:
        return np.zeros((frame_count, len(layout)), np.float32)
    if len(blocks) == 1:
        return blocks[0]
    total = blocks[0].copy()
    for block in blocks[1:]:
        total += block
    return total
