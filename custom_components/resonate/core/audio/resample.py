"""Other sample rates, as a stream: libsoxr where it can be had, else FFmpeg's own resampler."""

from enum import StrEnum
from fractions import Fraction
from typing import Final, Protocol

import av
from av.filter import Graph
import numpy as np

from ..errors import FormatError
from ..formats import Block
from .lanes import AV_LAYOUT_BY_COUNT

try:
    import soxr
except ImportError:  # no wheel for musl Linux
    soxr = None  # type: ignore[assignment]

_FFMPEG_OPTIONS: Final = "filter_size=64:phase_shift=10:exact_rational=1:cutoff=0.95:filter_type=kaiser:kaiser_beta=12"


class Engine(StrEnum):
    """Who does the arithmetic."""

    SOXR = "soxr"
    FFMPEG = "ffmpeg"


class Resampler(Protocol):
    """Turns blocks at one rate into blocks at another. Render pool only; not shared.

    Output frame k lies at the instant of input frame k * in_rate / out_rate, both counted from the last reset. Any
    split of the input gives the same output, bit for bit.
    """

    @property
    def preroll_frames(self) -> int:
        """How many frames must have gone in before the first whose output is exact (to -100 dB)."""
        ...

    @property
    def held_frames(self) -> int:
        """How many frames of output are due for what went in, but held back."""
        ...

    def process(self, block: Block) -> Block:
        """Take the next frames and return what is complete, maybe nothing. Raises FormatError for other lanes."""
        ...

    def flush(self) -> Block:
        """Return what is held back, as if silence followed; the output has then the length of the input.

        In frames: in_count * out_rate / in_rate, rounded up or down. Only `reset` may follow.
        """
        ...

    def reset(self) -> None:
        """Be as new."""
        ...


def available_engines() -> tuple[Engine, ...]:
    """Return what can be used here, the best first."""
    return (Engine.FFMPEG,) if soxr is None else (Engine.SOXR, Engine.FFMPEG)


def make_resampler(in_rate: int, out_rate: int, lane_count: int, engine: Engine | None = None) -> Resampler:
    """Return a resampler between two rates (Hz), of the best engine unless told.

    Raises FormatError for more lanes or other rates than it can do, and for an engine that is not available.
    """
    if lane_count not in AV_LAYOUT_BY_COUNT or min(in_rate, out_rate) < 1:
        raise FormatError(f"cannot resample {lane_count} lanes from {in_rate} to {out_rate} Hz")
    engine = engine or available_engines()[0]
    if engine not in available_engines():
        raise FormatError(f"{engine} is not available")
    if engine is Engine.SOXR:
        return _SoxrResampler(in_rate, out_rate, lane_count)
    return _FfmpegResampler(in_rate, out_rate, lane_count)


class _Counted:
    """Counts what goes in and what comes out, and ends the output where the input ends."""

    preroll_frames: int

    def __init__(self, in_rate: int, out_rate: int, lane_count: int, settling_frames: int) -> None:
        self._in_rate = in_rate
        self._out_rate = out_rate
        self._lane_count = lane_count
        self.preroll_frames = -(-settling_frames * in_rate // min(in_rate, out_rate))
        self._in_count = 0
        self._out_count = 0

    @property
    def held_frames(self) -> int:
        return -(-self._in_count * self._out_rate // self._in_rate) - self._out_count

    def process(self, block: Block) -> Block:
        if block.ndim != 2 or block.shape[1] != self._lane_count or block.dtype != np.float32:
            raise FormatError(f"a block of {block.dtype} {block.shape} is not of {self._lane_count} lanes")
        self._in_count += len(block)
        return self._count(self._run(np.ascontiguousarray(block)))

    def flush(self) -> Block:
        # Silence instead of each engine's own end: they round the length differently, and FFmpeg mirrors the signal.
        silence = np.zeros((self.preroll_frames + self._in_rate // self._out_rate + 1, self._lane_count), np.float32)
        return self._count(self._run(silence, last=True)[: self.held_frames])

    def reset(self) -> None:
        self._in_count = self._out_count = 0
        self._clear()

    def _count(self, block: Block) -> Block:
        self._out_count += len(block)
        return block

    def _run(self, block: Block, *, last: bool = False) -> Block:
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError


class _SoxrResampler(_Counted):
    """libsoxr, HQ: flat to 0.91 of the lower Nyquist frequency, aliases below -120 dB."""

    def __init__(self, in_rate: int, out_rate: int, lane_count: int) -> None:
        super().__init__(in_rate, out_rate, lane_count, settling_frames=128)  # measured: 93
        self._stream = soxr.ResampleStream(in_rate, out_rate, lane_count, dtype="float32", quality="HQ")

    def _run(self, block: Block, *, last: bool = False) -> Block:
        return self._stream.resample_chunk(block, last=last)

    def _clear(self) -> None:
        self._stream.clear()


class _FfmpegResampler(_Counted):
    """FFmpeg's `aresample`."""

    def __init__(self, in_rate: int, out_rate: int, lane_count: int) -> None:
        super().__init__(in_rate, out_rate, lane_count, settling_frames=40)  # measured: 34
        self._layout = AV_LAYOUT_BY_COUNT[lane_count]
        self._graph = self._make_graph()

    def _make_graph(self) -> Graph:
        graph = Graph()
        source = graph.add_abuffer(
            format="flt", sample_rate=self._in_rate, layout=self._layout, time_base=Fraction(1, self._in_rate)
        )
        resample = graph.add("aresample", f"{self._out_rate}:{_FFMPEG_OPTIONS}")
        graph.link_nodes(source, resample, graph.add("abuffersink")).configure()
        return graph

    def _run(self, block: Block, *, last: bool = False) -> Block:
        if len(block):
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=self._layout)
            frame.sample_rate = self._in_rate
            self._graph.push(frame)
        blocks = [np.zeros((0, self._lane_count), np.float32)]
        while True:
            try:
                ready = self._graph.pull()
            except BlockingIOError, EOFError:
                return np.concatenate(blocks)
            blocks.append(np.asarray(ready.to_ndarray(), np.float32).reshape(-1, self._lane_count))

    def _clear(self) -> None:
        self._graph = self._make_graph()
