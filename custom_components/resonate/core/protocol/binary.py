"""Binary messages of the cleartext era: `[id][timestamp i64][body]`, big-endian (protocol.md 6, 11.3, 12.2)."""

from enum import IntEnum
import struct
from typing import Final, NamedTuple

from ..errors import RemoteProtocolError
from ..units import ServerTimeUs

_HEADER: Final = struct.Struct(">Bq")
HEADER_BYTES: Final = _HEADER.size
"""What a chunk counts in a player's buffer besides its data (protocol.md 8.8)."""
MAX_ARTWORK_CHANNELS: Final = 4


class BinaryId(IntEnum):
    """First byte of a binary message."""

    AUDIO = 4
    ARTWORK = 8
    """Channel 0; channels 1 to 3 follow."""
    SOURCE_AUDIO = 12
    """The only one that clients send."""
    LOUDNESS = 16
    BEAT = 17
    F_PEAK = 18
    SPECTRUM = 19
    PEAK = 20


class Frame(NamedTuple):
    """One binary message in its parts."""

    id: int
    timestamp: ServerTimeUs
    """When its first sample, image or value is to be heard or seen."""
    body: bytes


def pack(frame_id: int, timestamp: ServerTimeUs, body: bytes) -> bytes:
    """Return a whole binary message."""
    return _HEADER.pack(frame_id, timestamp) + body


def unpack(data: bytes) -> Frame:
    """Return the parts of a binary message. Raises RemoteProtocolError when it is shorter than its header."""
    if len(data) < HEADER_BYTES:
        raise RemoteProtocolError(f"binary message of {len(data)} bytes")
    frame_id, timestamp = _HEADER.unpack_from(data)
    return Frame(frame_id, ServerTimeUs(timestamp), data[HEADER_BYTES:])


def pack_audio(start: ServerTimeUs, data: bytes) -> bytes:
    """Return an audio message; equal for all players of this era, so it may be shared among them."""
    return pack(BinaryId.AUDIO, start, data)


def pack_artwork(channel: int, timestamp: ServerTimeUs, image: bytes) -> bytes:
    """Return an image for one artwork channel; an empty one clears it."""
    if not 0 <= channel < MAX_ARTWORK_CHANNELS:
        raise ValueError(f"artwork channel {channel}")
    return pack(BinaryId.ARTWORK + channel, timestamp, image)
