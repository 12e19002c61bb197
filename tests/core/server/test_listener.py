"""Our own port, over real sockets on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
import errno
import logging
import socket
from typing import Any

from aiohttp import ClientError, ClientSession, TCPConnector, WSMsgType
import pytest

from core.server.clock import MonotonicClock
from core.server.listener import MAX_UNDECIDED, MAX_UNDECIDED_PER_ADDRESS, Admission, Listener
from core.server.transport import Closed, Transport
from core.units import US_PER_S, ServerTimeUs
from tests.fakes.clock import FakeClock

LOOPBACK_PORTS = range(42_000, 60_000)


class Echo:
    """Serves by giving text back; counts who is there."""

    def __init__(self) -> None:
        self.peers: list[str] = []
        self.live = 0
        self.introduces = True

    async def serve(self, transport: Transport, introduced: Callable[[], None]) -> None:
        if self.introduces:
            introduced()
        self.peers.append(transport.peer)
        self.live += 1
        while not isinstance(received := await transport.receive(), Closed):
            assert isinstance(received, str)
            transport.write(b"\x81" + bytes([len(received)]) + received.encode())
        self.live -= 1


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def listener(echo: Echo) -> AsyncIterator[Listener]:
    listener = Listener(MonotonicClock(), echo.serve)
    yield listener
    await listener.close()
    await listener.close()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(limit=0)) as http:
        yield http


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Peer:
    """A bare TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def read_to_end(self) -> bytes:
        """Return what comes until the other side closes."""
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                return await self._reader.read()
            return b""

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


type Dial = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    peers: list[Peer] = []

    async def dial(port: int | None, address: str = "127.0.0.1") -> Peer:
        peers.append(Peer(*await asyncio.open_connection(address, port)))
        return peers[-1]

    yield dial
    for peer in peers:
        await peer.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("path", ["/sendspin", "/resonate"])
async def test_serves_both_paths_and_both_kinds_of_addresses(
    listener: Listener, echo: Echo, http: ClientSession, address: str, path: str
) -> None:
    await listener.start(None, 0, allow_fallback=True)
    async with http.ws_connect(f"ws://{address}:{listener.port}{path}") as websocket:
        await websocket.send_str("hello")
        assert await websocket.receive_str() == "hello"
        assert echo.peers == [address.strip("[]")]
    await until(lambda: echo.live == 0)


async def test_one_address_and_loopback(listener: Listener, http: ClientSession, dial: Dial) -> None:
    await listener.start("127.0.0.2", 0, allow_fallback=True)
    for address in ("127.0.0.2", "127.0.0.1", "[::1]"):
        async with http.ws_connect(f"ws://{address}:{listener.port}/sendspin") as websocket:
            await websocket.send_str("x")
            assert await websocket.receive_str() == "x"
    with pytest.raises(OSError, match=r"."):
        await dial(listener.port, "127.0.0.3")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_every_way_to_say_all_addresses_means_all(host: str, listener: Listener, dial: Dial) -> None:
    await listener.start(host, 0, allow_fallback=False)
    assert listener.port
    for address in ("127.0.0.1", "::1"):
        await dial(listener.port, address)


async def test_takes_the_next_port_when_the_wanted_one_is_taken(listener: Listener) -> None:
    wanted = free_port()
    with socket.create_server(("", wanted)):
        with pytest.raises(OSError, match=r".") as caught:
            await listener.start(None, wanted, allow_fallback=False)
        assert caught.value.errno == errno.EADDRINUSE
        await listener.start(None, wanted, allow_fallback=True)
    assert listener.port is not None
    assert wanted < listener.port <= wanted + 10


async def test_a_port_must_be_free_for_all_addresses(listener: Listener, dial: Dial) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6) as taken:
        wanted = int(taken.getsockname()[1])
        with pytest.raises(OSError, match=r"."):
            await listener.start(None, wanted, allow_fallback=False)
        with pytest.raises(OSError, match=r"."):
            await dial(wanted)
        await listener.start(None, wanted, allow_fallback=True)
        assert listener.port != wanted


async def test_takes_any_port_when_all_near_ones_are_taken(listener: Listener) -> None:
    for wanted in LOOPBACK_PORTS:
        taken: list[socket.socket] = []
        with suppress(OSError):
            taken.extend(socket.create_server(("", port)) for port in range(wanted, wanted + 11))
            break
        for each in taken:
            each.close()
    await listener.start(None, wanted, allow_fallback=True)
    for each in taken:
        each.close()
    assert listener.port not in range(wanted, wanted + 11)


async def test_an_address_that_is_not_ours_is_an_error(listener: Listener) -> None:
    with pytest.raises(OSError, match=r"."):
        await listener.start("192.0.2.1", 0, allow_fallback=True)


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /sendspin HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
        (b"POST /sendspin HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"426"),
        (b"GET /sendspin HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", b"426"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", b"400"),
    ],
)
async def test_anything_else_is_refused_and_closed_without_a_trace(
    listener: Listener, echo: Echo, dial: Dial, caplog: pytest.LogCaptureFixture, request_text: bytes, status: bytes
) -> None:
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    peer = await dial(listener.port)
    peer.write(request_text)
    assert (await peer.read_to_end()).split(b" ")[1] == status
    assert not echo.peers
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_compression_is_not_taken_up(listener: Listener, http: ClientSession) -> None:
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    async with http.ws_connect(f"ws://127.0.0.1:{listener.port}/sendspin", compress=15) as websocket:
        assert websocket.compress == 0


async def test_strangers_share_a_bounded_number_of_places(
    listener: Listener, echo: Echo, http: ClientSession, dial: Dial
) -> None:
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    strangers = [await dial(listener.port) for _ in range(MAX_UNDECIDED_PER_ADDRESS)]
    refused = await dial(listener.port)
    assert await refused.read_to_end() == b""
    # Whoever leaves makes room, whoever is introduced takes none.
    await strangers[0].close()
    async with AsyncExitStack() as stack:
        for _ in range(3):
            connecting = http.ws_connect(f"ws://127.0.0.1:{listener.port}/sendspin")
            websocket = await stack.enter_async_context(connecting)
            await websocket.send_str("x")
            assert await websocket.receive_str() == "x"
        assert echo.live == 3
    await listener.close()
    for stranger in strangers[1:]:
        assert await stranger.read_to_end() == b""


async def test_who_opens_a_websocket_and_says_nothing_takes_a_place_too(
    listener: Listener, echo: Echo, http: ClientSession
) -> None:
    echo.introduces = False
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    url = f"ws://127.0.0.1:{listener.port}/sendspin"
    async with AsyncExitStack() as stack:
        for _ in range(MAX_UNDECIDED_PER_ADDRESS):
            await stack.enter_async_context(http.ws_connect(url))
        with pytest.raises((ClientError, OSError)):
            await http.ws_connect(url)


async def test_silence_before_the_handshake_is_cut_off(echo: Echo, dial: Dial) -> None:
    clock = FakeClock()
    listener = Listener(clock, echo.serve)
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    peer = await dial(listener.port)
    peer.write(b"GET /sendspin HTTP/1.1\r\n")
    assert await peer.read_to_end() == b""
    assert clock.now() >= 1_030 * US_PER_S
    await listener.close()


async def test_thousands_of_connections_leave_nothing(listener: Listener, echo: Echo, http: ClientSession) -> None:
    await listener.start("127.0.0.1", 0, allow_fallback=True)

    async def touch() -> None:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.close()
            await writer.wait_closed()

    for _ in range(40):
        await asyncio.gather(*(touch() for _ in range(50)))
    async with http.ws_connect(f"ws://127.0.0.1:{listener.port}/sendspin") as websocket:
        await websocket.send_str("x")
        assert (await websocket.receive()).type is WSMsgType.TEXT
    await until(lambda: echo.live == 0)


class Hasty(MonotonicClock):
    """Notes how long it should have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_us = 0

    async def sleep_until(self, at: ServerTimeUs) -> None:
        self.slept_us += at - self.now()


async def test_out_of_files_is_waited_for(
    echo: Echo, http: ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    errors = [ConnectionAbortedError(), OSError(errno.EMFILE, "too many open files")]
    accept = loop.sock_accept

    async def failing(listening: socket.socket) -> object:
        if errors:
            raise errors.pop()
        return await accept(listening)

    monkeypatch.setattr(loop, "sock_accept", failing)
    clock = Hasty()
    listener = Listener(clock, echo.serve)
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    async with http.ws_connect(f"ws://127.0.0.1:{listener.port}/sendspin") as websocket:
        await websocket.send_str("x")
        assert await websocket.receive_str() == "x"
    await listener.close()
    assert 0.9 * US_PER_S < clock.slept_us <= US_PER_S
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_connection_that_cannot_be_taken_over_is_no_matter(
    listener: Listener, echo: Echo, dial: Dial, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    take_over = loop.connect_accepted_socket
    failures = [OSError(errno.EINVAL, "gone")] * MAX_UNDECIDED_PER_ADDRESS * 2

    async def failing(*args: Any, **kwargs: Any) -> object:
        if failures:
            raise failures.pop()
        return await take_over(*args, **kwargs)

    monkeypatch.setattr(loop, "connect_accepted_socket", failing)
    await listener.start("127.0.0.1", 0, allow_fallback=True)
    for _ in range(MAX_UNDECIDED_PER_ADDRESS * 2):
        assert await (await dial(listener.port)).read_to_end() == b""
    async with http.ws_connect(f"ws://127.0.0.1:{listener.port}/sendspin") as websocket:
        await websocket.send_str("x")
        assert await websocket.receive_str() == "x"


async def test_a_host_without_ipv6_listens_at_what_there_is(
    listener: Listener, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoIPv6(socket.socket):
        def __init__(self, family: int = -1, *args: Any, **kwargs: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no IPv6")
            super().__init__(family, *args, **kwargs)

    with monkeypatch.context() as context:
        context.setattr(socket, "socket", NoIPv6)
        await listener.start(None, 0, allow_fallback=True)
        await dial(listener.port)
    with pytest.raises(OSError, match=r"."):
        await dial(listener.port, "::1")


def test_admission_counts_all_and_each_address() -> None:
    admission = Admission()
    addresses = [f"192.0.2.{index // MAX_UNDECIDED_PER_ADDRESS}" for index in range(MAX_UNDECIDED)]
    assert all(admission.admit(address) for address in addresses)
    assert not admission.admit("198.51.100.1")
    admission.release(addresses[0])
    assert not admission.admit(addresses[-1])
    assert admission.admit("198.51.100.1")
    for address in [*addresses[1:], "198.51.100.1"]:
        admission.release(address)
    assert admission.count == 0


async def test_closed_before_it_could_accept_anybody(listener: Listener) -> None:
    port = free_port()
    await listener.start("127.0.0.1", port, allow_fallback=False)
    await listener.close()
    await listener.start("127.0.0.1", port, allow_fallback=False)
    assert listener.port == port
