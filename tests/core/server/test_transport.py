"""Connections as sessions need them: over real WebSockets both ways, and the fake one against the same promises."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from hashlib import sha1
import socket
import struct

from aiohttp import web
import pytest

from core.protocol.websocket import CloseCode, Opcode, frame, masked_frame
from core.server.clock import MonotonicClock
from core.server.connector import Connector
from core.server.listener import Listener
from core.server.transport import (
    HIGH_WATER_BYTES,
    LOW_WATER_BYTES,
    MAX_MESSAGE_BYTES,
    Closed,
    Pong,
    Transport,
    make_frame,
    prepare_socket,
)
from tests.fakes.transport import MemoryTransport, parse_frames

KEY = b"\x01\x02\x03\x04"
HANDSHAKE = (
    b"GET /sendspin HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Pair:
    """Our end, and a bare TCP connection at the other that speaks in frames of the test's making."""

    def __init__(self, ours: Transport, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ours = ours
        self.reader = reader
        self.writer = writer

    def send(self, opcode: Opcode, payload: bytes) -> None:
        """Send a frame as the other side must: masked when we listen."""
        self.writer.write(frame(opcode, payload) if self.ours.is_masking else masked_frame(opcode, payload, KEY))

    async def receive(self) -> tuple[Opcode, bytes, bool]:
        """Return the next frame of ours."""
        async with asyncio.timeout(5):
            head = await self.reader.readexactly(2)
            byte_count = head[1] & 0x7F
            if byte_count > 125:
                extended = await self.reader.readexactly(2 if byte_count == 126 else 8)
                byte_count = int.from_bytes(extended)
                head += extended
            body = await self.reader.readexactly(byte_count + (4 if head[1] & 0x80 else 0))
        (parsed,) = parse_frames(head + body)
        return parsed


type MakePair = Callable[[], Awaitable[Pair]]


@pytest.fixture(params=["accepted", "dialled"])
async def make_pair(request: pytest.FixtureRequest) -> AsyncIterator[MakePair]:
    release = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []
    transports: asyncio.Queue[Transport] = asyncio.Queue()

    async def hold(transport: Transport, introduced: Callable[[], None]) -> None:
        introduced()
        transports.put_nowait(transport)
        await release.wait()

    listener = Listener(MonotonicClock(), hold)
    connector = Connector()
    await listener.start("127.0.0.1", 0, allow_fallback=True)

    async def accepted() -> Pair:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writers.append(writer)
        writer.write(HANDSHAKE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        return Pair(await transports.get(), reader, writer)

    async def dialled() -> Pair:
        streams: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            request = await reader.readuntil(b"\r\n\r\n")
            key = next(line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
            accept = web_accept(key.strip())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            streams.put_nowait((reader, writer))

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        transport = await connector.connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/sendspin")
        server.close()
        return Pair(transport, *await streams.get())

    pairs: list[Pair] = []

    async def make() -> Pair:
        pairs.append(await (accepted() if request.param == "accepted" else dialled()))
        return pairs[-1]

    yield make
    release.set()
    for pair in pairs:
        pair.ours.abort()
        await pair.ours.close(CloseCode.NORMAL)
    for writer in writers:
        writer.close()
    await listener.close()
    await connector.close()
    await asyncio.sleep(0)


def web_accept(key: bytes) -> bytes:
    """Return what proves that the other side understood the handshake (RFC 6455, 4.2.2)."""
    return b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())


async def soon[T](awaited: Awaitable[T]) -> T:
    async with asyncio.timeout(5):
        return await awaited


async def test_messages_of_any_length_go_both_ways(make_pair: MakePair) -> None:
    pair = await make_pair()
    for byte_count in (0, 125, 126, 65_535, 65_536, 200_000):
        payload = bytes(index % 251 for index in range(byte_count))
        pair.ours.write(make_frame(Opcode.BINARY, payload, is_masking=pair.ours.is_masking))
        assert await pair.receive() == (Opcode.BINARY, payload, pair.ours.is_masking)
        pair.send(Opcode.BINARY, payload)
        assert await soon(pair.ours.receive()) == payload
    pair.send(Opcode.TEXT, "grüß".encode())
    assert await soon(pair.ours.receive()) == "grüß"
    assert pair.ours.peer == "127.0.0.1"


async def test_pings_are_answered_and_pongs_told(make_pair: MakePair) -> None:
    pair = await make_pair()
    pair.send(Opcode.PING, b"are you there")
    pair.send(Opcode.PONG, b"")
    assert await soon(pair.ours.receive()) == Pong()
    assert await pair.receive() == (Opcode.PONG, b"are you there", pair.ours.is_masking)


async def test_the_socket_sends_at_once_and_takes_little_ahead(make_pair: MakePair) -> None:
    pair = await make_pair()
    connection = pair.ours._raw.get_extra_info("socket")  # type: ignore[attr-defined]
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 32 * 1024


async def test_what_is_not_taken_waits_and_is_waited_for(make_pair: MakePair) -> None:
    pair = await make_pair()
    written = 0
    message = make_frame(Opcode.BINARY, bytes(60_000), is_masking=pair.ours.is_masking)
    while pair.ours.write_buffer_bytes <= HIGH_WATER_BYTES:
        pair.ours.write(message)
        written += 1
        await asyncio.sleep(0)
    draining = asyncio.create_task(pair.ours.drain())
    await asyncio.sleep(0.01)
    assert not draining.done()
    for _ in range(written):
        await pair.receive()
    await soon(draining)
    assert pair.ours.write_buffer_bytes <= LOW_WATER_BYTES
    await soon(pair.ours.drain())


async def test_who_pings_and_reads_nothing_gets_no_more_than_the_buffer_holds(make_pair: MakePair) -> None:
    pair = await make_pair()
    receiving = asyncio.create_task(_receive_all(pair.ours))
    for _ in range(3_000):
        pair.send(Opcode.PING, bytes(125))
        if pair.ours.write_buffer_bytes < HIGH_WATER_BYTES:
            pair.ours.write(make_frame(Opcode.BINARY, bytes(30_000), is_masking=pair.ours.is_masking))
        await asyncio.sleep(0)
    assert pair.ours.write_buffer_bytes <= HIGH_WATER_BYTES + 31_000
    pair.ours.abort()
    await soon(receiving)


async def _receive_all(transport: Transport) -> Closed:
    while not isinstance(received := await transport.receive(), Closed):
        pass
    return received


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),  # not UTF-8
        (b"\xf1\x80\x00\x00\x00\x00", 1002),  # reserved bits
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # reserved opcode
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # a continuation of nothing
        (b"\x89\xfe\x01\x00" + bytes(260), 1002),  # a ping that is too long
        (b"\x09\x80\x00\x00\x00\x00", 1002),  # half a ping
        (b"\x82\xff" + struct.pack(">Q", MAX_MESSAGE_BYTES + 1) + bytes(4) + bytes(MAX_MESSAGE_BYTES + 1), 1009),
    ],
)
async def test_broken_frames_end_it_with_the_code_for_it(make_pair: MakePair, data: bytes, code: int) -> None:
    pair = await make_pair()
    pair.writer.write(data)
    closed = await soon(pair.ours.receive())
    assert isinstance(closed, Closed)
    assert closed.is_error
    assert closed.detail
    opcode, payload, _ = await pair.receive()
    assert opcode == Opcode.CLOSE
    assert struct.unpack(">H", payload[:2]) == (code,)


async def test_split_messages_are_put_together_up_to_the_limit(make_pair: MakePair) -> None:
    pair = await make_pair()
    pair.writer.write(b"\x01\x83" + bytes(4) + b"abc" + b"\x80\x82" + bytes(4) + b"de")
    assert await soon(pair.ours.receive()) == "abcde"
    piece = b"\x7f" * 400_000
    for first in (0x02, 0x00, 0x00, 0x00):
        pair.writer.write(bytes((first, 0xFF)) + struct.pack(">Q", len(piece)) + bytes(4) + piece)
    closed = await soon(pair.ours.receive())
    assert isinstance(closed, Closed)
    assert closed.is_error


@pytest.mark.parametrize(("code", "detail"), [(1000, ""), (1001, ""), (1008, "closed with code 1008")])
async def test_closed_by_the_other_side(make_pair: MakePair, code: int, detail: str) -> None:
    pair = await make_pair()
    pair.send(Opcode.CLOSE, struct.pack(">H", code))
    assert await soon(pair.ours.receive()) == Closed(detail)
    assert (await pair.receive())[0] == Opcode.CLOSE
    assert isinstance(await soon(pair.ours.receive()), Closed)
    pair.ours.write(b"lost")
    await soon(pair.ours.close(CloseCode.NORMAL))


async def test_lost(make_pair: MakePair) -> None:
    pair = await make_pair()
    pair.writer.transport.abort()
    assert isinstance(await soon(pair.ours.receive()), Closed)
    pair.ours.write(b"into the void")
    await soon(pair.ours.drain())
    await soon(pair.ours.close(CloseCode.NORMAL))
    assert isinstance(await soon(pair.ours.receive()), Closed)


async def test_lost_while_the_writer_waits(make_pair: MakePair) -> None:
    pair = await make_pair()
    while pair.ours.write_buffer_bytes <= HIGH_WATER_BYTES:
        pair.ours.write(make_frame(Opcode.BINARY, bytes(60_000), is_masking=pair.ours.is_masking))
        await asyncio.sleep(0)
    draining = asyncio.create_task(pair.ours.drain())
    await asyncio.sleep(0.01)
    pair.ours.abort()
    await soon(draining)


async def test_closing_says_why_and_waits_for_the_answer(make_pair: MakePair) -> None:
    pair = await make_pair()
    receiving = asyncio.create_task(pair.ours.receive())
    await asyncio.sleep(0)
    closing = asyncio.create_task(pair.ours.close(CloseCode.GOING_AWAY, "bye"))
    opcode, payload, masked = await pair.receive()
    assert (opcode, payload, masked) == (Opcode.CLOSE, b"\x03\xe9bye", pair.ours.is_masking)
    assert isinstance(await soon(receiving), Closed)
    pair.send(Opcode.CLOSE, b"\x03\xe9")
    await soon(closing)
    with suppress(ConnectionResetError):  # aiohttp does not wait for the answer while somebody receives
        assert await soon(pair.reader.read()) == b""


async def test_closing_does_not_wait_for_ever(make_pair: MakePair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.server.transport.CLOSE_TIMEOUT_S", 0.05)
    pair = await make_pair()
    await soon(pair.ours.close(CloseCode.NORMAL))
    assert (await pair.receive())[0] == Opcode.CLOSE


async def test_closing_what_is_stuck_drops_it(make_pair: MakePair) -> None:
    pair = await make_pair()
    while pair.ours.write_buffer_bytes <= HIGH_WATER_BYTES:
        pair.ours.write(make_frame(Opcode.BINARY, bytes(60_000), is_masking=pair.ours.is_masking))
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await pair.ours.close(CloseCode.NORMAL)


# Dialling


async def test_nobody_there_is_an_error_of_the_system() -> None:
    connector = Connector()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for url in (f"ws://127.0.0.1:{port}/", "ws://127.0.0.1:70000/", "nonsense"):
        with pytest.raises(OSError, match=r"."):
            await connector.connect(url)
    await connector.close()


async def test_who_does_not_speak_websocket_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.server.connector._CONNECT_TIMEOUT_S", 0.05)
    connector = Connector()
    waiting: list[asyncio.StreamWriter] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)

    for answer in (refuse, say_nothing):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        with pytest.raises(OSError, match=r"."):
            await connector.connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        server.close()
    for writer in waiting:
        writer.close()
    await connector.close()


# The fake


async def test_the_fake_keeps_what_is_stuck_until_it_is_taken() -> None:
    fake = MemoryTransport()
    fake.write(frame(Opcode.TEXT, b"taken"))
    await fake.drain()
    fake.is_stuck = True
    while fake.write_buffer_bytes <= HIGH_WATER_BYTES:
        fake.write(frame(Opcode.BINARY, bytes(60_000)))
    draining = asyncio.create_task(fake.drain())
    await asyncio.sleep(0)
    fake.take(1_000)
    await asyncio.sleep(0)
    assert not draining.done()
    fake.take()
    await soon(draining)
    assert fake.sent[0] == "taken"


async def test_the_fake_ends_like_the_real_one() -> None:
    for end in (MemoryTransport.abort, MemoryTransport.lose, MemoryTransport.close_by_peer):
        fake = MemoryTransport()
        end(fake)
        assert isinstance(await soon(fake.receive()), Closed)
        assert isinstance(await soon(fake.receive()), Closed)
    fake = MemoryTransport()
    await fake.close(CloseCode.GOING_AWAY, "bye")
    fake.write(b"lost")
    assert (fake.closed_with, fake.writes) == ((CloseCode.GOING_AWAY, "bye"), [])


def test_sockets_of_other_families_are_left_alone() -> None:
    one, other = socket.socketpair()
    with one, other:
        prepare_socket(one)


def test_aiohttp_still_lets_us_write_past_it() -> None:
    assert "transport" in web.BaseRequest.__dict__
    assert "writer" in web.BaseRequest.__dict__
