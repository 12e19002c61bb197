"""One live connection: between a transport, the protocol's state machine and what waits to be written."""

from collections.abc import Callable
from functools import partial
import logging
from typing import Protocol

from ..clock import Clock
from ..errors import CommandRefusedError, HandshakeTimeoutError, Refusal, RefusedError, RemoteProtocolError
from ..events import LossReason
from ..formats import StreamFormat
from ..protocol.binary import pack_audio
from ..protocol.connection import Connection
from ..protocol.events import (
    ArtworkRequested,
    CommandReceived,
    ConnectionEvent,
    FormatRequested,
    GoodbyeReceived,
    HelloReceived,
    Ignored,
    StateChanged,
    TimeRequested,
)
from ..protocol.messages.client_command import ControllerCommand
from ..protocol.messages.client_hello import ClientHello, Role
from ..protocol.messages.client_state import ClientState
from ..protocol.messages.server_hello import ConnectionReason
from ..protocol.messages.server_state import Controller, Metadata, Progress
from ..stream.chunk import PlayerOutput, StreamStart
from ..units import US_PER_MS, ClientId, GroupId, ServerTimeUs
from .display import Display
from .log import SessionLog
from .outbox import Outbox, ShownLast
from .pictures import Artwork
from .pump import Pump
from .snapshot import MediumSnapshot
from .transport import Transport

_LOGGER = logging.getLogger(__name__)


class SessionOwner(Protocol):
    """What a session tells the server. Called on the loop; may end the session on the spot."""

    def introduced(self, session: Session, hello: ClientHello) -> ConnectionReason:
        """Take note of who it is, and say why the connection is there."""
        ...

    def joined(self, session: Session) -> None:
        """Take note that our hello is on its way: from now on the client may be told things."""
        ...

    def state_changed(self, session: Session) -> None:
        """Take note that the client's state, or the format it prefers, is another."""
        ...

    def stream_changed(self, session: Session) -> None:
        """Take note that what it is being sent has another format, or ended."""
        ...

    def commanded(self, session: Session, command: ControllerCommand) -> None:
        """Do what a controller asks."""
        ...

    def ended(self, session: Session) -> None:
        """Take note that it is over; its reason is set."""
        ...


class Session:
    """Pumps messages. On the loop; what others call here never waits, and does nothing once it is over."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock,
        server_id: str,
        server_name: str,
        owner: SessionOwner,
        on_hello: Callable[[ClientId], None],
        is_dialled: bool = False,
        is_wanted: bool = False,
    ) -> None:
        """Do nothing yet; `run` does.

        `on_hello` is told who it is before anybody else; `is_wanted`: it was dialled in order to play.
        """
        self.is_dialled = is_dialled
        self.is_wanted = is_wanted
        self.loss_reason: LossReason | None = None
        """Why it is over; None while it lives."""
        self.detail = ""
        self._transport = transport
        self._clock = clock
        self._owner = owner
        self._on_hello = on_hello
        self._connection = Connection(server_id=server_id, server_name=server_name, opened_at=clock.now())
        self._outbox = Outbox(
            clock,
            is_masking=transport.is_masking,
            pack=lambda chunk: pack_audio(chunk.start, chunk.data),
            is_streaming=lambda: self._connection.stream_format is not None,
        )
        self._log = SessionLog(_LOGGER, transport.peer)
        self._farewell: str | None = None
        self._controller_said = ""
        """What a controller was told last."""
        self._display = Display(self._connection.artwork, clock, self._send_last)
        self._pump = Pump(transport, self._outbox, clock=clock, handler=self)

    # What is known of the other side

    @property
    def peer(self) -> str:
        """Its address."""
        return self._transport.peer

    @property
    def hello(self) -> ClientHello | None:
        """What the client said of itself; None before."""
        return self._connection.hello

    @property
    def client_id(self) -> ClientId | None:
        """Who it is; None before the hello."""
        hello = self._connection.hello
        return None if hello is None else hello.client_id

    @property
    def state(self) -> ClientState | None:
        """What the client last said of its state, or what is assumed; None before."""
        return self._connection.state

    @property
    def active_roles(self) -> tuple[Role, ...]:
        """What both sides can do."""
        return self._connection.active_roles

    @property
    def preferred_format(self) -> StreamFormat | None:
        """What the player asked for last; None without a wish."""
        return self._connection.preferred_format

    @property
    def stream_format(self) -> StreamFormat | None:
        """What it is being sent, as far as that was written; None while nothing."""
        return self._connection.stream_format

    @property
    def sent_bytes(self) -> int:
        """Audio written so far, codec data alone."""
        return self._outbox.sent_bytes

    @property
    def queued_bytes(self) -> int:
        """Audio that waits to be written."""
        return self._outbox.queued_bytes

    @property
    def dropped_chunk_count(self) -> int:
        """Chunks that were too late to be written."""
        return self._outbox.dropped_chunk_count

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.loss_reason is not None

    # What others have it do

    def deliver(self, output: PlayerOutput) -> None:
        """Have audio and what belongs to it written; ends the session when too much waits already."""
        if self.is_over:
            return
        if output.end:
            self._outbox.drop_chunks()
            self._outbox.mark(self._stream_end)
        if output.start is not None:
            self._outbox.mark(partial(self._stream_start, output.start))
        if output.clear:
            self._outbox.drop_chunks()
            self._outbox.mark(self._stream_clear)
        self._outbox.play(output.chunks)
        self._wake_writer()

    def group_update(self, *, playing: bool, group_id: GroupId, name: str) -> None:
        """Tell the client what group it is in and whether that plays."""
        if not self.is_over:
            self._say(self._connection.group_update(is_playing=playing, group_id=group_id, name=name))

    def metadata(self, medium: MediumSnapshot | None, *, position_us: int, playing: bool) -> None:
        """Tell the client what its group plays, and where in it that is now; only if it wants to know."""
        if not self.is_over and Role.METADATA in self.active_roles:
            self._say(self._connection.metadata(_metadata(medium, self._clock.now(), position_us, playing=playing)))

    def controller(self, controller: Controller) -> None:
        """Tell the client what it can ask of its group; only if it is a controller, and if it is anything new."""
        if self.is_over or Role.CONTROLLER not in self.active_roles:
            return
        message = self._connection.controller(controller)
        if message != self._controller_said:
            self._controller_said = message
            self._say(message)

    def show(self, artwork: Artwork | None) -> None:
        """Let the client's display show a picture, None: nothing; only if it has one."""
        if not self.is_over:
            self._display.show(artwork)

    def set_volume(self, volume: int) -> None:
        """Set the player's volume, 0-100. Raises CommandRefusedError when it takes none."""
        if not self._live_state().can_set_volume:
            raise CommandRefusedError(Refusal.NO_VOLUME)
        self._say(self._connection.player_volume(volume))

    def set_muted(self, muted: bool) -> None:
        """Mute the player or end that. Raises CommandRefusedError when it cannot be muted."""
        if not self._live_state().can_mute:
            raise CommandRefusedError(Refusal.NO_MUTE)
        self._say(self._connection.player_mute(muted=muted))

    def set_output_delay(self, delay_ms: int) -> None:
        """Set the player's output delay, 0-5000 ms. Raises CommandRefusedError when it takes none."""
        if not self._live_state().can_set_output_delay:
            raise CommandRefusedError(Refusal.NO_OUTPUT_DELAY)
        self._say(self._connection.player_output_delay(delay_ms))

    def end(self, reason: LossReason, detail: str = "") -> None:
        """End it; again: nothing happens."""
        if self.is_over:
            return
        self.loss_reason = reason
        self.detail = detail
        self._display.close()
        self._pump.stop(reason, self._farewell)
        self._owner.ended(self)

    def abort(self) -> None:
        """End it without a goodbye."""
        self.end(LossReason.SERVER_STOPPED)
        self._pump.abort()

    async def run(self) -> None:
        """Serve the client until either side has enough; raises nothing but a cancellation."""
        await self._pump.run()

    # What the pump brings

    @property
    def timeout_at(self) -> ServerTimeUs | None:
        """When `handle_timer` is due; None when nothing is waited for."""
        return self._connection.timeout_at

    def handle_message(self, message: str | bytes, received_at: ServerTimeUs) -> None:
        """Act on a message; one that breaks the rules ends the session."""
        try:
            if isinstance(message, str):
                self._handle(self._connection.receive_text(message, received_at))
            else:
                self._handle(self._connection.receive_binary(message))
        except RefusedError as err:
            self._farewell = err.reply
            self.end(LossReason.PROTOCOL_ERROR, str(err))
        except RemoteProtocolError as err:
            self.end(LossReason.PROTOCOL_ERROR, str(err))

    def handle_timer(self, now: ServerTimeUs) -> None:
        """Act on the time that has passed."""
        try:
            self._handle(self._connection.handle_timer(now))
        except HandshakeTimeoutError as err:
            self.end(LossReason.PROTOCOL_ERROR, str(err))

    def _handle(self, events: list[ConnectionEvent]) -> None:
        for event in events:
            match event:
                case TimeRequested():
                    self._outbox.reply(partial(self._connection.time_reply, event))
                    self._wake_writer()
                case HelloReceived():
                    self._greet(event.hello)
                case StateChanged() | FormatRequested():
                    self._owner.state_changed(self)
                    self._display.refresh()
                case ArtworkRequested():
                    self._display.refresh()
                case CommandReceived():
                    self._owner.commanded(self, event.command)
                case GoodbyeReceived():
                    self.end(event.reason)
                case Ignored():
                    self._log.debug("%s", event.reason)

    def _greet(self, hello: ClientHello) -> None:
        self._log = SessionLog(_LOGGER, hello.client_id)
        self._on_hello(hello.client_id)
        reason = self._owner.introduced(self, hello)
        if not self.is_over:
            self._outbox.greet(self._connection.server_hello(reason))
            self._wake_writer()
            self._owner.joined(self)
            self._display.refresh()

    def _say(self, message: str) -> None:
        self._outbox.say(message)
        self._wake_writer()

    def _send_last(self, message: ShownLast) -> None:
        self._outbox.show(message)
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._outbox.is_over_limit:
            self.end(LossReason.TOO_SLOW, f"{self._outbox.queued_us // US_PER_MS} ms of audio wait to be written")
        else:
            self._pump.wake()

    def _live_state(self) -> ClientState:
        if self.is_over or self._connection.state is None or Role.PLAYER not in self.active_roles:
            raise CommandRefusedError(Refusal.NOT_READY)
        return self._connection.state

    # What is written in its place in the stream, if it is still due by then

    def _stream_start(self, start: StreamStart, now: ServerTimeUs) -> str | None:
        if not self._connection.can_stream:
            return None
        message = self._connection.stream_start(start.format, start.codec_header, transmitted=now)
        self._owner.stream_changed(self)
        return message

    def _stream_clear(self, now: ServerTimeUs) -> str | None:
        return None if self.stream_format is None else self._connection.stream_clear(transmitted=now)

    def _stream_end(self, now: ServerTimeUs) -> str | None:
        if self.stream_format is None:
            return None
        message = self._connection.stream_end()
        self._owner.stream_changed(self)
        return message


def _metadata(medium: MediumSnapshot | None, now: ServerTimeUs, position_us: int, *, playing: bool) -> Metadata:
    if medium is None:
        return Metadata(timestamp=now)
    return Metadata(
        timestamp=now,
        title=medium.title,
        artist=medium.artist,
        album_artist=medium.album_artist,
        album=medium.album,
        year=medium.year,
        track=medium.track,
        progress=Progress(
            position_ms=position_us // US_PER_MS,
            duration_ms=(medium.duration_us or 0) // US_PER_MS,
            speed=1.0 if playing else 0.0,
        ),
    )
