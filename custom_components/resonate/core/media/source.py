"""Something that gives audio."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from ..formats import Block, Layout
from .tags import Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What is known of a source once it is open."""

    sample_rate: int
    """Its own rate, Hz; what `read` gives is at the mix rate."""
    layout: Layout
    duration_us: int | None = None
    """None when unknown or endless."""
    is_live: bool = False
    is_seekable: bool = False
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    path: Path | None = None
    """The local file that it is."""
    cover: bytes | None = field(default=None, repr=False)
    """The file of a picture that it brings; whether it is one has not been looked at."""
    album_artist: str | None = None
    year: int | None = None
    track: int | None = None


class Passage(NamedTuple):
    """Consecutive frames of a source."""

    block: Block
    layout: Layout
    """The lanes of `block`; may change from one passage to the next."""
    tags: Tags | None = None
    """What the medium says of itself from the first of these frames on; None when it never says anything."""


class Source(Protocol):
    """A readable medium. Blocking, media pool only, one call at a time (but `close`: any thread, at any time).

    Order of calls: `open` once, `start` once, then `read` and `seek`, `close` at the end.
    """

    def open(self) -> SourceInfo:
        """Open the medium. Raises MediaError; bounded by a time-out."""
        ...

    def start(self, mix_rate: int, position_us: int) -> None:
        """Say at which rate, and from which position on, `read` is to give frames."""
        ...

    def read(self, frame_count: int) -> Passage | None:
        """Return the next frames, at least one and at most `frame_count`; None at the end.

        Waits for disk, network or a live source at most for its read time-out, then raises MediaError. A broken
        medium gives all that can be had before it raises.
        """
        ...

    def seek(self, position_us: int) -> None:
        """Go on at the first frame at or after `position_us` of the medium. Raises MediaError where not seekable."""
        ...

    def close(self) -> None:
        """Let go of everything, waiting for nothing; a waiting call returns or raises soon. Any thread, any loop."""
        ...


@runtime_checkable
class WaitingSource(Source, Protocol):
    """A Source that does its waiting on the core's loop, so that it keeps no thread of the media pool.

    Its `read` waits for nothing: it gives what `wait` has found, which may be no frame at all.
    """

    async def wait(self, frame_count: int) -> None:
        """Return when there is something for a `read` of so many frames, or the end, or when it is closed."""
        ...
