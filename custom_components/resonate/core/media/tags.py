"""What a medium says of itself."""

from collections.abc import Mapping
from typing import Final, NamedTuple

_MAX_CHARACTERS: Final = 500
_TITLE_KEYS: Final = ("title", "streamtitle")  # the second: what an ICY radio plays right now
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
            if text := _clean(value):
                found.setdefault(key.lower(), text)
    return Tags(_first(found, _TITLE_KEYS), _first(found, ("artist", "album_artist")), _first(found, _ALBUM_KEYS))


def _first(found: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((found[key] for key in keys if key in found), None)


def _clean(value: str) -> str:
    """Return `value` as text that can be sent: bytes that were not UTF-8 are taken for Latin-1, as old tags are."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return "".join(character if character.isprintable() else " " for character in text).strip()[:_MAX_CHARACTERS]
