"""A source in the mix: its decoded blocks, addressed by frame of the timeline, before overlays and DSP."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..audio.lanes import remap
from ..channel import MAIN_FEED, FeedId
from ..formats import Block, Layout
from ..media.source import Passage
from ..units import TrackId, frames_to_us


class _Segment(NamedTuple):
    start_frame: int
    passage: Passage

    @property
    def end_frame(self) -> int:
        return self.start_frame + len(self.passage.block)


class Track:
    """The history of one reading of one medium: everything from a little before now to what has been decoded."""

    def __init__(
        self,
        track_id: TrackId,
        *,
        start_frame: int,
        mix_rate: int,
        position_us: int = 0,
        feed: FeedId = MAIN_FEED,
        is_live: bool = False,
    ) -> None:
        """`position_us` is where in the medium its first frame lies."""
        self.track_id = track_id
        self.feed = feed
        self.is_live = is_live
        self.start_frame = start_frame
        self.end_frame = start_frame
        """The first frame that it has nothing for yet."""
        self.is_ended = False
        """Its source gave everything; `end_frame` is final."""
        self._mix_rate = mix_rate
        self._position_us = position_us
        self._segments: deque[_Segment] = deque()
        self._pads: deque[tuple[int, int]] = deque()
        """Silence put in: where, and how many frames."""
        self._forgotten_pad_frames = 0

    @property
    def frame_count(self) -> int:
        """Frames written so far, silence put in for want of data included."""
        return self.end_frame - self.start_frame

    def write(self, passage: Passage) -> None:
        """Append what its source gave next; the track keeps the block, nobody may change it."""
        if len(passage.block):
            self._segments.append(_Segment(self.end_frame, passage))
            self.end_frame += len(passage.block)

    def pad(self, frame_count: int) -> None:
        """Append silence: its source had nothing in time. The medium goes on after it, nothing of it is lost."""
        self._pads.append((self.end_frame, frame_count))
        self.end_frame += frame_count

    def move(self, start_frame: int) -> None:
        """Let it begin elsewhere; only while nothing of it has been heard."""
        shift = start_frame - self.start_frame
        if not shift:
            return
        self._segments = deque(_Segment(s.start_frame + shift, s.passage) for s in self._segments)
        self._pads = deque((frame + shift, frame_count) for frame, frame_count in self._pads)
        self.start_frame += shift
        self.end_frame += shift

    def read(self, start_frame: int, frame_count: int, layout: Layout) -> Block | None:
        """Return these frames in these lanes, silence where it has none; None when all of it is silence.

        The block may be the track's own: not to be changed.
        """
        end_frame = start_frame + frame_count
        pieces = list(self._overlapping(start_frame, end_frame))
        if not pieces:
            return None
        first = pieces[0]
        if len(pieces) == 1 and first.start_frame == start_frame and first.end_frame == end_frame:
            return remap(first.passage.block, first.passage.layout, layout)
        block = np.zeros((frame_count, len(layout)), np.float32)
        for piece in pieces:
            at = piece.start_frame - start_frame
            block[at : at + len(piece.passage.block)] = remap(piece.passage.block, piece.passage.layout, layout)
        return block

    def position_us(self, frame: int) -> int:
        """Return the position in the medium that is heard at `frame`, which must not be forgotten."""
        padded = self._forgotten_pad_frames + sum(min(frame - at, count) for at, count in self._pads if at < frame)
        heard = min(max(frame, self.start_frame), self.end_frame) - self.start_frame
        return self._position_us + frames_to_us(max(heard - padded, 0), self._mix_rate)

    def forget_before(self, frame: int) -> None:
        """Drop what lies before `frame` entirely."""
        while self._segments and self._segments[0].end_frame <= frame:
            self._segments.popleft()
        while self._pads and sum(self._pads[0]) <= frame:
            self._forgotten_pad_frames += self._pads.popleft()[1]

    def _overlapping(self, start_frame: int, end_frame: int) -> Iterator[_Segment]:
        for segment in self._segments:
            if segment.start_frame >= end_frame:
                return
            first = max(start_frame - segment.start_frame, 0)
            last = end_frame - segment.start_frame
            block, layout = segment.passage
            if first < len(block):
                yield _Segment(segment.start_frame + first, Passage(block[first:last], layout))
