"""Tells what happens on stdout: JSON for programs, lines for people."""

from collections.abc import Callable, Mapping
import json
import sys

type Fact = Mapping[str, object]
"""What is told, as a JSON object."""
type Tell = Callable[[Fact], None]


class Voice:
    """Writes one line for each fact, at once."""

    def __init__(self, *, is_json: bool, reader_lost: Callable[[], None]) -> None:
        """`reader_lost` is called when nobody listens any more."""
        self._is_json = is_json
        self._reader_lost = reader_lost

    def tell(self, fact: Fact) -> None:
        """Write it."""
        line = json.dumps(fact, ensure_ascii=False) if self._is_json else in_words(fact)
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._reader_lost()


def in_words(fact: Fact) -> str:
    """Return what a person is told of a fact."""
    match fact:
        case {"ready": True, "url": url}:
            return f"Listening for players at {url}"
        case {"event": "client", "state": "connected", "name": name}:
            return f"{name} is here"
        case {"event": "client", "state": "lost", "name": name, "reason": reason}:
            return f"{name} is gone ({reason})"
        case {"event": "item", "state": "started", "media": media}:
            return f"Playing {media}"
        case {"event": "item", "state": "ended", "media": media}:
            return f"{media} has ended"
        case {"event": "item", "state": "failed", "media": media, "message": message}:
            return f"{media} cannot be played: {message}"
        case {"event": "metadata", "media": media, "title": title, "artist": artist}:
            return f"{media} plays {' - '.join(str(name) for name in (artist, title) if name) or 'something else'}"
        case {"event": "underrun", "media": media, "length_ms": length_ms}:
            return f"{media} came too late: {length_ms} ms of silence"
        case {"event": "end"}:
            return "Everything has been played; Ctrl-C ends this"
        case {"event": "done"}:
            return "Done"
        case {"event": "refused", "message": message}:
            return f"Refused: {message}"
        case {"event": "stats", **numbers}:
            return " ".join(f"{name} {value}" for name, value in numbers.items())
    return json.dumps(fact, ensure_ascii=False)
