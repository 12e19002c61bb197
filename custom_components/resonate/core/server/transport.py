"""What a session needs of a connection, and the one over a WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
import os
import socket
from typing import Final, Protocol

from aiohttp import ClientError, ClientWebSocketResponse, WebSocketError, WSMessage, WSMsgType, web

from ..protocol.websocket import CloseCode, Opcode, frame, masked_frame

HIGH_WATER_BYTES: Final = 64 * 1024
"""Nothing more is written while this much waits: it is in front of every clock reply (protocol.md 20.2)."""
LOW_WATER_BYTES: Final = 16 * 1024
_UNSENT_BYTES: Final = 32 * 1024  # the kernel's share of the same wait: at 1.5 Mbit/s 170 ms, at Wi-Fi's speed 10 ms
MAX_MESSAGE_BYTES: Final = 1024 * 1024  # protocol.md 20.1
CLOSE_TIMEOUT_S: Final = 5.0
"""How long a peer may take to answer that a connection is closed."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more comes."""

    detail: str = ""
    """For the log: what the peer or the network did; empty when it was closed in order."""
    is_error: bool = False
    """The peer broke the rules of WebSocket."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer answered a ping: it is still there."""


type Received = str | bytes | Pong | Closed


class Transport(Protocol):
    """One connection that carries messages, whatever is below. The loop's only."""

    @property
    def peer(self) -> str:
        """Address of the other side, for logs and the picture."""
        ...

    @property
    def is_masking(self) -> bool:
        """Whether frames must be masked: we dialled."""
        ...

    @property
    def write_buffer_bytes(self) -> int:
        """What was written and has not been taken by the network yet."""
        ...

    def write(self, data: bytes) -> None:
        """Write whole WebSocket frames; never waits, never raises."""
        ...

    async def drain(self) -> None:
        """Return when less than `LOW_WATER_BYTES` wait, or the connection is lost. One task's only; not to cancel."""
        ...

    async def receive(self) -> Received:
        """Return the next message. Never raises for what a peer does; after Closed nothing comes."""
        ...

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """Say goodbye as WebSockets do, wait a few seconds at most for the answer, and let go of the connection."""
        ...

    def abort(self) -> None:
        """Let go of the connection now; whoever waits in `drain` or `receive` returns."""
        ...


def make_frame(opcode: Opcode, payload: bytes, *, is_masking: bool) -> bytes:
    """Return the frame of a message as its connection needs it, masked with a key of its own."""
    if is_masking:
        return masked_frame(opcode, payload, os.urandom(4))
    return frame(opcode, payload)


class WebSocketTransport:
    """A WebSocket that aiohttp opened, reads and closes; frames are written past it, many with one system call."""

    def __init__(
        self,
        websocket: web.WebSocketResponse | ClientWebSocketResponse,
        raw: asyncio.Transport,
        drain: Callable[[], Awaitable[None]],
        *,
        is_masking: bool,
    ) -> None:
        """`raw` is what the WebSocket itself writes to, `drain` waits until that is below its limit."""
        self._websocket = websocket
        self._raw = raw
        self._drain = drain
        self._is_masking = is_masking
        self._peer = _peer_address(raw)
        raw.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        prepare_socket(raw.get_extra_info("socket"))

    @property
    def peer(self) -> str:
        """Address of the other side."""
        return self._peer

    @property
    def is_masking(self) -> bool:
        """Whether we dialled."""
        return self._is_masking

    @property
    def write_buffer_bytes(self) -> int:
        """What the loop holds because the kernel does not take it."""
        return self._raw.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Write whole frames; they are lost when the connection is."""
        if not self._raw.is_closing():
            self._raw.write(data)

    async def drain(self) -> None:
        """Return when less than `LOW_WATER_BYTES` wait, or the connection is lost."""
        with suppress(ClientError, OSError):
            await self._drain()

    async def receive(self) -> Received:
        """Return the next message; pings are answered on the way."""
        while True:
            try:
                message: WSMessage = await self._websocket.receive()
            except (ClientError, OSError) as err:
                return Closed(str(err) or type(err).__name__)
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    received: str | bytes = message.data
                    return received
                case WSMsgType.PONG:
                    return Pong()
                case WSMsgType.PING:
                    if self.write_buffer_bytes < HIGH_WATER_BYTES:  # who pings without reading gets no pongs
                        self.write(make_frame(Opcode.PONG, message.data, is_masking=self._is_masking))
                case WSMsgType.ERROR:
                    return Closed(str(message.data), is_error=isinstance(message.data, WebSocketError))
                case _:
                    return Closed(_close_detail(message))

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """Close in order where the peer takes part in it."""
        if self.write_buffer_bytes > HIGH_WATER_BYTES:
            self.abort()  # nobody reads any more
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._websocket.close(code=code, message=reason.encode()[:120])
        except ClientError, OSError, TimeoutError:
            pass  # it is gone already
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection."""
        self._raw.abort()


def accepted(websocket: web.WebSocketResponse, request: web.BaseRequest) -> WebSocketTransport:
    """Return the transport of a WebSocket that a client opened. Raises ConnectionResetError when it has gone again."""
    if (raw := request.transport) is None:
        raise ConnectionResetError("gone during the handshake")
    return WebSocketTransport(websocket, raw, request.writer.drain, is_masking=False)


def dialled(websocket: ClientWebSocketResponse) -> WebSocketTransport:
    """Return the transport of a WebSocket that we opened. Raises ConnectionResetError when it has gone again."""
    # aiohttp has no public way from here to what it writes to; test_transport.py tells when this one has gone.
    writer = websocket._writer  # noqa: SLF001
    raw, protocol = writer.transport, writer.protocol
    if not isinstance(raw, asyncio.Transport):
        raise ConnectionResetError("gone during the handshake")
    return WebSocketTransport(websocket, raw, protocol._drain_helper, is_masking=True)  # noqa: SLF001


def prepare_socket(connection: socket.socket) -> None:
    """Have the kernel send at once, and take no more than it can send soon."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(AttributeError, OSError):  # not every kernel knows it
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


def _peer_address(raw: asyncio.Transport) -> str:
    name = raw.get_extra_info("peername")
    return name[0] if isinstance(name, tuple) else "?"


def _close_detail(message: WSMessage) -> str:
    if message.type != WSMsgType.CLOSE or message.data in (CloseCode.NORMAL, CloseCode.GOING_AWAY, 0, None):
        return ""
    return f"closed with code {message.data}"
