"""What FFmpeg decodes, as blocks: every sample format and channel layout it has."""

from collections.abc import Buffer
from functools import lru_cache
from typing import Final, NamedTuple

import av
import av.audio.layout
from av.audio.plane import AudioPlane
import numpy as np
import numpy.typing as npt

from ..formats import LAYOUT_BY_COUNT, Block, Lane, Layout

MAX_LANES: Final = max(LAYOUT_BY_COUNT)


class _SampleFormat(NamedTuple):
    dtype: npt.DTypeLike
    scale: float
    """What takes full scale to ±1: a power of two, so that nothing is lost (24 bits come in the upper part of 32)."""
    midpoint: int = 0


_SAMPLE_FORMATS: Final = {
    "u8": _SampleFormat(np.uint8, 2.0**-7, 128),
    "s16": _SampleFormat(np.int16, 2.0**-15),
    "s32": _SampleFormat(np.int32, 2.0**-31),
    "s64": _SampleFormat(np.int64, 2.0**-63),
    "flt": _SampleFormat(np.float32, 1.0),
    "dbl": _SampleFormat(np.float64, 1.0),
}


class LaneMap(NamedTuple):
    """Which channels of a frame are kept, and what they are."""

    layout: Layout
    columns: tuple[int, ...] | None
    """None when all are kept, in their order."""


def lanes_of(layout: av.audio.layout.AudioLayout) -> LaneMap:
    """Return what the channels of `layout` are here; what has no lane (height speakers) is left out."""
    return _map_names(tuple(channel.name for channel in layout.channels))


def to_block(frame: av.AudioFrame, columns: tuple[int, ...] | None = None) -> Block:
    """Return the samples of `frame` as a block of its own; integers of up to 24 bits and floats without loss."""
    sample_format = _SAMPLE_FORMATS[frame.format.packed.name]
    frame_count, channel_count = frame.samples, frame.layout.nb_channels
    # Not `frame.planes`: it fails for eight of them (PyAV 19 looks for a ninth).
    planes = [AudioPlane(frame, index) for index in range(channel_count if frame.format.is_planar else 1)]
    block = np.empty((frame_count, len(columns) if columns else channel_count), dtype=np.float32)
    if frame.format.is_planar:
        for lane, column in enumerate(columns or range(channel_count)):
            _convert(_view(planes[column], sample_format, frame_count), block[:, lane], sample_format)
    else:
        packed = _view(planes[0], sample_format, frame_count * channel_count).reshape(frame_count, channel_count)
        _convert(packed[:, columns] if columns else packed, block, sample_format)
    return block


@lru_cache(maxsize=64)
def _map_names(names: tuple[str, ...]) -> LaneMap:
    known = tuple(column for column, name in enumerate(names) if name in Lane.__members__)[:MAX_LANES]
    if not known:
        # Ambisonics, "unknown", a downmix of its own: only the number says anything.
        count = min(len(names), MAX_LANES)
        return LaneMap(LAYOUT_BY_COUNT[count], None if count == len(names) else tuple(range(count)))
    layout = tuple(Lane(names[column]) for column in known)
    return LaneMap(layout, None if len(known) == len(names) else known)


def _view(plane: Buffer, sample_format: _SampleFormat, count: int) -> npt.NDArray[np.generic]:
    return np.frombuffer(plane, dtype=sample_format.dtype, count=count)


def _convert(samples: npt.NDArray[np.generic], out: Block, sample_format: _SampleFormat) -> None:
    if np.issubdtype(samples.dtype, np.integer):
        np.subtract(samples, np.float32(sample_format.midpoint), out=out, dtype=np.float32, casting="unsafe")
        out *= np.float32(sample_format.scale)
        return
    out[...] = samples
    if not np.isfinite(np.sum(out)):
        # One NaN would stay in every filter it meets.
        np.nan_to_num(out, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
