"""One channel in one stream format: cut and encoded once for all players that hear it."""

from collections import deque

import numpy as np

from ..audio.pcm import quantise
from ..codecs.base import Encoder
from ..formats import Block, StreamFormat
from ..units import ServerTimeUs
from .chunk import Chunk, StreamStart
from .stem import Stem
from .timeline import Timeline
from .work import Work


class Pipeline:
    """Packs what its stem gives, in order. Render pool only.

    Whatever the split of the blocks, the chunks are the same. They are kept until they have been heard, for players
    that come late. All indexes count frames at the format's rate.
    """

    def __init__(self, stem: Stem, stream_format: StreamFormat, encoder: Encoder) -> None:
        """`stem` is of the format's rate, `encoder` new; `reset` must come before anything else."""
        self.stem = stem
        """Another may take its place that gives the same."""
        self.format = stream_format
        self.chunks: deque[Chunk] = deque()
        self.first_number = 0
        """Number of the oldest chunk kept; they are numbered as they come."""
        self.is_finished = False
        """It has given out everything; `reset` or `go_on` must come before more."""
        self._encoded_chunks = 0
        self._encoder = encoder
        self._is_used = False
        """The encoder has packed something since it was new."""
        self._pending: list[Block] = []
        self._pending_frames = 0
        self._index = 0

    @property
    def start_payload(self) -> StreamStart:
        """What its players are told first."""
        return StreamStart(format=self.format, codec_header=self._encoder.header)

    @property
    def next_index(self) -> int:
        """The frame that it wants next."""
        return self._index + self._pending_frames

    @property
    def next_number(self) -> int:
        """The number that the next chunk will have."""
        return self.first_number + len(self.chunks)

    @property
    def delay_us(self) -> int:
        """How much earlier than the first wanted frame its first chunk starts (Opus pre-skip)."""
        return -(-self._encoder.delay_frames * 1_000_000 // self.format.sample_rate)

    @property
    def work(self) -> Work:
        """What it has done so far."""
        return Work(encoded_chunks=self._encoded_chunks)

    def reset(self, index: int) -> None:
        """Begin anew: the first chunk's content starts at `index`. Chunks made before stay."""
        self.is_finished = False
        self._pending.clear()
        self._pending_frames = 0
        if self._is_used:
            self._encoder.reset()
            self._is_used = False
        self._index = index

    def go_on(self) -> None:
        """Begin anew after `finish`, where its last chunk ends."""
        self.reset(self._index)

    @property
    def is_behind(self) -> bool:
        """Whether the stem has more for it."""
        return self.next_index < self.stem.end_index

    def prepare(self, timeline: Timeline, most_frames: int) -> None:
        """Take what the stem has, a block at least, but no second one beyond `most_frames`, and encode it."""
        taken = 0
        while (block := self.stem.read(self.next_index)) is not None:
            if taken and taken + len(block) > most_frames:
                break
            taken += len(block)
            self._pending.append(block)
            self._pending_frames += len(block)
        self._encode(timeline, self._pending_frames // self._encoder.frame_count * self._encoder.frame_count)

    def finish(self, timeline: Timeline) -> None:
        """Give out everything it still holds: nothing follows."""
        if delay_frames := self._encoder.delay_frames:
            # Out comes what went in so much earlier, and only whole packets: what fills the last one is heard too.
            surplus_frames = -(self._pending_frames + delay_frames) % self._encoder.frame_count
            silence = np.zeros((delay_frames + surplus_frames, self.format.channel_count), np.float32)
            self._pending.append(silence)
            self._pending_frames += len(silence)
        self._encode(timeline, self._pending_frames)
        self.is_finished = True

    def forget_all(self) -> None:
        """Drop every chunk: none of them is to be heard any more."""
        self.first_number = self.next_number
        self.chunks.clear()

    def forget_before(self, now: ServerTimeUs) -> None:
        """Drop chunks that have been heard."""
        while self.chunks and self.chunks[0].end <= now:
            self.chunks.popleft()
            self.first_number += 1

    def _encode(self, timeline: Timeline, frame_count: int) -> None:
        """Encode the next `frame_count` pending frames, all their packets at once."""
        if not frame_count:
            return
        self._is_used = True
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        self._pending = [joined[frame_count:]] if len(joined) > frame_count else []
        self._pending_frames -= frame_count
        samples = quantise(joined[:frame_count], self._encoder.bit_depth, self._index)
        rate = self.format.sample_rate
        frame = self._index - self._encoder.delay_frames
        end_frame = frame + frame_count
        start = timeline.instant(frame, rate)
        for data in self._encoder.encode(samples):
            packet_frames = min(self._encoder.frame_count, end_frame - frame)
            # Where this one ends the next one starts: computed from the count, once for both.
            end = timeline.instant(frame + packet_frames, rate)
            self.chunks.append(
                Chunk(start=start, duration_us=end - start, data=data, frame=frame, frame_count=packet_frames)
            )
            frame, start = frame + packet_frames, end
            self._encoded_chunks += 1
        self._index += frame_count
