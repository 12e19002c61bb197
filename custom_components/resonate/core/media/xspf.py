"""XSPF: a playlist in XML (xspf.org, version 1)."""

from collections.abc import Iterator
import re
from typing import Final
from xml.parsers import expat

from ..errors import UnsupportedMediaError
from .playlist_entry import MAX_LINE_CHARACTERS, PlaylistEntry, make_entry

_TRACK: Final = ["playlist", "trackList", "track"]
_MILLISECONDS: Final = re.compile(r"\d{1,12}")


def parse_xspf(data: bytes) -> Iterator[PlaylistEntry]:
    """Yield the entries. Raises UnsupportedMediaError.

    A document that declares types or entities is refused: they could make it a million times as long.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.take
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the others: of encodings that nobody knows
        raise UnsupportedMediaError(f"not a playlist: {error}") from error
    for track in reader.tracks:
        if location := track.get("location"):
            length = _MILLISECONDS.fullmatch(track.get("duration", ""))
            yield make_entry(
                location,
                label=track.get("title", ""),
                artist=track.get("creator", ""),
                album=track.get("album", ""),
                duration_us=None if length is None else int(length[0]) * 1_000 or None,
                artwork_url=track.get("image", ""),
            )


class _Reader:
    """Collects the texts of tracks; the first counts where one may come more than once."""

    def __init__(self) -> None:
        self.tracks: list[dict[str, str]] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def begin(self, name: str, _: object) -> None:
        name = name.rpartition(" ")[2]
        if not self._path and name != "playlist":
            raise UnsupportedMediaError("not a playlist")
        self._path.append(name)
        self._text.clear()
        if self._path == _TRACK:
            self.tracks.append({})

    def take(self, text: str) -> None:
        self._text.append(text)

    def end(self, _: str) -> None:
        name = self._path.pop()
        if self._path == _TRACK:
            text = "".join(self._text).strip()
            if text and len(text) <= MAX_LINE_CHARACTERS:
                self.tracks[-1].setdefault(name, text)
        self._text.clear()


def _refuse(*_: object) -> None:
    raise UnsupportedMediaError("a playlist that declares types of its own is not read")
