"""What a connection reports of what its peer sent: frozen, in the order of arrival."""

from dataclasses import dataclass

from ..events import LossReason
from ..formats import StreamFormat
from ..units import ServerTimeUs
from .messages.client_command import ControllerCommand
from .messages.client_hello import ClientHello, Role
from .messages.client_state import ClientState
from .messages.client_time import ClientTime


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloReceived:
    """The client introduced itself; `server_hello` is due."""

    hello: ClientHello
    active_roles: tuple[Role, ...]
    """What both sides can do, chosen for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The client's state is known now, or has changed."""

    state: ClientState
    changed: frozenset[str]
    """Names of the fields that differ from before; all that were sent, the first time."""
    is_assumed: bool = False
    """The client said nothing in time; the defaults hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRequested:
    """The client asks for the time; `time_reply` is due at once."""

    request: ClientTime
    received_at: ServerTimeUs


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived:
    """The client asks something of its group, and may."""

    command: ControllerCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatRequested:
    """The player wants another format."""

    format: StreamFormat
    """The entry of its own list that fits best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkRequested:
    """The display wants other images; what it declares now is in the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodbyeReceived:
    """The client leaves; the connection is over."""

    reason: LossReason
    """CONNECTION_LOST when it gave none that we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Something was dropped or read with leniency; the session lives."""

    reason: str
    """For the log: safe to print, bounded, each one only once in a connection."""


type ConnectionEvent = (
    HelloReceived
    | StateChanged
    | TimeRequested
    | CommandReceived
    | FormatRequested
    | ArtworkRequested
    | GoodbyeReceived
    | Ignored
)
