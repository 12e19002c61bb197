"""Streams that media threads read from Home Assistant's loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
import io

from aiohttp import web
from homeassistant.core import HomeAssistant
import pytest

from custom_components.resonate import byte_streams
from custom_components.resonate.byte_streams import READ_AHEAD_BYTES, StreamOpener
from custom_components.resonate.core.errors import MediaDecodeError, MediaOpenError
from custom_components.resonate.core.media.byte_input import RadioStream, SeekableByteStream
from custom_components.resonate.core.media.icy import Station
from custom_components.resonate.core.media.request import ByteStream

BODY = bytes(range(256)) * 4096


class Source:
    """A web server with one file; says what it was asked for, and can be told to misbehave."""

    def __init__(self) -> None:
        self.ranges: list[str | None] = []
        self.gives_ranges = True
        self.first_piece = len(BODY)
        self.is_broken = False
        self.address = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        begin = 0 if asked is None else int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"Accept-Ranges": "bytes"} if self.gives_ranges else {}
        response = web.StreamResponse(status=206 if begin and self.gives_ranges else 200, headers=headers)
        response.content_length = len(BODY) - begin
        await response.prepare(request)
        await response.write(BODY[begin : begin + self.first_piece])
        if self.is_broken:
            assert request.transport is not None
            request.transport.close()
        elif self.first_piece < len(BODY) - begin:
            await asyncio.sleep(10)
        return response


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    application = web.Application()
    application.router.add_get("/song", source.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source.address = f"http://127.0.0.1:{runner.addresses[0][1]}/song"
    yield source
    await runner.cleanup()


@pytest.fixture
async def opener(hass: HomeAssistant) -> AsyncIterator[StreamOpener]:
    opener = StreamOpener(hass)
    yield opener
    opener.close()
    await asyncio.sleep(0)


type Run = Callable[..., Awaitable[object]]


@pytest.fixture
def in_thread(hass: HomeAssistant) -> Run:
    async def run(call: Callable[..., object], *args: object) -> object:
        result: object = await hass.async_add_executor_job(call, *args)
        return result

    return run


def read_all(stream: ByteStream, byte_count: int = 10_000) -> bytes:
    pieces = []
    while piece := stream.read(byte_count):
        assert len(piece) <= byte_count
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_stream_without_ranges(in_thread: Run, opener: StreamOpener, source: Source) -> None:
    source.gives_ranges = False

    def use() -> None:
        stream = opener.open_url(source.address)
        assert not isinstance(stream, SeekableByteStream)
        assert read_all(stream) == BODY
        assert stream.read(1) == b""
        stream.close()
        stream.close()

    await in_thread(use)


async def test_a_stream_with_ranges(in_thread: Run, opener: StreamOpener, source: Source) -> None:
    def use() -> None:
        stream = opener.open_url(source.address)
        assert isinstance(stream, SeekableByteStream)
        assert stream.read(100) == BODY[:100]
        assert stream.seek(0, io.SEEK_CUR) == stream.tell() == 100
        assert stream.seek(-256, io.SEEK_END) == len(BODY) - 256
        assert read_all(stream) == BODY[-256:]
        assert stream.seek(10) == 10
        assert stream.read(20) == BODY[10:30]
        assert stream.seek(500_001) == 500_001
        assert read_all(stream) == BODY[500_001:]
        for offset, whence in ((-1, io.SEEK_SET), (0, 0x10000)):
            with pytest.raises(ValueError):
                stream.seek(offset, whence)
        stream.close()
        assert stream.seek(0) == 0
        assert stream.read(1) == b""

    await in_thread(use)
    assert source.ranges == [None, f"bytes={len(BODY) - 256}-", "bytes=500001-"]


async def test_the_start_is_kept_so_that_going_back_asks_nobody(
    in_thread: Run, opener: StreamOpener, source: Source
) -> None:
    def use() -> None:
        stream = opener.open_url(source.address)
        assert isinstance(stream, SeekableByteStream)
        stream.read(5_000)
        for position in (0, 44, 4_999):
            stream.seek(position)
            assert stream.read(1) == BODY[position : position + 1]
        stream.seek(0)
        assert read_all(stream) == BODY
        stream.close()

    await in_thread(use)
    assert source.ranges == [None]


async def test_a_break_is_mended_once_at_each_place(in_thread: Run, opener: StreamOpener, source: Source) -> None:
    source.first_piece = 300_000
    source.is_broken = True

    def use() -> None:
        stream = opener.open_url(source.address)
        assert read_all(stream) == BODY
        stream.close()

    await in_thread(use)
    assert len(source.ranges) >= 4
    source.first_piece = 0

    def fail() -> None:
        stream = opener.open_url(source.address)
        with pytest.raises(MediaDecodeError):
            stream.read(1)
        stream.close()

    await in_thread(fail)


async def test_a_server_that_forgets_ranges(in_thread: Run, opener: StreamOpener, source: Source) -> None:
    def use() -> None:
        stream = opener.open_url(source.address)
        assert isinstance(stream, SeekableByteStream)
        source.gives_ranges = False
        stream.seek(400_000)
        with pytest.raises(MediaOpenError):
            stream.read(1)
        stream.close()

    await in_thread(use)


async def test_a_stall_is_an_error(
    in_thread: Run, opener: StreamOpener, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_streams, "READ_TIMEOUT_S", 0.1)
    source.first_piece = 1000

    def use() -> None:
        stream = opener.open_url(source.address)
        assert stream.read(2000) == BODY[:1000]
        source.first_piece = 0
        with pytest.raises(MediaDecodeError, match="sent nothing"):
            stream.read(2000)
        stream.close()

    await in_thread(use)


async def test_a_reader_that_is_slow_holds_up_the_fetching(in_thread: Run, opener: StreamOpener) -> None:
    given = 0

    async def pieces() -> AsyncGenerator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 100_000
            yield bytes(100_000)
            yield b""
            await asyncio.sleep(0)

    stream = opener.open_speech(pieces)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert READ_AHEAD_BYTES <= given <= READ_AHEAD_BYTES + 200_000
    assert await in_thread(lambda: len(read_all(stream))) == 10_000_000
    stream.close()


async def test_closing_ends_a_read_that_waits(hass: HomeAssistant, opener: StreamOpener) -> None:
    is_asked, is_let_go = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            is_asked.set()
            await asyncio.Event().wait()
            yield b""
        finally:
            is_let_go.set()

    stream = opener.open_speech(pieces)
    reading = hass.async_add_executor_job(stream.read, 1)
    await is_asked.wait()
    stream.close()
    assert await reading == b""
    await is_let_go.wait()


async def test_the_end_of_everything_ends_reading_and_opening(
    hass: HomeAssistant, opener: StreamOpener, source: Source
) -> None:
    is_asked, is_let_go = asyncio.Event(), asyncio.Event()

    async def never() -> AsyncGenerator[bytes]:
        try:
            is_asked.set()
            await asyncio.Event().wait()
            yield b""
        finally:
            is_let_go.set()

    stream = opener.open_speech(never)
    reading = hass.async_add_executor_job(stream.read, 1)
    opening = hass.async_add_executor_job(opener._wait, asyncio.sleep(10), "something")
    await is_asked.wait()
    await asyncio.sleep(0.05)
    opener.close()
    with pytest.raises(MediaDecodeError):
        await reading
    with pytest.raises(MediaOpenError):
        await opening
    await is_let_go.wait()
    with pytest.raises(MediaOpenError):
        await hass.async_add_executor_job(opener.open_url, source.address)
    stream.close()


@pytest.mark.parametrize(
    ("headers", "station"),
    [
        ({"icy-metaint": "8192", "icy-name": "Radio"}, Station(8_192, "Radio")),
        ({"icy-name": "Radio"}, Station(None, "Radio")),
        ({"icy-name": "Radio", "Accept-Ranges": "bytes", "Content-Length": "100"}, None),
        ({}, None),
    ],
)
async def test_a_radio_says_that_it_is_one(
    in_thread: Run, opener: StreamOpener, headers: dict[str, str], station: Station | None
) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.0 200 OK\r\n{head}\r\n".encode() + bytes(100))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    def use() -> None:
        stream = opener.open_url(address)
        assert (stream.station if isinstance(stream, RadioStream) else None) == station
        assert read_all(stream) == bytes(100)
        stream.close()

    await in_thread(use)
    assert b"icy-metadata: 1" in asked[0].lower()
    server.close()


async def test_a_radio_that_answers_in_old_words_is_asked_without_tags(in_thread: Run, opener: StreamOpener) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_asked_for_tags = b"icy-metadata" in (await reader.readuntil(b"\r\n\r\n")).lower()
        writer.write(b"ICY 200 OK\r\n\r\n" if is_asked_for_tags else b"HTTP/1.0 200 OK\r\n\r\naudio")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    assert await in_thread(lambda: read_all(opener.open_url(address))) == b"audio"
    server.close()


async def test_an_address_that_is_none(in_thread: Run, opener: StreamOpener) -> None:
    with pytest.raises(MediaOpenError, match="cannot be reached"):
        await in_thread(opener.open_url, "http://127.0.0.1:1/")
