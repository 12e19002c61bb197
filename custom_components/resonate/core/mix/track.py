"""A source in the mix: its decoded blocks, addressed by frame of the timeline, before overlays and DSP."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..channel import MAIN_FEED, FeedId
from ..formats import Block, Layout
from ..media.source import Passage
from ..media.tags import Tags
from ..units import TrackId, frames_to_us, us_to_frames
from .history import History
from .side import Side


class _Span(NamedTuple):
    """Consecutive frames of a track without silence put in."""

    frame: int
    frame_count: int
    offset: int
    """Which frame of the medium's reading the first one is."""


class _Told(NamedTuple):
    frame: int
    tags: Tags


class Track:
    """The history of one reading of one medium: everything from a little before now to what has been decoded."""

    def __init__(
        self,
        track_id: TrackId,
        *,
        start_frame: int,
        mix_rate: int,
        position_us: int = 0,
        is_live: bool = False,
    ) -> None:
        """`position_us` is where in the medium its first frame lies."""
        self.track_id = track_id
        self.is_live = is_live
        self.start_frame = start_frame
        self.is_ended = False
        """Its source gave everything; `end_frame` is final."""
        self.sides: list[Side] = []
        """What some channels hear in its place."""
        self._mix_rate = mix_rate
        self._position_us = position_us
        self._history = History(start_frame)
        self._held: list[Passage] | None = None
        """What is kept back; None while nothing is to be."""
        self._pads: deque[tuple[int, int]] = deque()
        """Silence put in: where, and how many frames."""
        self._forgotten_pad_frames = 0
        self._tags: Tags | None = None
        """What its medium said of itself last."""
        self._tag_changes: deque[_Told] = deque()
        """What it says from which frame on, until that was taken."""

    @property
    def end_frame(self) -> int:
        """The first frame that it has nothing for yet."""
        return self._history.end

    @property
    def frame_count(self) -> int:
        """Frames written so far, silence put in for want of data included."""
        return self.end_frame - self.start_frame

    def write(self, passage: Passage) -> None:
        """Append what its source gave next; the track keeps the block, nobody may change it."""
        if self._held is not None:
            self._held.append(passage)
            return
        if len(passage.block) and passage.tags is not None and passage.tags != self._tags:
            self._tags = passage.tags
            self._tag_changes.append(_Told(self.end_frame, passage.tags))
        self._history.write(passage)

    def pad(self, frame_count: int) -> None:
        """Append silence: its source had nothing in time. The medium goes on after it, nothing of it is lost."""
        if self._pads and sum(self._pads[-1]) == self.end_frame:
            frame, before = self._pads.pop()
            self._pads.append((frame, before + frame_count))
        else:
            self._pads.append((self.end_frame, frame_count))
        self._history.skip(frame_count)

    def hold(self) -> None:
        """Keep back what is written from now on, until `release`."""
        self._held = []

    @property
    def held_frames(self) -> int:
        """How much is kept back."""
        return sum(len(passage.block) for passage in self._held or ())

    def release(self) -> None:
        """Append what was kept back, and keep nothing back any more."""
        held, self._held = self._held, None
        for passage in held or ():
            self.write(passage)

    def move(self, start_frame: int) -> None:
        """Let it begin elsewhere; only while nothing of it has been heard."""
        shift = start_frame - self.start_frame
        if not shift:
            return
        self._history.move(shift)
        self._pads = deque((frame + shift, frame_count) for frame, frame_count in self._pads)
        self._tag_changes = deque(_Told(told.frame + shift, told.tags) for told in self._tag_changes)
        self.start_frame += shift

    def read(self, start_frame: int, frame_count: int, layout: Layout, feed: FeedId = MAIN_FEED) -> Block | None:
        """Return these frames of a feed in these lanes, silence where it has none; None when all of it is silence.

        A feed without a side of its own hears the track itself. The block may be the track's own: not to be changed.
        """
        side = next((side for side in self.sides if feed in side.feeds), None)
        if side is None:
            return self._history.read(start_frame, frame_count, layout)
        spans = list(self._spans(start_frame, start_frame + frame_count))
        if not spans:
            return None
        pieces = [(span, piece) for span in spans for piece in side.pieces(span.offset, span.frame_count)]
        if len(pieces) == 1 and pieces[0][1].is_own and pieces[0][1].frame_count == frame_count:
            return side.read(spans[0].offset, frame_count, layout)
        block = np.zeros((frame_count, len(layout)), np.float32)
        for span, piece in pieces:
            at = span.frame + piece.offset - span.offset
            if piece.is_own:
                part: Block | None = side.read(piece.offset, piece.frame_count, layout)
            else:
                part = self._history.read(at, piece.frame_count, layout)
            if part is not None:
                block[at - start_frame :][: piece.frame_count] = part
        return block

    def position_us(self, frame: int) -> int:
        """Return the position in the medium that is heard at `frame`, which must not be forgotten."""
        heard_frame = min(max(frame, self.start_frame), self.end_frame)
        return self._position_us + frames_to_us(max(self._offset_at(heard_frame), 0), self._mix_rate)

    def side_start(self, position_us: int) -> int:
        """Return which frame of this reading, counted from its first, lies at a position in the medium."""
        return us_to_frames(position_us, self._mix_rate) - us_to_frames(self._position_us, self._mix_rate)

    def side_end_frame(self, side: Side) -> int:
        """Return the first frame that channels of a side have nothing for yet, as far as the silence here is known."""
        frame = self.start_frame + self._forgotten_pad_frames + side.end_offset
        for at, frame_count in self._pads:
            if at > frame:
                break
            frame += frame_count
        return frame

    def side_lacks(self, side: Side, end_frame: int) -> int:
        """Return how many frames a side needs up to `end_frame`; none or less when it has more."""
        padded = self._forgotten_pad_frames + sum(frame_count for _, frame_count in self._pads)
        return end_frame - self.start_frame - padded - side.end_offset

    @property
    def tags_frame(self) -> int | None:
        """The frame from which on its medium says something else of itself; None when that is not known to come."""
        return self._tag_changes[0].frame if self._tag_changes else None

    def take_tags(self) -> Tags:
        """Return what its medium says of itself from `tags_frame` on, and move past that."""
        return self._tag_changes.popleft().tags

    def forget_before(self, frame: int) -> None:
        """Drop what lies before `frame` entirely."""
        for side in self.sides:
            side.forget_before(self._offset_at(frame))
        self._history.forget_before(frame)
        while self._pads and sum(self._pads[0]) <= frame:
            self._forgotten_pad_frames += self._pads.popleft()[1]

    def _offset_at(self, frame: int) -> int:
        padded = self._forgotten_pad_frames + sum(min(frame - at, count) for at, count in self._pads if at < frame)
        return frame - self.start_frame - padded

    def _spans(self, start_frame: int, end_frame: int) -> Iterator[_Span]:
        frame, end_frame = max(start_frame, self.start_frame), min(end_frame, self.end_frame)
        for pad_frame, pad_count in self._pads:
            if pad_frame >= end_frame:
                break
            if frame < pad_frame:
                yield _Span(frame, pad_frame - frame, self._offset_at(frame))
            frame = max(frame, pad_frame + pad_count)
        if frame < end_frame:
            yield _Span(frame, end_frame - frame, self._offset_at(frame))
