"""One connection of the cleartext era (protocol.md 18), without I/O.

Text and bytes of the client go in, events come out; every method that sends returns the text to be sent. The rules:

 1. The client speaks first: `client/hello`, as text, within 30 s. A `client/init` (the encrypted eras) and anything
    else are refused with a `server/error`; silence ends without a word.
 2. A hello in which no role has a version is of the era before, and ends without a word.
 3. `server/hello` is the first that we send, once, after the hello.
 4. A second hello, or init, is ignored.
 5. Roles are chosen once, from the hello. What concerns another role is ignored when received and never sent.
 6. The client's state is known after its first `client/state`, or assumed 5 s after its hello. Before that nothing is
    streamed and no `server/command` is sent.
 7. A stream starts only while the client is available, in a format of its own list, with a header exactly for FLAC.
 8. Audio, `stream/clear` and `stream/end` are sent only while a stream is active. A start while one is active changes
    its format; an end ends it.
 9. A player is only told what it takes: its hello's commands and those of its latest state.
10. A controller may only ask for what our latest `server/state` for controllers listed.
11. Each `client/time` is reported to be answered; 50 a second over 3 s end the connection.
12. A malformed `client/state`, `client/command` or `stream/request-format` is ignored as a whole; any other malformed
    message ends the connection.
13. Message types and binary ids that we have no use for are ignored, and reported once each, 16 at most.
14. Artwork is a stream of its own, begun once the client's state is known, at once for who is no player. While it is
    active, clear and end name the player's role; without roles they would mean artwork too.
15. After a goodbye or an error the connection is over: what still arrives is dropped, and nothing may be sent.

Received against the rules: RemoteProtocolError. Sent against them: LocalProtocolError, a bug of ours.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from ..errors import HandshakeTimeoutError, LocalProtocolError, RefusedError, RemoteProtocolError
from ..events import ControllerAction
from ..formats import Codec, StreamFormat
from ..units import US_PER_S, GroupId, ServerTimeUs
from .artwork import ArtworkStream
from .events import (
    ArtworkRequested,
    CommandReceived,
    ConnectionEvent,
    FormatRequested,
    GoodbyeReceived,
    HelloReceived,
    StateChanged,
    TimeRequested,
)
from .flood import FloodGate
from .messages.client_command import parse_client_command
from .messages.client_hello import ClientHello, PlayerCommand, PlayerSupport, Role, parse_client_hello
from .messages.client_state import MAX_OUTPUT_DELAY_MS, ClientState, initial_state, merge, parse_client_state
from .messages.client_time import parse_client_time, server_time
from .messages.envelope import MAX_MESSAGE_BYTES, JsonObject, parse_envelope
from .messages.goodbye import parse_goodbye
from .messages.group_update import group_update
from .messages.request_format import parse_request_format, resolve_format
from .messages.server_command import delay_command, mute_command, volume_command
from .messages.server_hello import ConnectionReason, RefusalReason, server_error, server_hello
from .messages.server_state import Controller, Metadata, controller_state, metadata_state
from .messages.stream import player_stream_start, stream_clear, stream_end
from .remarks import Remarks

HELLO_TIMEOUT_US: Final = 30 * US_PER_S  # protocol.md 20.3
STATE_TIMEOUT_US: Final = 5 * US_PER_S  # protocol.md 4.4, 20.3


class _Phase(Enum):
    OPENING = auto()
    GREETED = auto()
    OPEN = auto()
    CLOSED = auto()


class Connection:
    """The server's end of one connection. One owner; `now` is the server clock and never goes back."""

    def __init__(self, *, server_id: str, server_name: str, opened_at: ServerTimeUs) -> None:
        """Wait for a client on a connection that is open since `opened_at`."""
        self._server_id = server_id
        self._server_name = server_name
        self._phase = _Phase.OPENING
        self._deadline: ServerTimeUs | None = ServerTimeUs(opened_at + HELLO_TIMEOUT_US)
        self._hello: ClientHello | None = None
        self._player: PlayerSupport | None = None
        self._active_roles: tuple[Role, ...] = ()
        self._state: ClientState | None = None
        self._stream_format: StreamFormat | None = None
        self._preferred_format: StreamFormat | None = None
        self._offered: frozenset[ControllerAction] = frozenset()
        self.artwork = ArtworkStream(
            self._can_show, lambda role: self._hello.spelling_of(role) if self._hello else role
        )
        """What the client shows; its messages are made there."""
        self._gate = FloodGate()
        self._remarks = Remarks()

    @property
    def hello(self) -> ClientHello | None:
        """What the client said of itself; None before."""
        return self._hello

    @property
    def active_roles(self) -> tuple[Role, ...]:
        """What both sides can do; empty before the hello."""
        return self._active_roles

    @property
    def state(self) -> ClientState | None:
        """What the client last said of its state, or what is assumed; None before."""
        return self._state

    @property
    def stream_format(self) -> StreamFormat | None:
        """What the player is being sent; None while nothing."""
        return self._stream_format

    @property
    def preferred_format(self) -> StreamFormat | None:
        """What the player asked for last, of its own list; None without a wish."""
        return self._preferred_format

    @property
    def can_stream(self) -> bool:
        """Whether `stream_start` is allowed now."""
        return self._phase is _Phase.OPEN and self._missing_for_start() is None

    @property
    def ignored_count(self) -> int:
        """How many messages were dropped so far."""
        return self._remarks.ignored_count

    @property
    def timeout_at(self) -> ServerTimeUs | None:
        """When `handle_timer` is due; None when nothing is waited for."""
        return self._deadline

    def handle_timer(self, now: ServerTimeUs) -> list[ConnectionEvent]:
        """Return what follows from the time that has passed; may be called too early.

        Raises HandshakeTimeoutError when no hello came: to be closed without a word.
        """
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        if self._phase is _Phase.OPENING:
            self._close()
            raise HandshakeTimeoutError(f"no client/hello within {HELLO_TIMEOUT_US // US_PER_S} s")
        self._state = initial_state(self._player)
        return [StateChanged(state=self._state, changed=frozenset(), is_assumed=True)]

    def receive_text(self, text: str, now: ServerTimeUs) -> list[ConnectionEvent]:
        """Take one text message and return what it says.

        Raises RemoteProtocolError when the connection cannot go on; RefusedError, one of them, carries what is to be
        said before it is closed.
        """
        if self._phase is _Phase.CLOSED:
            return []
        try:
            if self._phase is _Phase.OPENING:
                return self._receive_first(text, now)
            kind, payload = parse_envelope(text)
            return self._receive(kind, payload, now)
        except RemoteProtocolError:
            self._close()
            raise

    def receive_binary(self, data: bytes) -> list[ConnectionEvent]:
        """Take one binary message. Nothing of it is of use before clients capture audio. Raises as `receive_text`."""
        if self._phase is _Phase.CLOSED:
            return []
        if self._phase is _Phase.OPENING:
            self._close()
            raise _refused(RefusalReason.MALFORMED, "binary message before client/hello")
        if len(data) > MAX_MESSAGE_BYTES:
            self._close()
            raise RemoteProtocolError(f"binary message of {len(data)} bytes")
        return [*self._remarks.unknown(f"binary {data[0]}" if data else "empty binary")]

    def server_hello(self, reason: ConnectionReason) -> str:
        """Return our introduction; it has to leave before anything else."""
        if self._phase is not _Phase.GREETED:
            raise LocalProtocolError("server/hello is due once, after client/hello")
        self._phase = _Phase.OPEN
        return server_hello(
            server_id=self._server_id, name=self._server_name, reason=reason, active_roles=self._active_roles
        )

    def time_reply(self, request: TimeRequested, transmitted: ServerTimeUs) -> str:
        """Return the answer to a question for the time; `transmitted` is taken right before it is written."""
        self._expect_open()
        return server_time(request.request, received=request.received_at, transmitted=transmitted)

    def group_update(self, *, is_playing: bool, group_id: GroupId, name: str) -> str:
        """Return which group the client is in and whether that plays."""
        self._expect_open()
        return group_update(is_playing=is_playing, group_id=group_id, name=name)

    def metadata(self, metadata: Metadata) -> str:
        """Return what plays, for a client with the metadata role; acts at once, so it is to be sent when due."""
        self._expect_role(Role.METADATA)
        return metadata_state(metadata)

    def controller(self, controller: Controller) -> str:
        """Return what the group can be told, for a client with the controller role."""
        self._expect_role(Role.CONTROLLER)
        self._offered = controller.sent_actions
        return controller_state(controller)

    def player_volume(self, volume: int) -> str:
        """Return the command that sets the player's volume, 0-100."""
        self._expect_command(PlayerCommand.VOLUME)
        return volume_command(_in_range(volume, 100))

    def player_mute(self, *, muted: bool) -> str:
        """Return the command that mutes the player or ends that."""
        self._expect_command(PlayerCommand.MUTE)
        return mute_command(muted=muted)

    def player_output_delay(self, delay_ms: int) -> str:
        """Return the command that sets the player's output delay, 0-5000 ms, under the name it has for it."""
        spelling = self._expect_command(PlayerCommand.SET_STATIC_DELAY, PlayerCommand.SET_OUTPUT_DELAY)
        return delay_command(spelling, _in_range(delay_ms, MAX_OUTPUT_DELAY_MS))

    def stream_start(
        self, stream_format: StreamFormat, codec_header: bytes | None, *, transmitted: ServerTimeUs
    ) -> str:
        """Return what begins the player's stream, or changes the format of the one that is active."""
        self._expect_open()
        if missing := self._missing_for_start():
            raise LocalProtocolError(f"stream/start {missing}")
        if self._hello is None or stream_format not in self._hello.formats:
            raise LocalProtocolError(f"stream/start in a format that the client does not list: {stream_format}")
        if (codec_header is not None) is not (stream_format.codec is Codec.FLAC):
            raise LocalProtocolError(f"stream/start of {stream_format.codec} with a header missing or too many")
        self._stream_format = stream_format
        return player_stream_start(stream_format, codec_header, transmitted=transmitted)

    def stream_clear(self, *, transmitted: ServerTimeUs) -> str:
        """Return what empties the player's buffer; its stream stays active."""
        self._expect_stream("stream/clear")
        return stream_clear(*self._named_player(), transmitted=transmitted)

    def stream_end(self) -> str:
        """Return what ends the player's stream and cuts what it still holds."""
        self._expect_stream("stream/end")
        self._stream_format = None
        return stream_end(*self._named_player())

    def check_audio(self) -> None:
        """Raise LocalProtocolError unless audio may be sent now; its bytes are shared (`binary.pack_audio`)."""
        self._expect_stream("audio")

    def _receive_first(self, text: str, now: ServerTimeUs) -> list[ConnectionEvent]:
        try:
            kind, payload = parse_envelope(text)
        except RemoteProtocolError as error:
            raise _refused(RefusalReason.MALFORMED, str(error)) from error
        match kind:
            case "client/hello":
                return self._receive_hello(payload, now)
            case "client/init":
                raise _refused(RefusalReason.UNSUPPORTED_VERSION, "client/init: encryption is not spoken here yet")
            case _:
                raise _refused(RefusalReason.MALFORMED, "something else before client/hello")

    def _receive_hello(self, payload: JsonObject, now: ServerTimeUs) -> list[ConnectionEvent]:
        notes: list[str] = []
        self._hello = parse_client_hello(payload, notes)
        self._active_roles = self._hello.active_roles
        self._phase = _Phase.GREETED
        self._player = self._hello.player
        self.artwork.declared = self._hello.artwork
        self._deadline = ServerTimeUs(now + STATE_TIMEOUT_US) if self._player else None
        return [HelloReceived(hello=self._hello, active_roles=self._active_roles), *self._remarks.noted(notes)]

    def _receive(self, kind: str, payload: JsonObject, now: ServerTimeUs) -> list[ConnectionEvent]:
        match kind:
            case "client/time":
                return self._receive_time(payload, now)
            case "client/state":
                return self._leniently(self._receive_state, payload)
            case "client/command":
                return self._leniently(self._receive_command, payload)
            case "stream/request-format":
                return self._leniently(self._receive_request, payload)
            case "client/goodbye":
                self._close()
                return [GoodbyeReceived(reason=parse_goodbye(payload))]
            case _:
                return [*self._remarks.unknown(kind)]

    def _leniently(
        self, receive: Callable[[JsonObject, list[str]], list[ConnectionEvent]], payload: JsonObject
    ) -> list[ConnectionEvent]:
        """Return what `receive` reports; a malformed message counts for nothing."""
        notes: list[str] = []
        try:
            events = receive(payload, notes)
        except RemoteProtocolError as error:
            return [*self._remarks.dropped(str(error))]
        return [*events, *self._remarks.noted(notes)]

    def _receive_time(self, payload: JsonObject, now: ServerTimeUs) -> list[ConnectionEvent]:
        if self._gate.is_flooded(now):
            raise RemoteProtocolError("client/time sent 50 times a second and more")
        return [TimeRequested(request=parse_client_time(payload), received_at=now)]

    def _receive_state(self, payload: JsonObject, notes: list[str]) -> list[ConnectionEvent]:
        delta = parse_client_state(payload, notes, self._player)
        is_first = self._state is None
        self._state, changed = merge(self._state or initial_state(self._player), delta)
        self._deadline = None
        if is_first:
            return [StateChanged(state=self._state, changed=frozenset(delta))]
        return [StateChanged(state=self._state, changed=changed)] if changed else []

    def _receive_command(self, payload: JsonObject, notes: list[str]) -> list[ConnectionEvent]:
        command = parse_client_command(payload, notes)
        if command.action not in self._offered:  # also when the role is not active: then nothing was offered
            raise RemoteProtocolError(f"client/command {command.action}, which was not offered")
        return [CommandReceived(command=command)]

    def _receive_request(self, payload: JsonObject, notes: list[str]) -> list[ConnectionEvent]:
        requests = parse_request_format(payload, notes)
        if requests.player is not None and self._player is None:
            raise RemoteProtocolError("stream/request-format for a role that is not active")
        events: list[ConnectionEvent] = []
        if requests.artwork is not None and self.artwork.request(requests.artwork):
            events.append(ArtworkRequested())
        if requests.player is not None and self._player is not None:
            listed = self._player.formats
            current = self._stream_format or self._preferred_format or listed[0]
            self._preferred_format = resolve_format(requests.player, current=current, listed=listed)
            events.append(FormatRequested(format=self._preferred_format))
        return events

    def _can_show(self) -> bool:
        if self._phase is not _Phase.OPEN:
            return False
        return self._player is None if self._state is None else self._state.is_available

    def _named_player(self) -> tuple[str, ...]:
        """Return the player's role as the client spells it, where the streams of others are active beside its own."""
        return (self._hello.spelling_of(Role.PLAYER),) if self._hello and self.artwork.started else ()

    def _missing_for_start(self) -> str | None:
        if self._player is None:
            return "without the player role"
        if self._state is None:
            return "before the client's state is known"
        return None if self._state.is_available else "while the client is not available"

    def _expect_open(self) -> None:
        if self._phase is not _Phase.OPEN:
            raise LocalProtocolError("sent before server/hello, or after the connection's end")

    def _expect_role(self, role: Role) -> None:
        self._expect_open()
        if role not in self._active_roles:
            raise LocalProtocolError(f"sent for {role}, which is not active")

    def _expect_command(self, *spellings: PlayerCommand) -> PlayerCommand:
        """Return the first of these that the player takes."""
        self._expect_role(Role.PLAYER)
        for spelling in spellings:
            if self._state is not None and spelling in self._state.supported_commands:
                return spelling
        raise LocalProtocolError(f"server/command {spellings[0]}, which the player does not take")

    def _expect_stream(self, what: str) -> None:
        self._expect_open()
        if self._stream_format is None:
            raise LocalProtocolError(f"{what} without an active stream")

    def _close(self) -> None:
        self._phase = _Phase.CLOSED
        self._deadline = None


def _refused(reason: RefusalReason, detail: str) -> RefusedError:
    return RefusedError(detail, reply=server_error(reason))


def _in_range(number: int, maximum: int) -> int:
    if not 0 <= number <= maximum:
        raise LocalProtocolError(f"{number} is not within 0 to {maximum}")
    return number
