"""What a medium says of itself."""

from collections.abc import Mapping
from typing import Final, NamedTuple

_MAX_CHARACTERS: Final = 500
_STREAM_TITLE_KEY: Final = "streamtitle"  # what an ICY radio plays right now
_ALBUM_KEYS: Final = ("album", "icy-name")  # the second: the radio's own name


class Tags(NamedTuple):
    """Texts for display; None where nothing is said."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None


def read_tags(*metadata: Mapping[str, str]) -> Tags:
    """Return the tags in FFmpeg's `metadata` of a container and its streams; earlier ones win."""
    found: dict[str, str] = {}
    for entries in metadata:
        for key, value in entries.items():
            if text := clean(value):
                found.setdefault(key.lower(), text)
    played = tags_of_stream_title(found.get(_STREAM_TITLE_KEY, ""))
    return Tags(
        found.get("title") or played.title,
        _first(found, ("artist", "album_artist")) or played.artist,
        _first(found, _ALBUM_KEYS),
    )


def tags_of_stream_title(text: str) -> Tags:
    """Return what a radio says it plays: "Artist - Title", or only a title."""
    text = clean(text)
    artist, _, title = (part.strip() for part in text.partition(" - "))
    if artist and title:
        return Tags(title=title, artist=artist)
    return Tags(title=(text.strip(" -") and text) or None)


def merge_tags(asked: Tags, said: Tags, *, is_current: bool) -> Tags:
    """Return what to show of a medium: what the asker says of it, filled up with what it says itself.

    `is_current`: what the medium says is of this very moment, as of a radio, and counts more. What the asker calls it
    is then its name.
    """
    if not is_current:
        return Tags(asked.title or said.title, asked.artist or said.artist, asked.album or said.album)
    name = None if said.title is None else asked.title
    return Tags(said.title or asked.title, said.artist or asked.artist, asked.album or name or said.album)


def _first(found: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((found[key] for key in keys if key in found), None)


def clean(value: str) -> str:
    """Return `value` as text that can be sent: bytes that were not UTF-8 are taken for Latin-1, as old tags are."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return "".join(character if character.isprintable() else " " for character in text).strip()[:_MAX_CHARACTERS]
