"""The audible half of the player: one stream at a time, from chunks to the converter, with the accounts."""

from collections import Counter
import hashlib
import math
from typing import Any, Final

from .config import AUDIO_HEADER_BYTES, PlayerConfig, PlayerFormat
from .decode import Block, ChunkError, Decoder, make_decoder, pack_pcm, to_channels
from .record import Recorder
from .renderer import Renderer
from .timeline import US_PER_S, Timeline
from .witness import BufferMeter

_DAC_CHANNELS: Final = 2
_LONGEST_CHUNK_US: Final = 150_000
_STREAM_FIELDS: Final = ("codec", "sample_rate", "channels", "bit_depth")


class AudioPath:
    """Decodes, keeps, counts and plays; every instant is the player's local one, in µs."""

    def __init__(self, config: PlayerConfig, recorder: Recorder, violations: Counter[str]) -> None:
        """Play into `recorder`; note in `violations` what the server does against the rules."""
        self.timeline = Timeline(_DAC_CHANNELS)
        self.renderer: Renderer | None = None
        self.buffer = BufferMeter(config.buffer_capacity)
        self.stream: PlayerFormat | None = None
        self.chunks: list[tuple[int, Block]] = []
        """(timestamp, frames) of every chunk, if the config asks for it."""
        self._config = config
        self._recorder = recorder
        self._violations = violations
        self._decoder: Decoder | None = None
        self._hash = hashlib.sha256()

    @property
    def pcm_sha256(self) -> str:
        """The hash of all frames decoded from PCM and FLAC, in order of arrival, as PCM of the stream's depth."""
        return self._hash.hexdigest()

    def start(self, player: dict[str, Any], now_us: int) -> bool:
        """Begin a stream, or change the format of the one that plays; False: no player could take it."""
        if missing := [name for name in _STREAM_FIELDS if player.get(name) is None]:
            self._violations[f"stream/start without {missing[0]}"] += 1
            return False
        stream = PlayerFormat(**{name: player[name] for name in _STREAM_FIELDS})
        if not any(entry.admits(stream) for entry in self._config.formats):
            self._violations["stream in a format that is not listed"] += 1
            return False
        try:
            self._decoder = make_decoder(stream, player.get("codec_header"))
        except ChunkError as error:
            self._violations[str(error)] += 1
            return False
        if self.stream is None:
            self._begin("start", stream.sample_rate, now_us)
        self.stream = stream
        return True

    def take(self, timestamp_us: int, data: bytes, *, played_us: float, settled: bool) -> None:
        """Take a chunk; what is audible at this instant is `played_us` of the server's time."""
        if self.stream is None or self._decoder is None:
            self._violations["audio without a stream"] += 1
            return
        try:
            block = self._decoder.decode(data)
        except ChunkError as error:
            self._violations[str(error)] += 1
            return
        rate, bit_depth = self.stream.sample_rate, self.stream.bit_depth
        lead_us, length_us = timestamp_us - played_us, len(block) * US_PER_S / rate
        late = min(max(math.ceil(-lead_us * rate / US_PER_S), 0), len(block))
        segment = self.timeline.segments[-1]
        segment.note_arrival(len(data), lead_us, late, settled=settled)
        if length_us > _LONGEST_CHUNK_US:
            self._violations["chunk is longer than 150 ms"] += 1
        if not self.buffer.add(timestamp_us + length_us, AUDIO_HEADER_BYTES + len(data), played_us):
            self._violations["more bytes than buffer_capacity"] += 1
        if self._config.keep_chunks:
            self.chunks.append((timestamp_us, block))
        if self.stream.codec != "opus":
            self._hash.update(pack_pcm(block, bit_depth))
        self.timeline.add(timestamp_us, to_channels(block, _DAC_CHANNELS), rate, absent_count=late)

    def clear(self) -> None:
        """Drop what is queued; the stream goes on."""
        self.timeline.begin("clear")
        self.buffer.clear()
        if self.renderer is not None:
            self.renderer.begin_stream()

    def end(self) -> None:
        """Drop what is queued, and the stream."""
        self.stream = self._decoder = None
        self.timeline.drop_all()
        self.buffer.clear()
        if self.renderer is not None:
            self.renderer.end_stream()

    def skip_until(self, played_us: float) -> None:
        """Account for what was due before the player began to play."""
        if self.stream is not None:
            self.timeline.segments[-1].skipped_frames += self.timeline.count_before(played_us)

    def _begin(self, reason: str, sample_rate: int, now_us: int) -> None:
        self.timeline.begin(reason)
        if self.renderer is None:
            self.renderer = Renderer(
                sample_rate=sample_rate,
                channel_count=_DAC_CHANNELS,
                start_us=now_us,
                recorder=self._recorder,
                timeline=self.timeline,
            )
        self.renderer.begin_stream()
