"""Facts the core tells the outside: frozen, with the instant they are true at."""

from dataclasses import dataclass
from enum import StrEnum

from .units import ClientId, GroupId, ServerTimeUs


class LossReason(StrEnum):
    """Why a client is gone; the wire's goodbye words, and our own."""

    ANOTHER_SERVER = "another_server"
    CONCURRENT_ATTEMPT = "concurrent_attempt"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    USER_REQUEST = "user_request"
    UNAUTHORIZED = "unauthorized"
    PAIRING_REQUIRED = "pairing_required"
    UNPAIRED = "unpaired"
    CONNECTION_LOST = "connection_lost"
    PROTOCOL_ERROR = "protocol_error"
    TOO_SLOW = "too_slow"
    REPLACED = "replaced"
    SERVER_STOPPED = "server_stopped"


class ControllerAction(StrEnum):
    """What a controller can ask for, in the words of the wire (protocol.md 9.3)."""

    PLAY = "play"
    PAUSE = "pause"
    STOP = "stop"
    NEXT = "next"
    PREVIOUS = "previous"
    VOLUME = "volume"
    MUTE = "mute"
    REPEAT_OFF = "repeat_off"
    REPEAT_ONE = "repeat_one"
    REPEAT_ALL = "repeat_all"
    SHUFFLE = "shuffle"
    UNSHUFFLE = "unshuffle"
    SWITCH = "switch"
    SEEK = "seek"
    SEEK_RELATIVE = "seek_relative"


class MediumState(StrEnum):
    """What became of a medium."""

    STARTED = "started"
    """Its first frame is audible."""
    ENDED = "ended"
    """Its last frame was audible, or something else took its place."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConnected:
    """A client introduced itself."""

    client_id: ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLost:
    """A session ended."""

    client_id: ClientId
    reason: LossReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSyncChanged:
    """A connected client says that it is out of step, or in step again."""

    client_id: ClientId
    is_out_of_sync: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCommanded:
    """A client asked something of its group: a button was pressed, say."""

    client_id: ClientId
    action: ControllerAction


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumChanged:
    """A medium of a group started, ended or failed."""

    group_id: GroupId
    media_id: str
    state: MediumState
    at: ServerTimeUs
    is_between: bool = False
    """It was heard in between, and has no place in the queue."""
    title: str | None = None
    """What it says of itself, or whoever asked for it said; None when that is nothing."""
    error: str = ""
    """Name of the error's class, when failed."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataChanged:
    """What a group plays says something else of itself from this instant on, as a radio does with every song."""

    group_id: GroupId
    media_id: str
    at: ServerTimeUs
    title: str | None = None
    artist: str | None = None
    album: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Underrun:
    """A track had nothing to give in time; silence was played instead."""

    group_id: GroupId
    media_id: str
    at: ServerTimeUs
    length_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChanged:
    """The machine cannot keep up with what a group plays, or can again; told while players still hold audio."""

    group_id: GroupId
    at: ServerTimeUs
    is_overloaded: bool
    share: float
    """Of real time, that the work took of late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded:
    """A group has nothing left to play; the last frame was audible."""

    group_id: GroupId
    client_ids: tuple[ClientId, ...]
    """Who was in it: a named group lets its members go at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackBroke:
    """A playing broke by an error of our own: a bug, told with its traceback in the log."""

    group_id: GroupId
    at: ServerTimeUs
    error: str
    """Name of the error's class."""
    message: str
    goes_on: bool
    """It is taken up again after a short gap; otherwise `PlaybackEnded` follows."""


type Event = (
    ClientConnected
    | ClientLost
    | ClientSyncChanged
    | ClientCommanded
    | MediumChanged
    | MetadataChanged
    | Underrun
    | LoadChanged
    | PlaybackEnded
    | PlaybackBroke
)
"""Everything `ResonateServer.subscribe` reports, besides new snapshots."""
