"""What is asked for: a medium and how to treat it, as a value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ..units import US_PER_S
from .media_stream import MediaStream

PATIENCE_US: Final = 15 * US_PER_S
"""Longer than servers may be silent (10 s), so that what is told of a silent one is that."""


class ByteStream(Protocol):
    """A blocking stream of bytes, read by one media thread. May also offer `seek` and `tell` (then it is seekable)."""

    def read(self, byte_count: int, /) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end. Raises MediaError."""
        ...

    def close(self) -> None:
        """Let go; a `read` that waits returns or raises soon. Any thread, more than once."""
        ...


type PictureLocation = Path | bytes | Callable[[], ByteStream]
"""A local file; the picture itself; or something that opens it when its turn comes."""
type MediaLocation = PictureLocation | str
"""The same of a medium; or a URL (or whatever FFmpeg opens)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRequest:
    """A medium to play."""

    location: MediaLocation = field(default=b"", repr=False)
    """Kept out of logs: URLs carry tokens."""
    resolve: Callable[[], MediaRequest] | None = field(default=None, repr=False)
    """Gives the request proper when its turn comes, for what cannot be known before; then the location does not count.

    Blocking, media pool only; raises MediaError. Called each time it is opened: what it gave before may have expired.
    """
    stream: MediaStream | None = None
    """Sources that give audio by themselves; then the location does not count."""
    media_id: str = ""
    """What the asker calls it; told back in events."""
    origin: object = None
    """What the asker made it from; has no meaning here."""
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_us: int | None = None
    """As far as the asker knows; what the medium says counts more."""
    mime_type: str | None = None
    artwork: PictureLocation | None = field(default=None, repr=False)
    """Its picture; None: what it brings itself, or what lies beside it."""
    is_live: bool = False
    """A source at the live edge: it cannot be read ahead, nor sought."""
    start_us: int = 0
    """Position in the medium to begin at."""
    patience_us: int = PATIENCE_US
    """How long it may take to open it, and then each time until there is any more audio."""
