"""One line of a playlist, and what lists are held to."""

from dataclasses import dataclass
from typing import Final

from .tags import clean, tags_of_stream_title

MAX_ENTRIES: Final = 10_000
MAX_LINE_CHARACTERS: Final = 8_192
"""What is longer is no path and no address: it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaylistEntry:
    """A medium that a playlist names, and what it says of it."""

    location: str
    """An address or a path as it is written, maybe relative to the playlist's own."""
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_us: int | None = None
    artwork_url: str | None = None
    """As it is written, too."""


def make_entry(
    location: str,
    *,
    label: str = "",
    artist: str = "",
    album: str = "",
    duration_us: int | None = None,
    artwork_url: str = "",
) -> PlaylistEntry:
    """Return an entry for texts as they come; `label` is a title, or "Artist - Title" as long as no artist is told."""
    said = tags_of_stream_title(label)
    artist = clean(artist)
    return PlaylistEntry(
        location=location,
        title=(clean(label) or None) if artist else said.title,
        artist=artist or said.artist,
        album=clean(album) or None,
        duration_us=duration_us,
        artwork_url=artwork_url.strip() or None,
    )
