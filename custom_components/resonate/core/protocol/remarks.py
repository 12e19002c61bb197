"""What is worth a log line, once: a peer must not be able to fill a log."""

from collections.abc import Iterable
from typing import Final

from .events import Ignored
from .messages.text import shown

MAX_UNKNOWN_TYPES: Final = 16  # protocol.md 20.1
MAX_REASONS: Final = 64


class Remarks:
    """The reasons of one connection that were reported already."""

    def __init__(self) -> None:
        """Start without any."""
        self.ignored_count = 0
        """Messages dropped so far, reported or not."""
        self._unknown_types: set[str] = set()
        self._reasons: set[str] = set()

    def unknown(self, kind: str) -> list[Ignored]:
        """Return the report of a dropped message that we have no use for; empty when there is nothing new to say."""
        self.ignored_count += 1
        return _once(shown(kind), "message type {} ignored", self._unknown_types, MAX_UNKNOWN_TYPES)

    def dropped(self, reason: str) -> list[Ignored]:
        """Return the report of a dropped message; empty when there is nothing new to say."""
        self.ignored_count += 1
        return self.noted([reason])

    def noted(self, notes: Iterable[str]) -> list[Ignored]:
        """Return the reports of what was read with leniency; empty when there is nothing new to say."""
        return [report for note in notes for report in _once(note, "{}", self._reasons, MAX_REASONS)]


def _once(what: str, wording: str, reported: set[str], limit: int) -> list[Ignored]:
    if what in reported or len(reported) >= limit:
        return []
    reported.add(what)
    return [Ignored(reason=wording.format(what))]
