"""One channel in one stream format: resampled, cut and encoded once for all players that hear it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import numpy as np

from ..audio.pcm import quantise
from ..audio.resample import Resampler
from ..channel import Channel
from ..codecs.base import Encoder
from ..formats import Block, StreamFormat
from ..units import ServerTimeUs
from .chunk import Chunk, StreamStart
from .timeline import Timeline, convert_index

type MakeEncoder = Callable[[StreamFormat], Encoder]
type MakeResampler = Callable[[int, int, int], Resampler]
"""From rate, to rate, lanes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much was done; the measure of how much was shared."""

    encoded_chunks: int = 0
    resampled_blocks: int = 0

    def __add__(self, other: Work) -> Work:
        """Add up."""
        return Work(
            encoded_chunks=self.encoded_chunks + other.encoded_chunks,
            resampled_blocks=self.resampled_blocks + other.resampled_blocks,
        )


class Pipeline:
    """Takes blocks of its channel in order, gives chunks. Render pool only.

    Whatever the split of the blocks, the chunks are the same. They are kept until they have been heard, for players
    that come late.
    """

    def __init__(
        self,
        channel: Channel,
        stream_format: StreamFormat,
        *,
        mix_rate: int,
        make_encoder: MakeEncoder,
        make_resampler: MakeResampler,
    ) -> None:
        self.channel = channel
        self.format = stream_format
        self.chunks: deque[Chunk] = deque()
        self.first_number = 0
        """Number of the oldest chunk kept; they are numbered as they come."""
        self.next_frame = 0
        """The frame of the mix that it wants next."""
        self.is_finished = False
        """It has given out everything; `reset` or `go_on` must come before more."""
        self._encoded_chunks = 0
        self._resampled_blocks = 0
        self._mix_rate = mix_rate
        self._encoder = make_encoder(stream_format)
        self._resampler = (
            None
            if stream_format.sample_rate == mix_rate
            else make_resampler(mix_rate, stream_format.sample_rate, stream_format.channel_count)
        )
        self._pending: list[Block] = []
        self._pending_frames = 0
        self._surplus_frames = 0
        self._index = 0

    @property
    def start_payload(self) -> StreamStart:
        """What its players are told first."""
        return StreamStart(format=self.format, codec_header=self._encoder.header)

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
        return Work(encoded_chunks=self._encoded_chunks, resampled_blocks=self._resampled_blocks)

    def reset(self, frame: int) -> None:
        """Begin anew: the first chunk's content starts at the first of its frames at or after `frame` of the mix.

        What it wants next lies before `frame`, as much as its resampler needs to be settled there. Chunks made
        before stay.
        """
        self._begin_at(convert_index(frame, self._mix_rate, self.format.sample_rate))

    def go_on(self) -> None:
        """Begin anew after `finish`, where its last chunk ends."""
        self._begin_at(self._index)

    def _begin_at(self, index: int) -> None:
        rate = self.format.sample_rate
        self.is_finished = False
        self._pending.clear()
        self._pending_frames = 0
        self._encoder.reset()
        self._index = index
        self._surplus_frames = 0
        self.next_frame = index
        if self._resampler is not None:
            self._resampler.reset()
            # Both rates meet at every multiple of this frame: started there, output k lies exactly at its instant.
            grid = self._mix_rate // gcd(self._mix_rate, rate)
            self.next_frame = (index * self._mix_rate // rate - self._resampler.preroll_frames) // grid * grid
            self._surplus_frames = index - self.next_frame * rate // self._mix_rate

    def prepare(self, block: Block, timeline: Timeline) -> None:
        """Take the next frames of the channel and encode all packets that they complete."""
        self.next_frame += len(block)
        if self._resampler is not None:
            block = self._resampler.process(block)
            self._resampled_blocks += 1
        self._take(block)
        self._encode(timeline, self._pending_frames // self._encoder.frame_count * self._encoder.frame_count)

    def finish(self, timeline: Timeline) -> None:
        """Give out everything it still holds: nothing follows."""
        if self._resampler is not None:
            self._take(self._resampler.flush())
        if delay_frames := self._encoder.delay_frames:
            # Out comes what went in so much earlier, and only whole packets: what fills the last one is heard too.
            surplus_frames = -(self._pending_frames + delay_frames) % self._encoder.frame_count
            self._take(np.zeros((delay_frames + surplus_frames, self.format.channel_count), np.float32))
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

    def _take(self, block: Block) -> None:
        if self._surplus_frames:
            dropped = min(self._surplus_frames, len(block))
            self._surplus_frames -= dropped
            block = block[dropped:]
        if len(block):
            self._pending.append(block)
            self._pending_frames += len(block)

    def _encode(self, timeline: Timeline, frame_count: int) -> None:
        """Encode the next `frame_count` pending frames, packet by packet."""
        if not frame_count:
            return
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        self._pending = [joined[frame_count:]] if len(joined) > frame_count else []
        self._pending_frames -= frame_count
        samples = quantise(joined[:frame_count], self._encoder.bit_depth, self._index)
        packet_frames, rate = self._encoder.frame_count, self.format.sample_rate
        frame = self._index - self._encoder.delay_frames
        start = timeline.instant(frame, rate)
        for at in range(0, frame_count, packet_frames):
            packet = samples[at : at + packet_frames]
            # Where this one ends the next one starts: computed from the count, once for both.
            end = timeline.instant(frame + len(packet), rate)
            self.chunks.append(
                Chunk(
                    start=start,
                    duration_us=end - start,
                    data=self._encoder.encode(packet),
                    frame=frame,
                    frame_count=len(packet),
                )
            )
            frame, start = frame + len(packet), end
            self._encoded_chunks += 1
        self._index += frame_count
