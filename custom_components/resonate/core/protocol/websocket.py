"""WebSocket frames as we send them: whole messages, no extension (RFC 6455, 5.2). Reading them is the library's."""

from enum import IntEnum
import struct
from typing import Final

import numpy as np

_FIN: Final = 0x80
_MASKED: Final = 0x80
_SIZE_16: Final = 126
_SIZE_64: Final = 127


class Opcode(IntEnum):
    """What a frame carries."""

    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """Why a connection is closed (RFC 6455, 7.4.1), as far as we say it."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    POLICY_VIOLATION = 1008
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """Return the one frame of a message from the side that listens: not masked, equal for all who get it."""
    return _header(opcode, len(payload), masked=0) + payload


def masked_frame(opcode: Opcode, payload: bytes, key: bytes) -> bytes:
    """Return the one frame of a message from the side that dialled; `key` is four fresh random bytes."""
    return _header(opcode, len(payload), masked=_MASKED) + key + apply_mask(payload, key)


def apply_mask(payload: bytes, key: bytes) -> bytes:
    """Return the payload with the key laid over it again and again; twice gives it back (RFC 6455, 5.3)."""
    words = np.frombuffer(payload + bytes(-len(payload) % 4), np.uint32)
    return (words ^ np.frombuffer(key, np.uint32)).tobytes()[: len(payload)]


def _header(opcode: Opcode, byte_count: int, *, masked: int) -> bytes:
    if byte_count < _SIZE_16:
        return bytes((_FIN | opcode, masked | byte_count))
    if byte_count < 1 << 16:
        return struct.pack(">BBH", _FIN | opcode, masked | _SIZE_16, byte_count)
    return struct.pack(">BBQ", _FIN | opcode, masked | _SIZE_64, byte_count)
