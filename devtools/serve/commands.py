"""What can be asked for on stdin: one JSON object a line."""

from dataclasses import dataclass
import json
from typing import Literal

from core.units import ClientId

type Word = Literal["pause", "resume", "stop"]


class BadCommandError(Exception):
    """The line is no command; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Pause, resume or stop."""

    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play other media in place of these."""

    media: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """Go on elsewhere in the medium."""

    position_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVolume:
    """Set the volume of a player, or of the group."""

    client_id: ClientId | None
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMuted:
    """Mute a player or let it be heard again, or all of them."""

    client_id: ClientId | None
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Let a player hear nothing of it any more."""

    client_id: ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Let a player hear it again."""

    client_id: ClientId


type Command = Plain | Play | Seek | SetVolume | SetMuted | Leave | Join


def parse_command(line: str | bytes) -> Command:
    """Return the command on a line. Raises BadCommandError."""
    try:
        data = json.loads(line)
    except ValueError as err:
        raise BadCommandError(f"not JSON: {err}") from err
    if not isinstance(data, dict):
        raise BadCommandError("not an object")
    fields = _Fields(data)
    match data.get("do"):
        case "pause" | "resume" | "stop" as word:
            return Plain(word=word)
        case "play":
            return Play(media=fields.texts("media"))
        case "seek":
            return Seek(position_ms=fields.integer("position_ms", least=0))
        case "volume":
            return SetVolume(client_id=fields.client(), volume=fields.integer("volume", least=0, most=100))
        case "mute":
            return SetMuted(client_id=fields.client(), muted=fields.boolean("muted"))
        case "leave":
            return Leave(client_id=ClientId(fields.text("client_id")))
        case "join":
            return Join(client_id=ClientId(fields.text("client_id")))
    raise BadCommandError(f"no such thing to do: {data.get('do')!r}")


class _Fields:
    """Reads the fields of a command, each as what it must be."""

    def __init__(self, data: dict[str, object]) -> None:
        self._data = data

    def text(self, key: str) -> str:
        value = self._data.get(key)
        if not isinstance(value, str) or not value:
            raise BadCommandError(f"{key} must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a text, or a list of them."""
        value = self._data.get(key)
        if not isinstance(value, list):
            return (self.text(key),)
        if not value or not all(isinstance(entry, str) and entry for entry in value):
            raise BadCommandError(f"{key} must be a text, or a list of texts")
        return tuple(value)

    def client(self) -> ClientId | None:
        return None if self._data.get("client_id") is None else ClientId(self.text("client_id"))

    def integer(self, key: str, *, least: int, most: int | None = None) -> int:
        value = self._data.get(key)
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < least
            or (most is not None and value > most)
        ):
            raise BadCommandError(
                f"{key} must be an integer of {least} or more" + ("" if most is None else f", up to {most}")
            )
        return value

    def boolean(self, key: str) -> bool:
        value = self._data.get(key)
        if not isinstance(value, bool):
            raise BadCommandError(f"{key} must be true or false")
        return value
