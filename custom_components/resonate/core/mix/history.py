"""Decoded blocks, addressed by frame."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..audio.lanes import remap
from ..formats import Block, Layout
from ..media.source import Passage


class _Segment(NamedTuple):
    start: int
    passage: Passage

    @property
    def end(self) -> int:
        return self.start + len(self.passage.block)


class History:
    """Passages one after another, with gaps where nothing was written."""

    def __init__(self, start: int) -> None:
        """Begin, empty, at this frame."""
        self.end = start
        """The first frame after all that was written or skipped."""
        self._segments: deque[_Segment] = deque()

    def write(self, passage: Passage) -> None:
        """Append frames; the block is kept, nobody may change it."""
        if len(passage.block):
            self._segments.append(_Segment(self.end, passage))
            self.end += len(passage.block)

    def skip(self, frame_count: int) -> None:
        """Leave a gap."""
        self.end += frame_count

    def move(self, shift: int) -> None:
        """Let everything be so many frames later."""
        self._segments = deque(_Segment(start + shift, passage) for start, passage in self._segments)
        self.end += shift

    def read(self, start: int, frame_count: int, layout: Layout) -> Block | None:
        """Return these frames in these lanes, silence where there is nothing; None when all of it is silence.

        The block may be the history's own: not to be changed.
        """
        end = start + frame_count
        pieces = list(self._overlapping(start, end))
        if not pieces:
            return None
        first = pieces[0]
        if len(pieces) == 1 and first.start == start and first.end == end:
            return remap(first.passage.block, first.passage.layout, layout)
        block = np.zeros((frame_count, len(layout)), np.float32)
        for piece in pieces:
            at = piece.start - start
            block[at : at + len(piece.passage.block)] = remap(piece.passage.block, piece.passage.layout, layout)
        return block

    def forget_before(self, frame: int) -> None:
        """Drop what lies before `frame` entirely."""
        while self._segments and self._segments[0].end <= frame:
            self._segments.popleft()

    def _overlapping(self, start: int, end: int) -> Iterator[_Segment]:
        for segment in self._segments:
            if segment.start >= end:
                return
            first = max(start - segment.start, 0)
            block = segment.passage.block
            if first < len(block):
                part = segment.passage._replace(block=block[first : end - segment.start])
                yield _Segment(segment.start + first, part)
