"""What a player holds: bytes until they have been heard, and how fast it may be filled."""

from collections import deque
from typing import Final

from ..units import US_PER_S, ServerTimeUs
from .chunk import Batch, Chunk

BURST_US: Final = 2 * US_PER_S
PACE: Final = 4
"""Several clients overflow bounded queues when seconds of audio arrive while their decoder starts (protocol.md 8.6):
beyond a burst a buffer is filled no faster than so many times real time."""


class PlayerBuffer:
    """The server's account of one player's buffer, exact to the byte; the player never reports it.

    A chunk counts header and data from being sent until its end has been heard. Source: protocol.md 8.8.
    """

    def __init__(self, *, capacity_bytes: int, header_bytes: int, output_delay_us: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.header_bytes = header_bytes
        self.output_delay_us = output_delay_us
        """The player is done with a chunk so much before the chunk's end; a new value holds for all that it holds."""
        self._held: deque[tuple[ServerTimeUs, int]] = deque()
        self._held_bytes = 0
        self._paced_until = 0
        """When, at `PACE` times real time, all that it was sent is through; in µs of audio, `PACE` to the µs."""

    def held_bytes(self, now: ServerTimeUs) -> int:
        """Return what it holds."""
        while self._held and self._held[0][0] - self.output_delay_us <= now:
            self._held_bytes -= self._held.popleft()[1]
        return self._held_bytes

    @property
    def sent_until(self) -> ServerTimeUs | None:
        """When the last chunk that it holds ends; None when it holds nothing."""
        return self._held[-1][0] if self._held else None

    def can_ever_hold(self, chunk: Chunk) -> bool:
        """Whether the chunk fits an empty buffer."""
        return len(chunk.data) + self.header_bytes <= self.capacity_bytes

    def ready_at(self, chunk: Chunk, now: ServerTimeUs) -> ServerTimeUs:
        """Return from when on the chunk may be sent: `now` when at once.

        The chunk must be one that it can hold.
        """
        ready = ServerTimeUs(max(now, -(-(self._paced_until + chunk.duration_us - BURST_US) // PACE)))
        to_free = self.held_bytes(now) + len(chunk.data) + self.header_bytes - self.capacity_bytes
        for end, byte_count in self._held:
            if to_free <= 0:
                break
            to_free -= byte_count
            ready = ServerTimeUs(max(ready, end - self.output_delay_us))
        return ready

    def add(self, chunk: Chunk, now: ServerTimeUs) -> None:
        """Count a chunk that is sent now."""
        self._paced_until = max(self._paced_until, now * PACE) + chunk.duration_us
        byte_count = len(chunk.data) + self.header_bytes
        self._held.append((chunk.end, byte_count))
        self._held_bytes += byte_count

    def add_all(self, batch: Batch, now: ServerTimeUs) -> bool:
        """Count chunks that are sent now, if all of them may be; return whether that is so."""
        byte_count = batch.byte_count + len(batch) * self.header_bytes
        paced_until = max(self._paced_until, now * PACE) + batch.duration_us
        if paced_until > now * PACE + BURST_US or self.held_bytes(now) + byte_count > self.capacity_bytes:
            return False
        self._paced_until = paced_until
        self._held.extend((chunk.end, len(chunk.data) + self.header_bytes) for chunk in batch)
        self._held_bytes += byte_count
        return True

    def clear(self) -> None:
        """Forget everything: the player was told to drop what it holds."""
        self._held.clear()
        self._held_bytes = 0
        self._paced_until = 0
