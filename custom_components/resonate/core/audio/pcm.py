"""Blocks to integers and bytes, and back: the only place where samples are rounded."""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from ..formats import PCM_BIT_DEPTHS, Block

type Samples = npt.NDArray[np.int16] | npt.NDArray[np.int32]
"""Right-aligned integers, shape (frame_count, channel_count), C-contiguous: int16 for 16 bits, int32 for 24 and 32."""

DITHER_PERIOD: Final = 1 << 18
"""Frames after which the noise repeats: 5.5 s at 48 kHz, 1.4 s at 192 kHz. Repeated noise is heard as such below about
1 s (Guttman and Julesz, 1963), and this one lies 93 dB down."""
_LANE_SHIFT: Final = DITHER_PERIOD // 8 + 1
"""Every lane reads the same noise this much further on: up to eight lanes have nothing in common at one instant."""
_INT32_TOP: Final = 2147483520.0  # the largest float32 below 2^31


def quantise(block: Block, bit_depth: int, frame: int) -> Samples:
    """Return `block` as integers of `bit_depth`, the first of its frames being number `frame` of its stream.

    Samples that lie on the grid of `bit_depth` pass unchanged; the others get TPDF dither, which depends on nothing but
    their lane and frame, so any split of a stream gives the same integers. Full scale clips, what is no number is 0.
    32 bits carry the 24 significant ones of a float, without dither. Raises FormatError for an unknown depth.
    """
    require_depth(bit_depth)
    top = 1 << (bit_depth - 1)
    scaled: Block = np.multiply(block, np.float32(top))
    if np.isnan(scaled).any():
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=np.inf, neginf=-np.inf)
    if bit_depth == 32:
        np.clip(scaled, -top, _INT32_TOP, out=scaled)
        np.rint(scaled, out=scaled)
        return scaled.astype(np.int32)
    np.clip(scaled, -top, top - 1, out=scaled)
    whole: Block = np.floor(scaled)
    if not np.array_equal(whole, scaled):
        _dither(whole, scaled, frame)
        np.clip(whole, -top, top - 1, out=whole)
    if bit_depth == 16:
        return whole.astype(np.int16)
    return whole.astype(np.int32)


def _dither(whole: Block, scaled: Block, frame: int) -> None:
    """Add to `whole` the rounded rest of `scaled`, with noise where there is a rest; uses `scaled` up.

    The rest is rounded by itself: at 24 bits a float32 has no room for whole and noise together.
    """
    rest = np.subtract(scaled, whole, out=scaled)
    noise = _noise(rest.shape[1])
    done = 0
    while done < len(rest):
        at = (frame + done) % DITHER_PERIOD
        part = rest[done : done + DITHER_PERIOD - at]
        part += noise[at : at + len(part)] * (part != 0)
        done += len(part)
    whole += np.rint(rest, out=rest)


@cache
def _noise(lane_count: int) -> Block:
    """Return one period of triangular noise within ±1, shape (DITHER_PERIOD, lane_count); read only."""
    generator = np.random.Generator(np.random.PCG64(0x5E4D5))
    first, second = generator.random((2, DITHER_PERIOD), dtype=np.float32)
    noise = first - second
    noise -= noise.mean(dtype=np.float64)
    lanes = np.column_stack([np.roll(noise, -lane * _LANE_SHIFT) for lane in range(lane_count)])
    lanes.flags.writeable = False
    return lanes


def pack(samples: Samples, bit_depth: int) -> bytes:
    """Return `samples` as the wire has them: interleaved, little-endian, 24 bits in three bytes.

    Raises FormatError when they are not of `bit_depth`.
    """
    require_depth(bit_depth)
    if samples.dtype != (np.int16 if bit_depth == 16 else np.int32):
        raise FormatError(f"{samples.dtype} samples are not of {bit_depth} bits")
    if bit_depth != 24:
        return samples.astype(f"<i{bit_depth // 8}", copy=False).tobytes()
    wide = np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)
    # Byte by byte: `tobytes` of a strided array holds the interpreter lock, a strided copy of three is slow.
    packed = np.empty((len(wide), 3), np.uint8)
    for byte in range(3):
        packed[:, byte] = wide[:, byte]
    return packed.tobytes()


def unpack(data: bytes, bit_depth: int, channel_count: int) -> Block:
    """Return the block that `data` packs; exact up to 24 bits. Raises FormatError unless it is whole frames."""
    require_depth(bit_depth)
    frame_bytes = channel_count * bit_depth // 8
    if channel_count < 1 or len(data) % frame_bytes:
        raise FormatError(f"{len(data)} bytes are no whole frames of {frame_bytes}")
    if bit_depth == 24:
        packed = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(packed), 4), np.uint8)
        for byte in range(3):
            wide[:, byte + 1] = packed[:, byte]
        integers: npt.NDArray[np.integer] = wide.view("<i4")
        bit_depth = 32
    else:
        integers = np.frombuffer(data, f"<i{bit_depth // 8}")
    block: Block = integers.astype(np.float32).reshape(-1, channel_count)
    block *= np.float32(2.0 ** (1 - bit_depth))
    return block


def require_depth(bit_depth: int) -> None:
    """Raise FormatError unless samples can have this depth."""
    if bit_depth not in PCM_BIT_DEPTHS:
        raise FormatError(f"samples of {bit_depth} bits are unknown")
