"""Which encoder makes which codec."""

from collections.abc import Callable
from typing import Final

from ..errors import FormatError
from ..formats import Codec, StreamFormat
from .base import Encoder
from .flac import FlacEncoder
from .opus import OpusEncoder
from .pcm import PcmEncoder

_ENCODERS: Final[dict[Codec, Callable[[StreamFormat], Encoder]]] = {
    Codec.PCM: PcmEncoder,
    Codec.FLAC: FlacEncoder,
    Codec.OPUS: OpusEncoder,
}


def make_encoder(stream_format: StreamFormat) -> Encoder:
    """Return a new encoder of this format. Raises FormatError when it cannot be produced."""
    if not stream_format.is_producible:
        raise FormatError(f"{stream_format} cannot be produced")
    return _ENCODERS[stream_format.codec](stream_format)
