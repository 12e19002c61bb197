"""Our own port: accepts connections, within bounds, and hands over those that become WebSockets."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
import errno
import logging
import socket
from typing import Final

from aiohttp import web

from ..clock import Clock
from ..units import US_PER_S, ServerTimeUs
from .transport import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, Transport, accepted, prepare_socket

_LOGGER = logging.getLogger(__name__)
_HTTP_LOGGER: Final = logging.getLogger(f"{__name__}.http")
_HTTP_LOGGER.setLevel(logging.CRITICAL)  # aiohttp's tracebacks of peers that speak no HTTP are of use to nobody

PATHS: Final = frozenset({"/sendspin", "/resonate"})
"""The second is that of the time before the rename: whoever comes that way is told so by its hello, in the log."""
MAX_UNDECIDED: Final = 256
"""Connections that have not said who they are."""
MAX_UNDECIDED_PER_ADDRESS: Final = 128
"""Of those, from one address: a whole house of players may live behind one (protocol.md 21), and come at once."""
HANDSHAKE_TIMEOUT_US: Final = 30 * US_PER_S
_FALLBACK_PORTS: Final = 10
ALL_ADDRESSES: Final = (None, "0.0.0.0", "::")
"""Ways to say that every address is meant; whichever it is, loopback is among them."""
_BACKLOG: Final = 1024  # a storm must not make the kernel drop what a client says
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class Admission:
    """Counts who has not introduced itself, so that strangers cannot take what clients need. Sans-IO."""

    def __init__(self) -> None:
        """Know nobody."""
        self._count_by_address: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many are undecided."""
        return self._count_by_address.total()

    def admit(self, address: str) -> bool:
        """Return whether one more from this address may come in; it counts until `release`."""
        if self.count >= MAX_UNDECIDED or self._count_by_address[address] >= MAX_UNDECIDED_PER_ADDRESS:
            return False
        self._count_by_address[address] += 1
        return True

    def release(self, address: str) -> None:
        """Count one less: it introduced itself, or is gone."""
        self._count_by_address[address] -= 1
        self._count_by_address += Counter()  # drops what is 0


class Listener:
    """Listens on all addresses, or on one and loopback. On the loop."""

    def __init__(self, clock: Clock, serve: Callable[[Transport, Callable[[], None]], Awaitable[None]]) -> None:
        """`serve` holds a session until it ends; it is handed what to call once the peer has introduced itself."""
        self.port: int | None = None
        self._clock = clock
        self._serve = serve
        self._admission = Admission()
        self._http: web.Server | None = None
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._release_by_transport: dict[asyncio.BaseTransport, Callable[[], None]] = {}

    async def start(self, host: str | None, port: int, *, allow_fallback: bool) -> None:
        """Listen at this port or, where allowed, at the next free one. Raises OSError when there is none."""
        self._sockets = await _open_sockets(host, port, allow_fallback=allow_fallback)
        self.port = self._sockets[0].getsockname()[1]
        self._http = web.Server(
            self._handle, access_log=None, logger=_HTTP_LOGGER, keepalive_timeout=0.0, lingering_time=0.0
        )
        loop = asyncio.get_running_loop()
        self._accepting = [
            loop.create_task(self._accept(listening), name=f"resonate accept {listening.getsockname()[0]}")
            for listening in self._sockets
        ]

    async def close(self) -> None:
        """Stop listening and drop whoever is still there."""
        self.port = None
        for task in self._accepting:
            task.cancel()
        if self._accepting:
            await asyncio.wait(self._accepting)
        self._accepting = []
        for listening in self._sockets:
            listening.close()
        self._sockets = []
        for transport in list(self._release_by_transport):
            self._drop(transport)
        if self._http is not None:
            await self._http.shutdown(timeout=0.1)
            self._http = None
        await asyncio.sleep(0)  # transports tell of their end on the next turn

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except ConnectionError:  # gone before it was accepted
                continue
            except OSError as err:  # no files left, most likely
                _LOGGER.warning("Cannot accept connections at the moment: %s", err)
                await self._clock.sleep_until(ServerTimeUs(self._clock.now() + US_PER_S))
                continue
            await self._admit(connection, address[0])

    async def _admit(self, connection: socket.socket, address: str) -> None:
        for gone in [transport for transport in self._release_by_transport if transport.is_closing()]:
            self._release_by_transport[gone]()
        if self._http is None or not self._admission.admit(address):
            connection.close()
            return
        try:
            connection.setblocking(False)
            prepare_socket(connection)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(self._http, connection)
        except OSError:
            self._admission.release(address)
            connection.close()
            return
        timer = self._clock.call_at(
            ServerTimeUs(self._clock.now() + HANDSHAKE_TIMEOUT_US), lambda: self._drop(transport)
        )

        def release() -> None:
            if self._release_by_transport.pop(transport, None) is not None:
                timer.cancel()
                self._admission.release(address)

        self._release_by_transport[transport] = release

    def _drop(self, transport: asyncio.BaseTransport) -> None:
        if (release := self._release_by_transport.get(transport)) is not None:
            release()
        if isinstance(transport, asyncio.Transport):
            transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path not in PATHS:
            return _refuse(404)
        raw = request.transport
        websocket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_TIMEOUT_S
        )
        if not websocket.can_prepare(request):
            return _refuse(426)
        with suppress(ConnectionError):
            await websocket.prepare(request)
            release = None if raw is None else self._release_by_transport.get(raw)
            if release is not None:
                await self._serve(accepted(websocket, request), release)
                release()
        return websocket


def _refuse(status: int) -> web.Response:
    response = web.Response(status=status)
    response.force_close()
    return response


async def _open_sockets(host: str | None, port: int, *, allow_fallback: bool) -> list[socket.socket]:
    ports = [port]
    if allow_fallback and port:
        ports += [candidate for candidate in range(port + 1, port + 1 + _FALLBACK_PORTS) if candidate < 1 << 16]
    if allow_fallback or not port:
        ports += [0, 0, 0]  # what is free for IPv4 may be taken for IPv6
    for candidate in ports[:-1]:
        with suppress(OSError):
            return await _listen(host, candidate)
    return await _listen(host, ports[-1])


async def _listen(host: str | None, port: int) -> list[socket.socket]:
    """Return a listening socket for each address, all at one port."""
    sockets: list[socket.socket] = []
    try:
        for family, address in await _addresses(host):
            try:
                sockets.append(_bind(family, address, port))
            except OSError as err:
                if family != socket.AF_INET6 or err.errno not in _NO_SUCH_FAMILY:
                    raise
            else:
                port = sockets[0].getsockname()[1]
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return sockets


async def _addresses(host: str | None) -> list[tuple[socket.AddressFamily, str]]:
    if host in ALL_ADDRESSES:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]
    found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    addresses = [(family, str(address[0])) for family, _, _, _, address in found]
    loopback = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    return addresses + [entry for entry in loopback if entry not in addresses]


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
