"""What waits to be written to one client, and in which order it leaves."""

from collections import deque
from collections.abc import Callable
from typing import Final

from ..clock import Clock
from ..protocol.websocket import Opcode
from ..stream.chunk import Batch, Chunk
from ..units import US_PER_S, ServerTimeUs
from .transport import make_frame

MAX_ENTRIES: Final = 4096  # protocol.md 20.2
MAX_QUEUED_US: Final = 20 * US_PER_S
"""The longest horizon (10 s) and as much again: who is further behind is not coming back."""

type Stamped = Callable[[ServerTimeUs], str | None]
"""Makes a message that carries the instant at which it is written; None when it is no longer due by then."""
type ShownLast = Callable[[ServerTimeUs], str | bytes | None]
"""The same of what displays show: images, and what begins and ends them."""


class Outbox:
    """Our hello first, then clock replies, commands and state, the stream in its order, pictures (protocol.md 20.2).

    Sans-IO: `take` gives the bytes of one write. A chunk is framed once for all players that hear it: plain for those
    who dialled us, masked for those we dialled; a fresh random key masks each frame.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        is_masking: bool,
        pack: Callable[[Chunk], bytes],
        is_streaming: Callable[[], bool],
    ) -> None:
        """`pack` makes the message of a chunk, which must not depend on who gets it; chunks need a stream to be in."""
        self.sent_bytes = 0
        """Audio handed out, codec data alone."""
        self.dropped_chunk_count = 0
        """Chunks that were in the past, or out of a stream, before they could be written."""
        self.queued_us = 0
        """Audio that waits."""
        self.queued_bytes = 0
        self._clock = clock
        self._is_masking = is_masking
        self._wire_key = "masked" if is_masking else "plain"
        self._pack = pack
        self._is_streaming = is_streaming
        self._greetings: list[str] = []
        self._replies: list[Stamped] = []
        self._messages: deque[str] = deque()
        self._is_ping_due = False
        self._stream: deque[Batch | Stamped] = deque()
        self._pictures: deque[ShownLast] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        waiting = self._replies or self._messages or self._stream or self._pictures or self._greetings
        return bool(waiting or self._is_ping_due)

    @property
    def is_over_limit(self) -> bool:
        """Whether more waits than a client that keeps up could leave waiting."""
        count = len(self._replies) + len(self._messages) + len(self._stream) + len(self._pictures)
        return count > MAX_ENTRIES or self.queued_us > MAX_QUEUED_US

    def greet(self, message: str) -> None:
        """Add our hello: nothing may leave before it."""
        self._greetings.append(message)

    def reply(self, message: Stamped) -> None:
        """Add a clock reply: stamped as it is written."""
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

    def play(self, chunks: Batch) -> None:
        """Add chunks to the stream."""
        if chunks:
            self._stream.append(chunks)
            self.queued_us += chunks.duration_us
            self.queued_bytes += chunks.byte_count

    def show(self, picture: ShownLast) -> None:
        """Add what is for a display: behind the stream, and one in a write, for an image is large."""
        self._pictures.append(picture)

    def drop_chunks(self) -> None:
        """Forget the chunks that wait; the marks keep their places."""
        self._stream = deque(entry for entry in self._stream if not isinstance(entry, Batch))
        self.queued_us = self.queued_bytes = 0

    def take(self, room_bytes: int) -> bytes:
        """Return what is to be written now in one go, about `room_bytes` at most; empty when nothing waits.

        Replies and messages are small and leave whatever the room.
        """
        parts = [self._frame(Opcode.PING, b"")] if self._is_ping_due else []
        self._is_ping_due = False
        while self._messages:
            parts.append(self._message(self._messages.popleft()))
        room_bytes -= sum(map(len, parts))
        while self._stream and room_bytes > 0:
            part = self._next_of_stream(room_bytes)
            parts.append(part)
            room_bytes -= len(part)
        if self._pictures and room_bytes > 0 and not self._stream:
            parts.append(self._message(self._pictures.popleft()(self._clock.now())))
        # Made last and put first: their stamp is to be as late as can be.
        first = [self._message(greeting) for greeting in self._greetings]
        first += [self._message(reply(self._clock.now())) for reply in self._replies]
        self._greetings.clear()
        self._replies.clear()
        return b"".join(first + parts)

    def _next_of_stream(self, room_bytes: int) -> bytes:
        entry = self._stream.popleft()
        now = self._clock.now()
        if not isinstance(entry, Batch):
            return self._message(entry(now))
        is_due = entry[0].end > now and self._is_streaming()
        if len(entry) > 1 and (entry.byte_count > room_bytes or not is_due):
            self._stream.extendleft(Batch((chunk,)) for chunk in reversed(entry))
            return self._next_of_stream(room_bytes)
        self.queued_us -= entry.duration_us
        self.queued_bytes -= entry.byte_count
        if not is_due:
            self.dropped_chunk_count += 1
            return b""
        self.sent_bytes += entry.byte_count
        return self._framed(entry)

    def _framed(self, batch: Batch) -> bytes:
        framed = batch.wire.get(self._wire_key)
        if framed is None:
            framed = batch.wire[self._wire_key] = b"".join(self._framed_chunk(chunk) for chunk in batch)
        return framed

    def _framed_chunk(self, chunk: Chunk) -> bytes:
        framed = chunk.wire.get(self._wire_key)
        if framed is None:
            framed = chunk.wire[self._wire_key] = self._frame(Opcode.BINARY, self._pack(chunk))
        return framed

    def _message(self, message: str | bytes | None) -> bytes:
        match message:
            case None:
                return b""
            case str():
                return self._frame(Opcode.TEXT, message.encode())
            case bytes():
                return self._frame(Opcode.BINARY, message)

    def _frame(self, opcode: Opcode, payload: bytes) -> bytes:
        return make_frame(opcode, payload, is_masking=self._is_masking)
