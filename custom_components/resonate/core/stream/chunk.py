"""What travels: an encoded piece of audio with its instant."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..formats import StreamFormat
from ..units import ServerTimeUs


@dataclass(slots=True, kw_only=True, eq=False)
class Chunk:
    """One packet, shared by all players that hear it: `data` is one bytes object for all of them."""

    start: ServerTimeUs
    """When its first frame is to be heard."""
    duration_us: int
    data: bytes
    frame: int
    """Index of its first frame on the pipeline's own count, without gap from chunk to chunk."""
    frame_count: int
    wire: dict[str, bytes] = field(default_factory=dict)
    """Framed once per way of framing, by whoever sends it first; the loop's only."""

    @property
    def end(self) -> ServerTimeUs:
        """When the first frame after it is to be heard."""
        return ServerTimeUs(self.start + self.duration_us)


class Batch(tuple[Chunk, ...]):  # noqa: SLOT001 - a tuple cannot have any
    """Chunks that leave together: one object for all players that are sent just these."""

    def __init__(self, chunks: Iterable[Chunk] = ()) -> None:
        """Add up what they amount to."""
        self.byte_count = sum(len(chunk.data) for chunk in self)
        self.duration_us = sum(chunk.duration_us for chunk in self)
        self.wire: dict[str, bytes] = {}
        """All of them, framed once per way of framing; the loop's only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStart:
    """What a player must know before its first chunk in a format."""

    format: StreamFormat
    codec_header: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerOutput:
    """What a player is to be sent, in this order: end, start, clear, chunks."""

    end: bool = False
    start: StreamStart | None = None
    clear: bool = False
    chunks: Batch = field(default_factory=Batch)
