"""What a medium says of itself."""

from collections.abc import Mapping
import re
from typing import Final, NamedTuple

_MAX_CHARACTERS: Final = 500
_STREAM_TITLE_KEY: Final = "streamtitle"  # what an ICY radio plays right now
_ALBUM_KEYS: Final = ("album", "icy-name")  # the second: the radio's own name
_YEAR: Final = re.compile(r"[0-9]{4}(?![0-9])")  # of a date such as 1999, 1999-05-01 or 1999-05-01T12:00
_TRACK: Final = re.compile(r"[0-9]{1,5}(?![0-9])")  # 3, or 3/12


class Tags(NamedTuple):
    """What is shown of a medium; None where nothing is said."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    year: int | None = None
    track: int | None = None
    """Its number on the album, from 1 on."""


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
        found.get("album_artist"),
        _number(_YEAR, found.get("date") or found.get("year")),
        _number(_TRACK, found.get("track")),
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
        return _filled(asked, said)
    name = None if said.title is None else asked.title
    return _filled(said, asked)._replace(album=asked.album or name or said.album)


def _filled(tags: Tags, others: Tags) -> Tags:
    """Return `tags`, with what `others` say where they say nothing."""
    return Tags(
        tags.title or others.title,
        tags.artist or others.artist,
        tags.album or others.album,
        tags.album_artist or others.album_artist,
        tags.year or others.year,
        tags.track or others.track,
    )


def _number(pattern: re.Pattern[str], text: str | None) -> int | None:
    """Return the number that a text begins with; None when it is 0 or there is none."""
    match = pattern.match(text or "")
    return (int(match[0]) or None) if match else None


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
