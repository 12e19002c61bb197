"""Tolerant reading of what peers send (protocol.md 20.1).

Numbers may come as floats or decimal strings, booleans as 0, 1 or "true", lists may hold words from the future: all
that is accepted or dropped where it is harmless, and noted. Whatever cannot be read raises RemoteProtocolError.
"""

from enum import StrEnum
import re
from typing import Final, TypeGuard

from ...errors import RemoteProtocolError
from .envelope import JsonObject
from .text import shown

MAX_NUMBER: Final = 2**31 - 1
"""Small devices read 32 bits, so nothing larger is taken or sent where a range is open."""
MAX_ENTRIES: Final = 128
"""Entries of a list that are looked at; no honest peer comes near."""

_DECIMAL: Final = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_BOOLEANS: Final[dict[object, bool]] = {0: False, 1: True, "0": False, "1": True, "false": False, "true": True}


class Fields:
    """One JSON object of a peer, read field by field.

    Every reader returns None when the field is absent or null; `in` tells the two apart. `notes` collects what was
    tolerated or dropped, for the log.
    """

    def __init__(self, source: JsonObject, path: str, notes: list[str]) -> None:
        """Read `source`, which is called `path` in notes and errors."""
        self._source = source
        self._path = path
        self.notes = notes

    def __contains__(self, key: str) -> bool:
        """Return whether the field is there, be it null."""
        return key in self._source

    def integer(self, key: str, *, minimum: int, maximum: int) -> int | None:
        """Return a number rounded to an integer and brought into its range."""
        value = self._source.get(key)
        if value is None:
            return None
        number = _number(value)
        if number is None:
            raise self._malformed(key, value)
        result = min(max(round(number), minimum), maximum)
        if result != value or not isinstance(value, int):
            self.note(key, f"{shown(value)} taken as {result}")
        return result

    def boolean(self, key: str) -> bool | None:
        """Return a truth value."""
        value = self._source.get(key)
        if value is None or isinstance(value, bool):
            return value
        key_of_table = value.lower() if isinstance(value, str) else value
        if not isinstance(key_of_table, str | int | float) or key_of_table not in _BOOLEANS:
            raise self._malformed(key, value)
        self.note(key, f"{shown(value)} taken as a boolean")
        return _BOOLEANS[key_of_table]

    def text(self, key: str) -> str | None:
        """Return a text as it came: neither capped nor cleaned."""
        value = self._source.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._malformed(key, value)

    def word[E: StrEnum](self, key: str, words: type[E]) -> E | None:
        """Return a word of an enumeration; None, with a note, for one that we do not know."""
        value = self.text(key)
        if value is None or value in words:
            return None if value is None else words(value)
        self.note(key, f"unknown word {shown(value)}")
        return None

    def words[E: StrEnum](self, key: str, words: type[E]) -> frozenset[E] | None:
        """Return those words of a list that we know."""
        entries = self.entries(key)
        if entries is None:
            return None
        known = frozenset(words(entry) for entry in entries if isinstance(entry, str) and entry in words)
        if len(known) < len(entries):
            self.note(key, "unknown or repeated words dropped")
        return known

    def entries(self, key: str) -> list[object] | None:
        """Return the first entries of a list."""
        value = self._source.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._malformed(key, value)
        if len(value) > MAX_ENTRIES:
            self.note(key, f"{len(value) - MAX_ENTRIES} entries too many")
        return value[:MAX_ENTRIES]

    def nested(self, key: str) -> Fields | None:
        """Return a nested object."""
        value = self._source.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._malformed(key, value)
        return Fields(value, f"{self._path}.{key}", self.notes)

    def note(self, key: str, what: str) -> None:
        """Keep a remark on a field for the log."""
        self.notes.append(f"{self._path}.{key}: {what}")

    def _malformed(self, key: str, value: object) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self._path}.{key} is {shown(value)}")


def whole_number(value: object) -> int | None:
    """Return the integer that a number or decimal string stands for; None when it is none, or has a fraction."""
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def is_number(value: object) -> TypeGuard[float | str]:
    """Return whether a JSON value is a number, or a decimal string in the place of one."""
    return _number(value) is not None


def _number(value: object) -> float | None:
    """Return what a JSON value is as a number; orjson lets neither NaN nor infinity pass."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None
