"""PLS: `File1=`, `Title1=` and `Length1=`, in any order and case."""

from collections import defaultdict
from collections.abc import Iterator
import re
from typing import Final

from ..units import US_PER_S
from .playlist_entry import PlaylistEntry, make_entry

_FIELD: Final = re.compile(r"(file|title|length)(\d{1,6})\s*=\s*(.*)", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\d{1,9}")


def is_pls_text(lines: list[str]) -> bool:
    """Tell it by its heading, or by its first line where there is none."""
    return bool(lines) and (lines[0].lower() == "[playlist]" or _FIELD.fullmatch(lines[0]) is not None)


def parse_pls(lines: list[str]) -> Iterator[PlaylistEntry]:
    """Yield the entries by their numbers."""
    fields: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for line in lines:
        if (field := _FIELD.fullmatch(line)) is not None:
            fields[int(field[2])][field[1].lower()] = field[3]
    for _, entry in sorted(fields.items()):
        if location := entry.get("file"):
            seconds = _SECONDS.fullmatch(entry.get("length", ""))
            yield make_entry(
                location,
                label=entry.get("title", ""),
                duration_us=None if seconds is None else int(seconds[0]) * US_PER_S or None,
            )
