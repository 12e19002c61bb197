"""What waits to be written to one client, and in which order it leaves."""

from collections import deque
from collections.abc import Callable
from typing import Final

from ..clock import Clock
from ..protocol.websocket import Opcode
from ..stream.chunk import Chunk
from ..units import US_PER_S, ServerTimeUs
from .transport import make_frame

MAX_ENTRIES: Final = 4096  # protocol.md 20.2
MAX_QUEUED_US: Final = 20 * US_PER_S
"""The longest horizon (10 s) and as much again: who is further behind is not coming back."""

type Stamped = Callable[[ServerTimeUs], str]
"""A message that carries the instant at which it is written."""


class Outbox:
    """Clock replies first, then commands and state, then the stream in its own order (protocol.md 20.2).

    Sans-IO: `take` gives the bytes of one write. A chunk is framed once for all players that hear it: plain for those
    who dialled us, masked for those we dialled; a fresh random key masks each frame.
    """

    def __init__(self, clock: Clock, *, is_masking: bool, pack: Callable[[Chunk], bytes]) -> None:
        """`pack` makes the message of a chunk; what it returns must not depend on who gets it."""
        self.sent_bytes = 0
        """Audio handed out, codec data alone."""
        self.dropped_chunk_count = 0
        """Chunks that were in the past before they could be written."""
        self.queued_us = 0
        """Audio that waits."""
        self.queued_bytes = 0
        self._clock = clock
        self._is_masking = is_masking
        self._wire_key = "masked" if is_masking else "plain"
        self._pack = pack
        self._replies: list[Stamped] = []
        self._messages: deque[str] = deque()
        self._is_ping_due = False
        self._stream: deque[Chunk | Stamped] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._replies or self._messages or self._stream or self._is_ping_due)

    @property
    def is_over_limit(self) -> bool:
        """Whether more waits than a client that keeps up could leave waiting."""
        count = len(self._replies) + len(self._messages) + len(self._stream)
        return count > MAX_ENTRIES or self.queued_us > MAX_QUEUED_US

    def reply(self, message: Stamped) -> None:
        """Add a clock reply: before everything else, stamped as it is written."""
        self._replies.append(message)

    def say(self, message: str) -> None:
        """Add a command or state: before the stream."""
        self._messages.append(message)

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        self._is_ping_due = True

    def mark(self, message: Stamped) -> None:
        """Add a message with a place of its own in the stream."""
        self._stream.append(message)

    def play(self, chunk: Chunk) -> None:
        """Add a chunk to the stream."""
        self._stream.append(chunk)
        self.queued_us += chunk.duration_us
        self.queued_bytes += len(chunk.data)

    def drop_chunks(self) -> None:
        """Forget the chunks that wait; the marks keep their places."""
        self._stream = deque(entry for entry in self._stream if not isinstance(entry, Chunk))
        self.queued_us = self.queued_bytes = 0

    def take(self, room_bytes: int) -> bytes:
        """Return what is to be written now in one go, about `room_bytes` at most; empty when nothing waits.

        Replies and messages are small and leave whatever the room.
        """
        parts: list[bytes] = []
        if self._is_ping_due:
            self._is_ping_due = False
            parts.append(self._frame(Opcode.PING, b""))
        while self._messages:
            parts.append(self._frame(Opcode.TEXT, self._messages.popleft().encode()))
        room_bytes -= sum(map(len, parts))
        while self._stream and room_bytes > 0:
            if (part := self._next_of_stream()) is not None:
                parts.append(part)
                room_bytes -= len(part)
        # Made last and put first: their stamp is to be as late as can be.
        replies = [self._frame(Opcode.TEXT, reply(self._clock.now()).encode()) for reply in self._replies]
        self._replies.clear()
        return b"".join(replies + parts)

    def _next_of_stream(self) -> bytes | None:
        entry = self._stream.popleft()
        now = self._clock.now()
        if not isinstance(entry, Chunk):
            return self._frame(Opcode.TEXT, entry(now).encode())
        self.queued_us -= entry.duration_us
        self.queued_bytes -= len(entry.data)
        if entry.end <= now:
            self.dropped_chunk_count += 1
            return None
        self.sent_bytes += len(entry.data)
        framed = entry.wire.get(self._wire_key)
        if framed is None:
            framed = entry.wire[self._wire_key] = self._frame(Opcode.BINARY, self._pack(entry))
        return framed

    def _frame(self, opcode: Opcode, payload: bytes) -> bytes:
        return make_frame(opcode, payload, is_masking=self._is_masking)
