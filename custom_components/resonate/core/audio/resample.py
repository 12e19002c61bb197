"""Other sample rates, as a stream: libsoxr where it can be had, else FFmpeg's own resampler."""

from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from fractions import Fraction
import importlib
from math import gcd
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

_FFMPEG_OPTIONS: Final = "filter_size=128:filter_type=kaiser:kaiser_beta=12:cutoff=0.97:exact_rational=1:phase_shift=10"
"""Flat to 20 kHz between 44.1 and 48 kHz, images and aliases of what lies below under -125 dB, 1.2 ms per second of
stereo. With a filter of 64 (0.9 ms) the image of 20 kHz lies at -56 dB. `exact_rational`: every phase of the ratio has
coefficients of its own, none is interpolated."""


class Engine(StrEnum):
    """Who does the arithmetic."""

    SOXR = "soxr"
    FFMPEG = "ffmpeg"


class Resampler(Protocol):
    """Turns blocks at one rate into blocks at another. Render pool only; not shared.

    Output frame k lies at the instant of input frame k * in_rate / out_rate, both counted from the last reset. Any
    split of the input gives the same output, bit for bit. Before the first frame it takes silence.
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
        """Return what is held back, as if silence followed: all output frames that lie before the end of the input.

        That is in_count * out_rate / in_rate in all, rounded up. Only `reset` may follow.
        """
        ...

    def reset(self) -> None:
        """Be as new."""
        ...


def available_engines() -> tuple[Engine, ...]:
    """Return what can be used here, the best first."""
    return (Engine.FFMPEG,) if soxr is None else (Engine.SOXR, Engine.FFMPEG)


def find_engines() -> tuple[Engine, ...]:
    """Look again for libsoxr, which may have been installed since; return what can be used here. Blocking."""
    global soxr  # noqa: PLW0603  # one library for the whole process, as an import is
    importlib.invalidate_caches()
    with suppress(ImportError):
        soxr = importlib.import_module("soxr")
    return available_engines()


def make_resampler(in_rate: int, out_rate: int, lane_count: int, engine: Engine | None = None) -> Resampler:
    """Return a resampler between two rates (Hz), of the best engine unless told.

    Raises FormatError for more lanes or other rates than it can do, and for an engine that is not available.
    """
    if lane_count not in AV_LAYOUT_BY_COUNT or min(in_rate, out_rate) < 1:
        raise FormatError(f"cannot resample {lane_count} lanes from {in_rate} to {out_rate} Hz")
    engine = engine or available_engines()[0]
    if engine not in available_engines():
        raise FormatError(f"{engine} is not available")
    kernel = _SoxrKernel if engine is Engine.SOXR else _FfmpegKernel
    return _StreamResampler(kernel(in_rate, out_rate, lane_count), in_rate, out_rate, lane_count)


class _Kernel(Protocol):
    """What an engine has to do. Before its first frame lies silence."""

    settling_frames: int
    """Frames at the lower of the two rates until silence before the first one is no longer felt."""

    def run(self, block: Block, *, last: bool = False) -> Block: ...

    def clear(self) -> None: ...


class _StreamResampler:
    """Counts what goes in and comes out, and ends the output where the input ends."""

    def __init__(self, kernel: _Kernel, in_rate: int, out_rate: int, lane_count: int) -> None:
        self._kernel = kernel
        self._in_rate = in_rate
        self._out_rate = out_rate
        self._lane_count = lane_count
        self._in_count = 0
        self._out_count = 0
        self.preroll_frames = -(-kernel.settling_frames * in_rate // min(in_rate, out_rate))

    @property
    def held_frames(self) -> int:
        return -(-self._in_count * self._out_rate // self._in_rate) - self._out_count

    def process(self, block: Block) -> Block:
        if block.ndim != 2 or block.shape[1] != self._lane_count or block.dtype != np.float32:
            raise FormatError(f"a block of {block.dtype} {block.shape} is not of {self._lane_count} lanes")
        self._in_count += len(block)
        return self._count(self._kernel.run(np.ascontiguousarray(block)))

    def flush(self) -> Block:
        # Silence rather than each engine's own end: they round its length differently, and FFmpeg mirrors the signal.
        silence = np.zeros((2 * self.preroll_frames, self._lane_count), np.float32)
        return self._count(self._kernel.run(silence, last=True)[: self.held_frames])

    def reset(self) -> None:
        self._in_count = self._out_count = 0
        self._kernel.clear()

    def _count(self, block: Block) -> Block:
        self._out_count += len(block)
        return block


class _SoxrKernel:
    """libsoxr, HQ: flat to 0.9 of the lower Nyquist frequency, images and aliases below -130 dB."""

    settling_frames = 128  # measured: 90 to -100 dB, 103 to -120 dB

    def __init__(self, in_rate: int, out_rate: int, lane_count: int) -> None:
        self._stream = soxr.ResampleStream(in_rate, out_rate, lane_count, dtype="float32", quality="HQ")

    def run(self, block: Block, *, last: bool = False) -> Block:
        resampled: Block = self._stream.resample_chunk(block, last=last)
        return resampled

    def clear(self) -> None:
        self._stream.clear()


class _FfmpegKernel:
    """FFmpeg's `aresample`, in a graph of its own."""

    settling_frames = 80  # measured: 59 to -100 dB, 66 to the bit

    def __init__(self, in_rate: int, out_rate: int, lane_count: int) -> None:
        self._in_rate = in_rate
        self._out_rate = out_rate
        self._lane_count = lane_count
        self._layout = AV_LAYOUT_BY_COUNT[lane_count]
        self.clear()

    def clear(self) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(
            format="flt", sample_rate=self._in_rate, layout=self._layout, time_base=Fraction(1, self._in_rate)
        )
        resample = self._graph.add("aresample", f"{self._out_rate}:{_FFMPEG_OPTIONS}")
        self._graph.link_nodes(source, resample, self._graph.add("abuffersink")).configure()
        # Silence first: it would mirror the first frames instead, and give nothing for less than a filter's length.
        # As long as the two rates need to meet again, so that dropping it leaves a whole number of frames out.
        least = 2 * self.settling_frames * self._in_rate // min(self._in_rate, self._out_rate)
        grid = self._in_rate // gcd(self._in_rate, self._out_rate)
        lead = -(-least // grid) * grid
        self._surplus = lead * self._out_rate // self._in_rate
        self._push(np.zeros((lead, self._lane_count), np.float32))

    def run(self, block: Block, *, last: bool = False) -> Block:
        if len(block):
            self._push(block)
        if last:
            self._graph.push(None)
        pulled = np.concatenate([np.zeros((0, self._lane_count), np.float32), *self._pull()])
        dropped = min(self._surplus, len(pulled))
        self._surplus -= dropped
        rest: Block = pulled[dropped:]
        return rest

    def _push(self, block: Block) -> None:
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=self._layout)
        frame.sample_rate = self._in_rate
        self._graph.push(frame)

    def _pull(self) -> Iterator[Block]:
        while True:
            try:
                frame = self._graph.pull()
            except BlockingIOError, EOFError:
                return
            yield np.asarray(frame.to_ndarray(), np.float32).reshape(-1, self._lane_count)
