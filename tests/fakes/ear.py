"""A player that believes nothing: counts what it holds, decodes what it is sent, and says which rule that breaks."""

import base64
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from core.formats import STEREO, Block, Codec
from core.stream.chunk import Chunk, PlayerOutput, StreamStart
from core.stream.topology import PlayerConfig
from core.units import ServerTimeUs
from tests.fakes.player.config import PlayerFormat
from tests.fakes.player.decode import make_decoder

BURST_US, PACE = 2_000_000, 4  # protocol.md 8.6; not the core's own numbers, which may be wrong
LOOP_S = 10
TONES = ((0.3, 997.3), (0.2, 37.1), (0.2, 3001.9))
"""Amplitude and Hz; whole periods in `LOOP_S`."""
EDGE_S = 0.008
OPUS_SETTLES_US = 250_000  # protocol.md 8.7: after a start in the middle of a stream


def tones_at(seconds: np.ndarray) -> np.ndarray:
    """Return what is heard at these instants, in seconds from the beginning."""
    return sum(gain * np.sin(2 * np.pi * (hertz * seconds % 1.0)) for gain, hertz in TONES)  # type: ignore[return-value]


def tones(rate: int) -> Block:
    """Return `LOOP_S` of it, to be repeated; alike on both lanes."""
    block = tones_at(np.arange(LOOP_S * rate) / rate).astype(np.float32)
    return np.repeat(block[:, np.newaxis], len(STEREO), axis=1)


@dataclass
class Stretch:
    """Chunks that were to be played one after the other, by one decoder."""

    start: StreamStart
    delay_s: float
    """How far behind the mix it is meant to be heard."""
    chunks: list[Chunk] = field(default_factory=list)

    def decoded(self) -> Block:
        """Return what they sound like."""
        it = self.start.format
        header = self.start.codec_header
        decoder = make_decoder(
            PlayerFormat(codec=it.codec, sample_rate=it.sample_rate, channels=it.channel_count, bit_depth=it.bit_depth),
            None if header is None else base64.b64encode(header).decode(),
        )
        return np.concatenate([decoder.decode(chunk.data) for chunk in self.chunks])


class Ear:
    """One player. `configure` and `hear` raise AssertionError when it is sent what it must not be."""

    def __init__(
        self, config: PlayerConfig, now: ServerTimeUs, *, mix_rate: int = 48_000, keeps: int = 1 << 30
    ) -> None:
        """`keeps`: how many chunks of each stretch are remembered, the latest."""
        self.config = config
        self.stretches: list[Stretch] = []
        self.start_count = 0
        self.is_there = True
        self._mix_rate = mix_rate
        self._keeps = keeps
        self._is_start_due = True
        self._may_skip = True
        """Something about it changed since the last chunk, which may cost less than one."""
        self._start: StreamStart | None = None
        self._last_end: ServerTimeUs | None = None
        """Of what it holds or has played without a break; None after an end or a clear."""
        self._held: deque[tuple[ServerTimeUs, int]] = deque()
        self._held_bytes = 0
        self._credit_us = float(BURST_US)
        self._credit_at = now

    @property
    def chunks(self) -> list[Chunk]:
        return [chunk for stretch in self.stretches for chunk in stretch.chunks]

    def configure(self, config: PlayerConfig) -> None:
        """Take note of what the server was told of it."""
        if (config.channel, config.format) != (self.config.channel, self.config.format):
            self._is_start_due = True
            self._may_skip = self._may_skip or config != self.config
        self.config = config

    def hear(self, output: PlayerOutput, now: ServerTimeUs) -> None:
        """Take what it is sent."""
        if output.end or output.clear:
            self._held.clear()
            self._held_bytes = 0
            self._last_end = None
            self._credit_us = BURST_US
        if output.end:
            self._start = None
            self._is_start_due = True
        if output.start is not None:
            assert self._is_start_due, "a stream/start that nothing called for"
            assert output.start.format == self.config.format
            assert output.chunks, "a stream/start without audio: some players mute after half a second"
            self._is_start_due = False
            self._start = output.start
            self.start_count += 1
            self._begin(output.start)
        for chunk in output.chunks:
            assert self._start is not None, "audio before its format"
            assert self._start.format == self.config.format, "audio of another format than was told"
            self._count_bytes(chunk, now)
            self._count_pace(chunk, now)
            self._look_at_time(chunk, now)
            if self._last_end != chunk.start and self.stretches[-1].chunks:
                self._begin(self._start)
            self.stretches[-1].chunks.append(chunk)
            del self.stretches[-1].chunks[: -self._keeps]
            self._last_end = chunk.end

    def _begin(self, start: StreamStart) -> None:
        self.stretches.append(Stretch(start, self.config.channel.delay_frames / self._mix_rate))

    def _count_bytes(self, chunk: Chunk, now: ServerTimeUs) -> None:
        config = self.config
        while self._held and self._held[0][0] - config.output_delay_us <= now:
            self._held_bytes -= self._held.popleft()[1]
        byte_count = len(chunk.data) + config.chunk_header_bytes
        self._held.append((chunk.end, byte_count))
        self._held_bytes += byte_count
        assert self._held_bytes <= config.capacity_bytes, "sent more than it holds"

    def _count_pace(self, chunk: Chunk, now: ServerTimeUs) -> None:
        self._credit_us = min(BURST_US, self._credit_us + (now - self._credit_at) * PACE) - chunk.duration_us
        self._credit_at = now
        assert self._credit_us > -1, "a blast"

    def _look_at_time(self, chunk: Chunk, now: ServerTimeUs) -> None:
        config = self.config
        assert chunk.start - config.output_delay_us > now, "late"
        if self._last_end is None or self._last_end <= now:
            assert chunk.start >= now + config.lead_us, "before its lead"
        if self._last_end is not None and self._last_end != chunk.start:
            assert self._last_end < chunk.start, "it overlaps what was there"
            assert self._may_skip, "a gap"
        self._may_skip = False

    def error(self, anchor: ServerTimeUs) -> float:
        """Return by how much what was heard differs at most from the tones that began at `anchor`."""
        return max((self._error(stretch, anchor) for stretch in self.stretches if stretch.chunks), default=0.0)

    def _error(self, stretch: Stretch, anchor: ServerTimeUs) -> float:
        rate = stretch.start.format.sample_rate
        heard = stretch.decoded()
        begin_s = (stretch.chunks[0].start - anchor) / 1e6 - stretch.delay_s
        seconds = begin_s + np.arange(len(heard)) / rate
        expected = np.where(seconds < 0, 0.0, tones_at(seconds))
        if stretch.start.format.codec is not Codec.OPUS:
            # Where they begin there is an edge, which every resampler rounds in its way.
            is_settled = np.abs(seconds) > EDGE_S
            return float(np.abs(heard - expected[:, np.newaxis])[is_settled].max(initial=0.0))
        settled = slice(OPUS_SETTLES_US * rate // 1_000_000, None)
        if len(heard[settled]) < rate // 10:
            return 0.0
        # The codec changes the wave a little: what counts is that it is nowhere more like the tones than in its place.
        wave, tone = heard[settled, 0], expected[settled]
        return 0.0 if _lag(wave, tone) == 0 else 1.0


def _lag(wave: np.ndarray, tone: np.ndarray, most: int = 24) -> int:
    """Return how many frames late `wave` is to be most like `tone`."""
    middle = slice(most, len(tone) - most)
    errors = [np.square(np.roll(wave, -lag)[middle] - tone[middle]).sum() for lag in range(-most, most + 1)]
    return int(np.argmin(errors)) - most
