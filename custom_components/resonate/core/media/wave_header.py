"""The header of a WAV stream, read here because FFmpeg wants 64 KiB of one first: over a second of speech."""

from collections.abc import Callable
import struct
from typing import Final, NamedTuple

_MAX_HEADER_BYTES: Final = 65_536
_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_RAW_FORMATS: Final = {
    (_PCM, 8): "u8",
    (_PCM, 16): "s16le",
    (_PCM, 24): "s24le",
    (_PCM, 32): "s32le",
    (_FLOAT, 32): "f32le",
    (_FLOAT, 64): "f64le",
}
_UNKNOWN_BYTES: Final = 0x7FFF_0000  # at and above it, writers of streams mean that they do not know the length


class WaveHeader(NamedTuple):
    """What FFmpeg must be told to read the samples as they are."""

    raw_format: str
    sample_rate: int
    channel_layout: str
    data_bytes: int | None
    """None when the stream goes on until it ends."""


class HeaderReader:
    """Reads exactly, and remembers what it read: whoever gives up hands it back."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """Read with `read`, which may give less than asked for."""
        self.seen = b""
        self._read = read

    def take(self, byte_count: int) -> bytes:
        """Return the next `byte_count` bytes. Raises EOFError when there are not so many, or not within a header."""
        end = len(self.seen) + byte_count
        if end > _MAX_HEADER_BYTES:
            raise EOFError
        while len(self.seen) < end:
            data = self._read(end - len(self.seen))
            if not data:
                raise EOFError
            self.seen += data
        return self.seen[end - byte_count :]


def read_wave_header(reader: HeaderReader) -> WaveHeader | None:
    """Read up to the first sample of a WAV stream; None when it is something else, or not plain samples."""
    try:
        # Four bytes first: another short stream must not be kept waiting.
        if reader.take(4) != b"RIFF" or reader.take(8)[4:] != b"WAVE":
            return None
        header: WaveHeader | None = None
        while True:
            name, chunk_bytes = struct.unpack("<4sI", reader.take(8))
            if name == b"data":
                return header and header._replace(data_bytes=_known_length(chunk_bytes))
            body = reader.take(chunk_bytes + chunk_bytes % 2)
            if name == b"fmt ":
                header = _parse_format(body)
    except EOFError, struct.error:
        return None


def _known_length(data_bytes: int) -> int | None:
    return data_bytes if 0 < data_bytes < _UNKNOWN_BYTES else None


def _parse_format(body: bytes) -> WaveHeader | None:
    tag, channel_count, sample_rate, _, frame_bytes, container_bits = struct.unpack_from("<HHIIHH", body)
    layout = f"{channel_count} channels"
    if tag == _EXTENSIBLE:
        mask, tag = struct.unpack_from("<IH", body, 20)
        if mask.bit_count() == channel_count:
            layout = f"0x{mask:x}"
    raw_format = _RAW_FORMATS.get((tag, container_bits))
    if raw_format is None or not channel_count or not sample_rate or frame_bytes != channel_count * container_bits // 8:
        return None
    return WaveHeader(raw_format, sample_rate, layout, None)
