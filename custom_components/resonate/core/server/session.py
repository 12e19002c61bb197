"""One live connection: between a transport, the protocol's state machine and what waits to be written."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
import logging
from typing import Final, Protocol

from ..clock import Clock
from ..errors import CommandRefusedError, HandshakeTimeoutError, RefusedError, RemoteProtocolError
from ..events import LossReason
from ..formats import StreamFormat
from ..protocol.binary import pack_audio
from ..protocol.connection import Connection
from ..protocol.events import (
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
from ..protocol.websocket import CloseCode, Opcode
from ..stream.chunk import PlayerOutput, StreamStart
from ..units import US_PER_MS, US_PER_S, ClientId, GroupId, ServerTimeUs
from .clock import Alarm
from .log import SessionLog
from .outbox import Outbox
from .snapshot import MediumSnapshot
from .transport import HIGH_WATER_BYTES, LOW_WATER_BYTES, Closed, Transport, make_frame
from .watch import PROGRESS_WITHIN_US, Finding, Watch

_LOGGER = logging.getLogger(__name__)

_CLOSE_CODES: Final = {
    LossReason.PROTOCOL_ERROR: CloseCode.PROTOCOL_ERROR,
    LossReason.TOO_SLOW: CloseCode.POLICY_VIOLATION,
    LossReason.SERVER_STOPPED: CloseCode.GOING_AWAY,
}


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
        now = clock.now()
        self._connection = Connection(server_id=server_id, server_name=server_name, opened_at=now)
        self._outbox = Outbox(
            clock,
            is_masking=transport.is_masking,
            pack=lambda chunk: pack_audio(chunk.start, chunk.data),
            is_streaming=lambda: self._connection.stream_format is not None,
        )
        self._log = SessionLog(_LOGGER, transport.peer)
        self._wake = asyncio.Event()
        self._farewell: str | None = None
        self._watch = Watch(now)
        self._alarm = Alarm(clock, self._tick)

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
        for chunk in output.chunks:
            self._outbox.play(chunk)
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
        """Tell the client what it can ask of its group; only if it is a controller."""
        if not self.is_over and Role.CONTROLLER in self.active_roles:
            self._say(self._connection.controller(controller))

    def set_volume(self, volume: int) -> None:
        """Set the player's volume, 0-100. Raises CommandRefusedError when it takes none."""
        if not self._live_state().can_set_volume:
            raise CommandRefusedError("this player's volume cannot be set")
        self._say(self._connection.player_volume(volume))

    def set_muted(self, muted: bool) -> None:
        """Mute the player or end that. Raises CommandRefusedError when it cannot be muted."""
        if not self._live_state().can_mute:
            raise CommandRefusedError("this player cannot be muted")
        self._say(self._connection.player_mute(muted=muted))

    def set_output_delay(self, delay_ms: int) -> None:
        """Set the player's output delay, 0-5000 ms. Raises CommandRefusedError when it takes none."""
        if not self._live_state().can_set_output_delay:
            raise CommandRefusedError("this player's delay cannot be set")
        self._say(self._connection.player_output_delay(delay_ms))

    def end(self, reason: LossReason, detail: str = "") -> None:
        """End it; again: nothing happens."""
        if self.is_over:
            return
        self.loss_reason = reason
        self.detail = detail
        self._alarm.stop()
        self._owner.ended(self)
        self._wake.set()
        if self._transport.write_buffer_bytes >= LOW_WATER_BYTES:
            self._transport.abort()  # the writer may wait for it to be taken, which it is not

    def abort(self) -> None:
        """End it without a goodbye."""
        self.end(LossReason.SERVER_STOPPED)
        self._transport.abort()

    # The pump

    async def run(self) -> None:
        """Serve the client until either side has enough; raises nothing but a cancellation."""
        reading = asyncio.get_running_loop().create_task(self._guard(self._read()))
        self._tick()
        try:
            await self._guard(self._write())
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            if self._farewell is not None:
                self._transport.write(
                    make_frame(Opcode.TEXT, self._farewell.encode(), is_masking=self._transport.is_masking)
                )
            code = _CLOSE_CODES.get(self.loss_reason or LossReason.SERVER_STOPPED, CloseCode.NORMAL)
            await self._transport.close(code)
            reading.cancel()
            await asyncio.wait([reading])

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other sessions with it
            self._log.exception("session failed")
            self.end(LossReason.PROTOCOL_ERROR, "internal error")

    async def _read(self) -> None:
        while not self.is_over:
            received = await self._transport.receive()
            now = self._clock.now()  # T2 of a clock request: before anything is made of it
            self._watch.heard(now)
            try:
                match received:
                    case str():
                        self._handle(self._connection.receive_text(received, now))
                    case bytes():
                        self._handle(self._connection.receive_binary(received))
                    case Closed(detail=detail, is_error=is_error):
                        self.end(LossReason.PROTOCOL_ERROR if is_error else LossReason.CONNECTION_LOST, detail)
            except RemoteProtocolError as err:
                if isinstance(err, RefusedError):
                    self._farewell = err.reply
                self.end(LossReason.PROTOCOL_ERROR, str(err))

    async def _write(self) -> None:
        while not self.is_over:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox and not self.is_over:
                if self._transport.write_buffer_bytes > HIGH_WATER_BYTES:
                    await self._transport.drain()
                    continue
                if data := self._outbox.take(HIGH_WATER_BYTES + 1 - self._transport.write_buffer_bytes):
                    self._transport.write(data)
                    self._watch.wrote(len(data), self._transport.write_buffer_bytes, self._clock.now())
                    self._set_alarm()
                await asyncio.sleep(0)  # a long queue must not keep the next clock request from being read

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
                case CommandReceived():
                    self._owner.commanded(self, event.command)
                case GoodbyeReceived():
                    self.end(event.reason)
                case Ignored():
                    self._log.debug("%s", event.reason)
        self._set_alarm()

    def _greet(self, hello: ClientHello) -> None:
        self._log = SessionLog(_LOGGER, hello.client_id)
        self._on_hello(hello.client_id)
        reason = self._owner.introduced(self, hello)
        if not self.is_over:
            self._outbox.greet(self._connection.server_hello(reason))
            self._wake_writer()
            self._owner.joined(self)

    def _say(self, message: str) -> None:
        self._outbox.say(message)
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._outbox.is_over_limit:
            self.end(LossReason.TOO_SLOW, f"{self._outbox.queued_us // US_PER_MS} ms of audio wait to be written")
        else:
            self._wake.set()

    def _live_state(self) -> ClientState:
        if self.is_over or self._connection.state is None or Role.PLAYER not in self.active_roles:
            raise CommandRefusedError("this player is not ready")
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

    # Time

    def _tick(self) -> None:
        now = self._clock.now()
        try:
            self._handle(self._connection.handle_timer(now))
        except HandshakeTimeoutError as err:
            self.end(LossReason.PROTOCOL_ERROR, str(err))
        match self._watch.look(self._transport.write_buffer_bytes, now):
            case Finding.SILENT:
                self._outbox.ping()
                self._wake_writer()
            case Finding.DEAD:
                self.end(LossReason.CONNECTION_LOST, "no answer to a ping")
            case Finding.STUCK:
                self.end(LossReason.TOO_SLOW, f"took nothing for {PROGRESS_WITHIN_US // US_PER_S} s")
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self.is_over:
            return
        self._alarm.set(self._watch.next_at)
        if self._connection.timeout_at is not None:
            self._alarm.set(self._connection.timeout_at)


def _metadata(medium: MediumSnapshot | None, now: ServerTimeUs, position_us: int, *, playing: bool) -> Metadata:
    if medium is None:
        return Metadata(timestamp=now)
    return Metadata(
        timestamp=now,
        title=medium.title,
        artist=medium.artist,
        album=medium.album,
        progress=Progress(
            position_ms=position_us // US_PER_MS,
            duration_ms=(medium.duration_us or 0) // US_PER_MS,
            speed=1.0 if playing else 0.0,
        ),
    )
