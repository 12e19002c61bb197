"""What some channels hear in the place of a track."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..channel import FeedId
from ..formats import Block, Layout
from ..media.source import Passage
from ..units import TrackId
from .history import History


class Piece(NamedTuple):
    """Consecutive frames that come from one place."""

    offset: int
    frame_count: int
    is_own: bool
    """From the side; else from the track it runs beside."""


class Side:
    """The history of a feed that a medium brings beside its main track, by frame of the medium's main track.

    So whatever is done to the track (moved, padded) holds for its sides. Before its first frame, and after its last one
    if it broke, the track itself is heard; where it has nothing in between, silence.
    """

    def __init__(self, track_id: TrackId, *, start_offset: int, feeds: frozenset[FeedId]) -> None:
        """Begin, empty, at this frame of the track that it runs beside."""
        self.track_id = track_id
        self.feeds = feeds
        """The channels' feeds that hear it."""
        self.is_ended = False
        """Its source gave everything."""
        self.is_broken = False
        """Its source gave up: from its end on the track is heard."""
        self._start_offset = start_offset
        self._history = History(start_offset)

    @property
    def end_offset(self) -> int:
        """The first frame that it has nothing for yet."""
        return self._history.end

    def write(self, passage: Passage) -> None:
        """Append what its source gave next; the side keeps the block, nobody may change it."""
        self._history.write(passage)

    def pieces(self, offset: int, frame_count: int) -> Iterator[Piece]:
        """Tell where each of these frames comes from."""
        end = offset + frame_count
        begins = min(max(self._start_offset, offset), end)
        ends = min(max(self.end_offset, begins), end) if self.is_broken else end
        for first, last, is_own in ((offset, begins, False), (begins, ends, True), (ends, end, False)):
            if first < last:
                yield Piece(first, last - first, is_own)

    def read(self, offset: int, frame_count: int, layout: Layout) -> Block:
        """Return these frames in these lanes, silence where there is none; perhaps its own: not to be changed."""
        block = self._history.read(offset, frame_count, layout)
        return np.zeros((frame_count, len(layout)), np.float32) if block is None else block

    def forget_before(self, offset: int) -> None:
        """Drop what lies before `offset` entirely."""
        self._history.forget_before(offset)
