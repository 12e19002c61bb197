"""Formats at the edges: what a player is sent, and how the lanes of a block are laid out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from .errors import FormatError

type Block = npt.NDArray[np.float32]
"""Audio inside the core: float32, C-contiguous, shape (frame_count, lane_count), full scale ±1."""


class Codec(StrEnum):
    """How audio is packed on the wire."""

    PCM = "pcm"
    FLAC = "flac"
    OPUS = "opus"


class Lane(StrEnum):
    """What a column of a block is for; FFmpeg's short names."""

    FL = "FL"
    FR = "FR"
    FC = "FC"
    LFE = "LFE"
    BL = "BL"
    BR = "BR"
    FLC = "FLC"
    FRC = "FRC"
    BC = "BC"
    SL = "SL"
    SR = "SR"


type Layout = tuple[Lane, ...]
"""The lanes of a block in their order."""

MONO: Final[Layout] = (Lane.FC,)
STEREO: Final[Layout] = (Lane.FL, Lane.FR)
LAYOUT_BY_COUNT: Final[dict[int, Layout]] = {
    1: MONO,
    2: STEREO,
    3: (*STEREO, Lane.LFE),
    4: (*STEREO, Lane.BL, Lane.BR),
    5: (*STEREO, Lane.FC, Lane.BL, Lane.BR),
    6: (*STEREO, Lane.FC, Lane.LFE, Lane.BL, Lane.BR),
    7: (*STEREO, Lane.FC, Lane.LFE, Lane.BC, Lane.SL, Lane.SR),
    8: (*STEREO, Lane.FC, Lane.LFE, Lane.BL, Lane.BR, Lane.SL, Lane.SR),
}
"""What so many lanes mean when nothing else is said (WAVE order, as FFmpeg assumes it)."""

MIN_SAMPLE_RATE: Final = 8_000
MAX_SAMPLE_RATE: Final = 192_000
DEFAULT_SAMPLE_RATE: Final = 48_000
MUSIC_SAMPLE_RATE: Final = 44_100  # the lowest rate that loses nothing audible
OPUS_SAMPLE_RATES: Final = frozenset({8_000, 12_000, 16_000, 24_000, 48_000})  # RFC 6716, 2
FLAC_BIT_DEPTHS: Final = frozenset({16, 24})  # 32-bit FLAC is unreadable for old decoders
PCM_BIT_DEPTHS: Final = frozenset({16, 24, 32})
_HEADER_BYTES: Final = 13  # of a chunk, at most (protocol.md 8.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """PCM: interleaved, signed, little-endian; 24 bits are packed in three bytes."""

    sample_rate: int
    """Hz."""
    channel_count: int = 2
    bit_depth: int = 16

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.channel_count * self.bit_depth // 8

    def require_known(self) -> None:
        """Raise FormatError unless it is one that we can take."""
        is_known = MIN_SAMPLE_RATE <= self.sample_rate <= MAX_SAMPLE_RATE and self.bit_depth in PCM_BIT_DEPTHS
        if not is_known or self.channel_count not in LAYOUT_BY_COUNT:
            raise FormatError(f"{self} is not known")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFormat:
    """What a player is sent: a codec and the PCM it decodes to."""

    codec: Codec
    sample_rate: int
    """Hz."""
    channel_count: int
    bit_depth: int = 16
    """Meaningful bits; without meaning for Opus."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame as PCM on the wire: 24 bits are packed in three bytes."""
        return self.channel_count * self.bit_depth // 8

    @property
    def most_chunk_bytes(self) -> int:
        """As many bytes as no chunk exceeds, its header included."""
        pcm_bytes = self.frame_bytes * (self.sample_rate // 40)  # PCM and FLAC are cut to 25 ms
        match self.codec:
            case Codec.OPUS:
                return 1_275 + _HEADER_BYTES  # RFC 6716, 3.2.1
            case Codec.FLAC:
                # Noise is kept as it is, with a bit more for the difference of two lanes; a head for frame and lanes.
                return pcm_bytes + pcm_bytes // 16 + 64 + _HEADER_BYTES
            case Codec.PCM:
                return pcm_bytes + _HEADER_BYTES

    @property
    def is_producible(self) -> bool:
        """Whether we can make it; entries that no sensible device lists are refused before anything is opened."""
        if not MIN_SAMPLE_RATE <= self.sample_rate <= MAX_SAMPLE_RATE:
            return False
        match self.codec:
            case Codec.OPUS:
                return self.sample_rate in OPUS_SAMPLE_RATES and self.channel_count in (1, 2)
            case Codec.FLAC:
                return 1 <= self.channel_count <= 8 and self.bit_depth in FLAC_BIT_DEPTHS
            case Codec.PCM:
                return 1 <= self.channel_count <= 8 and self.bit_depth in PCM_BIT_DEPTHS


def playable(listed: Sequence[StreamFormat], capacity_bytes: int) -> tuple[StreamFormat, ...]:
    """Return the entries of a player's list that we can make and of which its buffer holds enough to play on.

    That is one chunk being heard, one to follow, and one on the way.
    """
    return tuple(entry for entry in listed if entry.is_producible and 3 * entry.most_chunk_bytes <= capacity_bytes)


def choose_format(listed: Sequence[StreamFormat], *, mix_rate: int | None = None) -> StreamFormat:
    """Return the entry that a player is to be sent, of its own list, or of its present wish alone.

    The order decides, except that an entry alike in all but the rate is taken when it saves resampling from `mix_rate`.
    Raises FormatError when nothing listed can be produced. Source: protocol.md 8.3.
    """
    producible = [entry for entry in listed if entry.is_producible]
    if not producible:
        raise FormatError("no format of this player's list can be produced")
    first = producible[0]
    for entry in producible:
        if entry.sample_rate == mix_rate and _same_but_rate(entry, first):
            return entry
    return first


def choose_mix_rate(source_rate: int, members: Iterable[Sequence[StreamFormat]]) -> int:
    """Return the rate that needs the fewest resamplings for these members' lists, nearest to the source's own.

    Only rates that some member plays come into question, and none below 44.1 kHz while another is there: a 16 kHz
    announcement must not set the rate of the music after it.
    """
    lists = [producible for listed in members if (producible := [e for e in listed if e.is_producible])]
    if not lists:
        return source_rate if MUSIC_SAMPLE_RATE <= source_rate <= MAX_SAMPLE_RATE else DEFAULT_SAMPLE_RATE

    def cost(rate: int) -> tuple[int, int, bool]:
        targets = {choose_format(listed, mix_rate=rate).sample_rate for listed in lists}
        resamplings = len(targets - {rate}) + (rate != source_rate)
        return resamplings, abs(rate - source_rate), rate != DEFAULT_SAMPLE_RATE

    rates = {entry.sample_rate for listed in lists for entry in listed}
    return min({rate for rate in rates if rate >= MUSIC_SAMPLE_RATE} or rates, key=cost)


def _same_but_rate(one: StreamFormat, other: StreamFormat) -> bool:
    return (one.codec, one.channel_count, one.bit_depth) == (other.codec, other.channel_count, other.bit_depth)
