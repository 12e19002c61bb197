"""What has arrived and when it is due: counted by timestamps, exactly, and read back between the samples."""

from collections import deque
from dataclasses import dataclass, field
import math
from typing import Final

import numpy as np

from .decode import Block
from .interpolate import REACH, interpolate

US_PER_S: Final = 1_000_000
_EDGE: Final = 1e-4  # frames: large instants are rounded, and a first frame that is due now belongs to now


@dataclass(slots=True, kw_only=True)
class Segment:
    """The accounts between two breaks that the server announced: a start from empty, or a clear."""

    begun_by: str
    chunk_count: int = 0
    byte_count: int = 0
    frame_count: int = 0
    late_frames: int = 0
    """Frames that arrived after they were due."""
    missing_frames: int = 0
    """Gaps between the end of a chunk and the timestamp of the next, in frames."""
    overlapping_frames: int = 0
    """Frames that were sent twice: the timestamp lies before the end of the chunk before."""
    skipped_frames: int = 0
    """Frames that were due before the player had settled its clock: no fault of the server."""
    timestamp_error_us: float = 0.0
    """The largest distance of a timestamp from the grid of frames since the last gap; the wire allows below 1."""
    first_timestamp_us: int | None = None
    end_timestamp_us: float | None = None
    first_lead_us: float | None = None
    """How long before it was due the first chunk arrived."""
    least_lead_us: float = math.inf

    def note_arrival(self, byte_count: int, lead_us: float, late_count: int, *, settled: bool) -> None:
        """Account for a chunk that came `lead_us` before it was due; before the player has settled nothing is late."""
        self.byte_count += byte_count
        if not settled:
            self.skipped_frames += late_count
            return
        self.late_frames += late_count
        self.least_lead_us = min(self.least_lead_us, lead_us)
        if self.first_lead_us is None:
            self.first_lead_us = lead_us


@dataclass(slots=True)
class _Run:
    """Frames that follow each other without a gap: frame n is due at `anchor_us + n / rate`."""

    anchor_us: float
    rate: int
    end_frame: int = 0
    blocks: deque[tuple[int, Block]] = field(default_factory=deque)
    """(first frame, frames); late ones are absent."""

    @property
    def end_us(self) -> float:
        return self.anchor_us + self.end_frame * US_PER_S / self.rate

    def frames_between(self, begin: int, end: int, channel_count: int) -> Block:
        """Return the frames from `begin` until `end`, zeros where there are none."""
        out = np.zeros((end - begin, channel_count), dtype=np.float32)
        for first, block in self.blocks:
            if first >= end:
                break
            low, high = max(first, begin), min(first + len(block), end)
            if low < high:
                out[low - begin : high - begin] = block[low - first : high - first]
        return out


class Timeline:
    """Keeps the accounts, and the frames that are not played yet, on the server's time."""

    def __init__(self, channel_count: int) -> None:
        """Begin empty."""
        self.segments: list[Segment] = []
        self._channel_count = channel_count
        self._runs: deque[_Run] = deque()

    def begin(self, reason: str) -> None:
        """Drop what is queued and open new accounts."""
        self._runs.clear()
        self.segments.append(Segment(begun_by=reason))

    def drop_all(self) -> None:
        """Drop what is queued; the accounts stay."""
        self._runs.clear()

    def add(self, timestamp_us: int, block: Block, rate: int, *, absent_count: int = 0) -> None:
        """Take a chunk whose first `absent_count` frames cannot be heard any more."""
        segment, frame_count = self.segments[-1], len(block)
        run = self._runs[-1] if self._runs else None
        expected_us = segment.end_timestamp_us
        gap = 0 if expected_us is None else round((timestamp_us - expected_us) * rate / US_PER_S)
        segment.missing_frames += max(gap, 0)
        overlap = min(max(-gap, 0), frame_count)
        segment.overlapping_frames += overlap
        if expected_us is not None and not gap:
            segment.timestamp_error_us = max(segment.timestamp_error_us, abs(timestamp_us - expected_us))
        if run is None or gap or run.rate != rate or run.end_us != expected_us:
            run = _Run(float(timestamp_us) if gap or expected_us is None else expected_us, rate)
            self._runs.append(run)
        absent = max(absent_count, overlap)
        if absent < frame_count:
            run.blocks.append((run.end_frame + absent, block[absent:]))
        run.end_frame += frame_count
        segment.chunk_count += 1
        segment.frame_count += frame_count
        if segment.first_timestamp_us is None:
            segment.first_timestamp_us = timestamp_us
        segment.end_timestamp_us = max(run.end_us, expected_us or 0)

    def read(self, position_us: float, step_us: float, frame_count: int) -> tuple[Block, range] | None:
        """Return what is due at `position_us + n * step_us`, and for which n there was something; None: for none."""
        out: Block | None = None
        spans: list[int] = []
        for run in self._runs:
            begin = max(math.ceil((run.anchor_us - position_us) / step_us - _EDGE), 0)
            end = min(math.ceil((run.end_us - position_us) / step_us - _EDGE), frame_count)
            if begin >= end:
                continue
            if out is None:
                out = np.zeros((frame_count, self._channel_count), dtype=np.float32)
            first_frame = (position_us - run.anchor_us) * run.rate / US_PER_S
            places = first_frame + np.arange(begin, end, dtype=np.float64) * (step_us * run.rate / US_PER_S)
            low, high = int(places[0]) - REACH, int(places[-1]) + REACH + 1
            out[begin:end] += interpolate(run.frames_between(low, high, self._channel_count), places - low)
            spans += (begin, end)
        return None if out is None else (out, range(min(spans), max(spans)))

    def forget_before(self, position_us: float) -> None:
        """Let go of frames that lie so far back that no reading needs them."""
        while len(self._runs) > 1 and self._runs[0].end_us < position_us:
            self._runs.popleft()
        if self._runs:
            run = self._runs[0]
            needed = (position_us - run.anchor_us) * run.rate / US_PER_S - REACH - 1
            while run.blocks and run.blocks[0][0] + len(run.blocks[0][1]) < needed:
                run.blocks.popleft()

    def count_before(self, position_us: float) -> int:
        """Return how many frames are queued that were due before `position_us`."""
        count = 0
        for run in self._runs:
            passed = math.ceil((position_us - run.anchor_us) * run.rate / US_PER_S)
            count += sum(min(max(passed - first, 0), len(block)) for first, block in run.blocks)
        return count
