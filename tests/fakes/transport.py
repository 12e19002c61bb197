"""A connection in memory: the server's end is a `Transport`, the test holds the other one."""

import asyncio
from collections import deque
import struct

from core.protocol.websocket import CloseCode, Opcode, apply_mask
from core.server.transport import HIGH_WATER_BYTES, LOW_WATER_BYTES, Closed, Pong, Received


def parse_frames(data: bytes) -> list[tuple[Opcode, bytes, bool]]:
    """Return opcode, payload and whether it was masked, of each frame in `data`; all must be whole (RFC 6455, 5.2)."""
    frames = []
    at = 0
    while at < len(data):
        first, second = data[at : at + 2]
        at += 2
        assert first & 0xF0 == 0x80, "whole messages without extensions only"
        byte_count = second & 0x7F
        if byte_count == 126:
            (byte_count,) = struct.unpack_from(">H", data, at)
            at += 2
            assert byte_count > 125, "not the shortest form"
        elif byte_count == 127:
            (byte_count,) = struct.unpack_from(">Q", data, at)
            at += 8
            assert byte_count > 0xFFFF, "not the shortest form"
        key = None
        if second & 0x80:
            key = data[at : at + 4]
            at += 4
        payload = data[at : at + byte_count]
        at += byte_count
        assert len(payload) == byte_count, "cut off"
        frames.append((Opcode(first & 0x0F), payload if key is None else apply_mask(payload, key), key is not None))
    return frames


class MemoryTransport:
    """The server's end of a connection in memory.

    What the server writes is taken at once, as a fast network would, or stays in the buffer while `is_stuck`.
    `writes` holds every single write as it was; `sent` the messages in them; `feed`, `close_by_peer` and `lose` are
    what the other side and the network do.
    """

    def __init__(self, *, peer: str = "192.0.2.1", is_masking: bool = False) -> None:
        self.peer = peer
        self.is_masking = is_masking
        self.writes: list[bytes] = []
        self.closed_with: tuple[CloseCode, str] | None = None
        """How the server closed it."""
        self.is_aborted = False
        self.is_stuck = False
        self.answers_pings = True
        self._buffered = 0
        self._incoming: deque[Received] = deque()
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def write_buffer_bytes(self) -> int:
        return self._buffered

    @property
    def is_open(self) -> bool:
        return self.closed_with is None and not self.is_aborted

    def write(self, data: bytes) -> None:
        if not self.is_open:
            return
        self.writes.append(data)
        if self.is_stuck:
            self._buffered += len(data)
        if self.answers_pings and any(opcode == Opcode.PING for opcode, _, _ in parse_frames(data)):
            self.feed(Pong())
        self._notify()

    async def drain(self) -> None:
        if self._buffered < HIGH_WATER_BYTES:
            return
        while self._buffered >= LOW_WATER_BYTES and self.is_open:
            self._changed.clear()
            await self._changed.wait()

    async def receive(self) -> Received:
        while not self._incoming:
            self._arrived.clear()
            await self._arrived.wait()
        received = self._incoming[0]
        if not isinstance(received, Closed):
            self._incoming.popleft()
        return received

    async def close(self, code: CloseCode, reason: str = "") -> None:
        if self.is_open:
            self.closed_with = (code, reason)
        self.feed(Closed())
        await asyncio.sleep(0)

    def abort(self) -> None:
        self.is_aborted = True
        self.feed(Closed())

    # The other side

    @property
    def sent(self) -> list[str | bytes]:
        """Every message the server wrote, in order."""
        return [
            payload.decode() if opcode == Opcode.TEXT else payload
            for opcode, payload, _ in parse_frames(b"".join(self.writes))
            if opcode in (Opcode.TEXT, Opcode.BINARY)
        ]

    def feed(self, received: Received) -> None:
        """Have this arrive at the server."""
        self._incoming.append(received)
        self._arrived.set()
        self._notify()

    def close_by_peer(self) -> None:
        self.feed(Closed())

    def lose(self) -> None:
        self.feed(Closed("connection lost"))

    def take(self, byte_count: int | None = None) -> None:
        """Let the network take so much of what is stuck, or all."""
        self._buffered = 0 if byte_count is None else max(0, self._buffered - byte_count)
        self._notify()

    async def until_sent(self, count: int) -> list[str | bytes]:
        """Wait until so many messages were written, and return them."""
        while len(self.sent) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.sent

    def _notify(self) -> None:
        self._changed.set()
