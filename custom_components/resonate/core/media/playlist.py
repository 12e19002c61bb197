"""Lists of media as files: M3U, PLS and XSPF, told apart by what is in them."""

import codecs
from collections.abc import Iterator
from itertools import islice
import re
from typing import Final

from ..errors import UnsupportedMediaError
from .m3u import is_hls_text, parse_m3u
from .playlist_entry import MAX_ENTRIES, MAX_LINE_CHARACTERS, PlaylistEntry
from .pls import is_pls_text, parse_pls
from .xspf import parse_xspf

MAX_BYTES: Final = 4 << 20
_BINARY: Final = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")  # 0x1a may end a file from DOS
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_hls(data: bytes) -> bool:
    """Tell whether an M3U names the parts of one medium: that is to be played as it is."""
    try:
        return is_hls_text(_lines(_decode(data)))
    except UnsupportedMediaError:
        return False


def parse_playlist(data: bytes) -> tuple[PlaylistEntry, ...]:
    """Return the entries in their order.

    Raises UnsupportedMediaError for what is no playlist, and for one with more than `MAX_ENTRIES` or `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise UnsupportedMediaError(f"a playlist may have {MAX_BYTES >> 20} MB")
    entries = tuple(islice(_parse(data), MAX_ENTRIES + 1))
    if len(entries) > MAX_ENTRIES:
        raise UnsupportedMediaError(f"a playlist may have {MAX_ENTRIES} entries")
    return entries


def _parse(data: bytes) -> Iterator[PlaylistEntry]:
    text = _decode(data)
    if text.lstrip().startswith("<"):
        return parse_xspf(data.lstrip())
    lines = _lines(text)
    return parse_pls(lines) if is_pls_text(lines) else parse_m3u(lines)


def _decode(data: bytes) -> str:
    """Return the text: with or without a mark of its encoding, UTF-8, or else Latin-1 as old programs write it."""
    try:
        text = data.decode("utf-16" if data.startswith(_WIDE_MARKS) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if _BINARY.search(text):
        raise UnsupportedMediaError("not a playlist, but something binary")
    return text


def _lines(text: str) -> list[str]:
    """Return what is on the lines; blank ones and those that are too long are left out."""
    lines = (line.strip(" \t\x1a") for line in text.replace("\r", "\n").split("\n"))
    return [line for line in lines if 0 < len(line) <= MAX_LINE_CHARACTERS]
