"""Tags between the audio of a radio, as SHOUTcast and Icecast send them; without I/O.

Asked with the header `Icy-MetaData: 1`, a radio answers with `icy-metaint: N`: behind every N bytes of audio there is a
byte that tells, in units of 16 bytes, how long a block of text follows, filled up with zeros; mostly it is 0.
"""

from collections.abc import Mapping
import re
from typing import Final, NamedTuple

from .tags import Tags, clean, tags_of_stream_title

REQUEST_HEADERS: Final = {"Icy-MetaData": "1"}
"""What to ask a server with, so that a radio tells what it plays."""

_LENGTH_UNIT_BYTES: Final = 16
_MOST_INTERVAL_BYTES: Final = 1 << 24
# Titles hold apostrophes: one ends the title only before the next key or the end.
_TITLE: Final = re.compile(r"StreamTitle='(.*?)'?\s*(?:;\s*(?=\w+=')|;?\s*\Z)", re.IGNORECASE | re.DOTALL)


class Station(NamedTuple):
    """What a server that sends radio says of it in its answer."""

    tag_interval: int | None = None
    """Bytes of audio between two blocks of tags; None without any."""
    name: str | None = None


class TagsAt(NamedTuple):
    """What a medium says of itself from a byte of its audio on."""

    position: int
    tags: Tags


class IcyParts(NamedTuple):
    """What bytes of a radio hold."""

    audio: bytes
    tags: list[TagsAt]


def read_station(headers: Mapping[str, str]) -> Station | None:
    """Return what the headers of an answer, of any case, say of a radio; None when it is none."""
    found = {key.lower(): value for key, value in headers.items() if key.lower().startswith("icy-")}
    if not found:
        return None
    interval = found.get("icy-metaint", "").strip()
    is_number = interval.isascii() and interval.isdigit() and len(interval) < 9
    tag_interval = int(interval) if is_number and 0 < int(interval) <= _MOST_INTERVAL_BYTES else None
    return Station(tag_interval, clean(found.get("icy-name", "")) or None)


class IcyFilter:
    """Parts the bytes of a radio into audio and tags; however they are split, the result is the same."""

    def __init__(self, tag_interval: int) -> None:
        """Begin at the first byte of the answer's body."""
        self._tag_interval = tag_interval
        self._audio_left = tag_interval
        """Bytes of audio before the next block."""
        self._text_left: int | None = None
        """Bytes that the block still lacks; None before its length was read."""
        self._text = bytearray()
        self._position = 0

    def feed(self, data: bytes) -> IcyParts:
        """Take the next bytes."""
        audio = bytearray()
        told: list[TagsAt] = []
        at = 0
        while at < len(data):
            if self._audio_left:
                piece = data[at : at + self._audio_left]
                audio += piece
                at += len(piece)
                self._audio_left -= len(piece)
                self._position += len(piece)
                continue
            if self._text_left is None:
                self._text_left = data[at] * _LENGTH_UNIT_BYTES
                at += 1
            piece = data[at : at + self._text_left]
            self._text += piece
            at += len(piece)
            self._text_left -= len(piece)
            if not self._text_left:
                if (tags := _read_text(bytes(self._text))) is not None:
                    told.append(TagsAt(self._position, tags))
                self._text.clear()
                self._text_left = None
                self._audio_left = self._tag_interval
        return IcyParts(bytes(audio), told)


def _read_text(raw: bytes) -> Tags | None:
    """Return what a block says is played, no title being nothing; None when it does not speak of that."""
    title = _TITLE.search(raw.rstrip(b"\0").decode("utf-8", "surrogateescape"))
    return None if title is None else tags_of_stream_title(title[1])
