"""What is sent, in words that need no translation."""

from typing import Final

from .core.formats import LAYOUT_BY_COUNT, Codec, Lane, StreamFormat

_FEW_LANES: Final = {1: "mono", 2: "stereo"}


def format_text(stream_format: StreamFormat) -> str:
    """Return a format as people write it: FLAC 48 kHz 16 bit."""
    text = f"{stream_format.codec.upper()} {stream_format.sample_rate / 1000:g} kHz"
    # Opus has no depth of its own.
    return text if stream_format.codec is Codec.OPUS else f"{text} {stream_format.bit_depth} bit"


def full_format_text(stream_format: StreamFormat) -> str:
    """Return a format with its lanes: FLAC 48 kHz 16 bit stereo, and 5.1 for six of them."""
    return f"{format_text(stream_format)} {_lanes_text(stream_format.channel_count)}"


def _lanes_text(count: int) -> str:
    if (text := _FEW_LANES.get(count)) is not None:
        return text
    low_count = LAYOUT_BY_COUNT[count].count(Lane.LFE)
    return f"{count - low_count}.{low_count}"
