"""As much of WebSocket and of the protocol as a player needs that only counts. Cheap, and no I/O."""

from collections.abc import Iterator
import json
import struct
from typing import Final, NamedTuple
from urllib.parse import urlsplit

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
HEADER_BYTES: Final = 9
"""Of a chunk: its kind and its instant."""
AUDIO: Final = 4


class Format(NamedTuple):
    """A stream format as a client lists it."""

    codec: str
    sample_rate: int = 48_000
    bit_depth: int = 16
    channels: int = 2

    @classmethod
    def parse(cls, text: str) -> Format:
        """Return the format of `codec[:rate[:depth[:channels]]]`."""
        codec, *numbers = text.split(":")
        return cls(codec, *map(int, numbers))

    def __str__(self) -> str:
        """Return what `parse` takes."""
        return ":".join(map(str, self))


def request(url: str) -> bytes:
    """Return the HTTP request that opens a WebSocket."""
    parts = urlsplit(url)
    lines = (
        f"GET {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame masked with zeros, which changes nothing."""
    size = len(payload)
    head = (
        struct.pack(">BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack(">BBH", 0x80 | opcode, 254, size)
    )
    return head + bytes(4) + payload


def message(kind: str, payload: dict[str, object]) -> bytes:
    """Return the frame of a text message."""
    return client_frame(TEXT, json.dumps({"type": kind, "payload": payload}).encode())


def hello(client_id: str, stream_format: Format, capacity_bytes: int) -> bytes:
    """Return what a player says first."""
    entry = stream_format._asdict()
    support = {"supported_formats": [entry], "buffer_capacity": capacity_bytes, "supported_commands": ["volume"]}
    return message(
        "client/hello",
        {
            "client_id": client_id,
            "name": client_id,
            "version": 1,
            "supported_roles": ["player@v1"],
            "player@v1_support": support,
        },
    )


def state() -> bytes:
    """Return what a player says once it has been greeted."""
    player = {"volume": 100, "muted": False, "static_delay_ms": 0, "required_lead_time_ms": 0, "min_buffer_ms": 0}
    return message("client/state", {"state": "synchronized", "player": player})


class FrameReader:
    """Cuts what a server sends into messages; nobody splits messages here."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of every frame that is complete."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 2:
            head, size = 2, data[at + 1]
            if size >= 126:
                head = 4 if size == 126 else 10
                if end - at < head:
                    break
                size = int.from_bytes(data[at + 2 : at + head])
            begin = at + head
            if begin + size > end:
                break
            opcode = data[at] & 15
            at = begin + size
            yield opcode, data[begin:at]
        self._rest = data[at:]


class Line:
    """Whether the chunks of a stream join: each is to start where the one before it ended."""

    SLACK_US: Final = 2

    def __init__(self, stream_format: Format) -> None:
        self._us_per_byte: float | None = None
        if stream_format.codec == "pcm":
            frame_bytes = stream_format.bit_depth // 8 * stream_format.channels
            self._us_per_byte = 1_000_000 / stream_format.sample_rate / frame_bytes
        self._start: int | None = None
        self._length_us: float | None = None

    def cut(self) -> None:
        """Take note that what comes need not join what came."""
        self._start = self._length_us = None

    def joins(self, start: int, byte_count: int) -> bool:
        """Take the next chunk; of what is not PCM the first length is taken to be that of all."""
        before, self._start = self._start, start
        if before is not None and self._length_us is None:
            self._length_us = start - before
        is_joined = before is None or self._length_us is None or abs(start - before - self._length_us) <= self.SLACK_US
        if self._us_per_byte is not None:
            self._length_us = byte_count * self._us_per_byte
        return is_joined
