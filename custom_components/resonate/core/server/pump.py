"""Moves the messages of one connection, and watches that they move."""

import asyncio
from collections.abc import Coroutine
import logging
from typing import Final, Protocol

from ..clock import Clock
from ..events import LossReason
from ..protocol.websocket import CloseCode, Opcode
from ..units import US_PER_S, ServerTimeUs
from .clock import Alarm
from .outbox import Outbox
from .transport import HIGH_WATER_BYTES, LOW_WATER_BYTES, Closed, Transport, make_frame
from .watch import PROGRESS_WITHIN_US, Finding, Watch

_LOGGER = logging.getLogger(__name__)

MESSAGES_PER_TURN: Final = 32
"""Of one client, before others have a turn of the loop: messages that came at once are read without a wait."""

_CLOSE_CODES: Final = {
    LossReason.PROTOCOL_ERROR: CloseCode.PROTOCOL_ERROR,
    LossReason.TOO_SLOW: CloseCode.POLICY_VIOLATION,
    LossReason.SERVER_STOPPED: CloseCode.GOING_AWAY,
}


class PumpHandler(Protocol):
    """Makes something of what arrives. Called on the loop; may stop the pump on the spot."""

    def handle_message(self, message: str | bytes, received_at: ServerTimeUs) -> None:
        """Take a message."""
        ...

    def handle_timer(self, now: ServerTimeUs) -> None:
        """Take note of the time."""
        ...

    @property
    def timeout_at(self) -> ServerTimeUs | None:
        """When `handle_timer` is due; None when nothing is waited for."""
        ...

    def end(self, reason: LossReason, detail: str = "") -> None:
        """Take note that the connection is of no use any more; is to stop the pump."""
        ...


class Pump:
    """Reads and writes until it is stopped. On the loop."""

    def __init__(self, transport: Transport, outbox: Outbox, *, clock: Clock, handler: PumpHandler) -> None:
        """Do nothing yet; `run` does."""
        self._transport = transport
        self._outbox = outbox
        self._clock = clock
        self._handler = handler
        self._watch = Watch(clock.now())
        self._alarm = Alarm(clock, self._tick)
        self._is_full = asyncio.Event()
        self._is_woken = False
        self._is_stopped = False
        self._close_code = CloseCode.NORMAL
        self._farewell: str | None = None

    def wake(self) -> None:
        """Have what is in the outbox written."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._flush_guarded)

    def stop(self, reason: LossReason, farewell: str | None = None) -> None:
        """Have `run` close the connection, after these last words, and return."""
        self._is_stopped = True
        self._close_code = _CLOSE_CODES.get(reason, CloseCode.NORMAL)
        self._farewell = farewell
        self._alarm.stop()
        self._is_full.set()
        if self._transport.write_buffer_bytes >= LOW_WATER_BYTES:
            self._transport.abort()  # the writer may wait for it to be taken, which it is not

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    async def run(self) -> None:
        """Serve the connection until it is stopped; raises nothing but a cancellation."""
        reading = asyncio.get_running_loop().create_task(self._guard(self._read()))
        self._set_alarm()
        try:
            await self._guard(self._write())
        except asyncio.CancelledError:
            self._handler.end(LossReason.SERVER_STOPPED)
            self._transport.abort()
            raise
        finally:
            if self._farewell is not None:
                self._transport.write(
                    make_frame(Opcode.TEXT, self._farewell.encode(), is_masking=self._transport.is_masking)
                )
            await self._transport.close(self._close_code)
            reading.cancel()
            await asyncio.wait([reading])

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:  # a bug of ours must not take the other sessions with it
            _LOGGER.exception("Connection with %s failed", self._transport.peer)
            self._handler.end(LossReason.PROTOCOL_ERROR, "internal error")

    async def _read(self) -> None:
        count = 0
        while not self._is_stopped:
            received = await self._transport.receive()
            now = self._clock.now()  # T2 of a clock request: before anything is made of it
            self._watch.heard(now)
            match received:
                case str() | bytes():
                    self._handler.handle_message(received, now)
                    self._flush()
                    self._set_alarm()
                case Closed(detail=detail, is_error=is_error):
                    self._handler.end(LossReason.PROTOCOL_ERROR if is_error else LossReason.CONNECTION_LOST, detail)
            count += 1
            if count % MESSAGES_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _write(self) -> None:
        """Wait where the network does not take what is written; all else leaves by `_flush`."""
        while not self._is_stopped:
            await self._is_full.wait()
            if not self._is_stopped:
                await self._transport.drain()
                self._is_full.clear()
                self.wake()

    def _flush_guarded(self) -> None:
        self._is_woken = False
        try:
            self._flush()
        except Exception:
            _LOGGER.exception("Connection with %s failed", self._transport.peer)
            self._handler.end(LossReason.PROTOCOL_ERROR, "internal error")

    def _flush(self) -> None:
        if self._is_stopped or self._is_full.is_set() or not self._outbox:
            return
        waiting = self._transport.write_buffer_bytes
        if waiting > HIGH_WATER_BYTES:
            self._is_full.set()
            return
        if data := self._outbox.take(HIGH_WATER_BYTES + 1 - waiting):
            self._transport.write(data)
            self._watch.wrote(len(data), self._transport.write_buffer_bytes, self._clock.now())
            self._set_alarm()
        if self._outbox:
            self.wake()  # later: a long queue must not keep the next clock request from being read

    def _tick(self) -> None:
        now = self._clock.now()
        self._handler.handle_timer(now)
        match self._watch.look(self._transport.write_buffer_bytes, now):
            case Finding.SILENT:
                self._outbox.ping()
                self.wake()
            case Finding.DEAD:
                self._handler.end(LossReason.CONNECTION_LOST, "no answer to a ping")
            case Finding.STUCK:
                self._handler.end(LossReason.TOO_SLOW, f"took nothing for {PROGRESS_WITHIN_US // US_PER_S} s")
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._is_stopped:
            return
        self._alarm.set(self._watch.next_at)
        if self._handler.timeout_at is not None:
            self._alarm.set(self._handler.timeout_at)
