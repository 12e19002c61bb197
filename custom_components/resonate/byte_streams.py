"""What comes over Home Assistant's loop, as blocking streams for the core's media threads."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from functools import partial
import io
from threading import Condition
from typing import Any, Final, NamedTuple

from aiohttp import ClientError, ClientResponse, ClientResponseError, ClientTimeout, hdrs
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from yarl import URL

from .core.errors import MediaDecodeError, MediaError, MediaOpenError
from .core.media.icy import REQUEST_HEADERS, Station, read_station
from .core.media.request import ByteStream

OPEN_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 10.0
SPEECH_TIMEOUT_S: Final = 30.0  # a language model may think that long before the first word
READ_AHEAD_BYTES: Final = 1 << 20
HEAD_BYTES: Final = 1 << 17
_PIECE_BYTES: Final = 1 << 16

type Pieces = Callable[[], AsyncGenerator[bytes]]
"""Begins to fetch, on Home Assistant's loop."""


class StreamOpener:
    """Opens streams for media threads, and lets all of them go at the end."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Nothing is open yet."""
        self._hass = hass
        self._session = async_get_clientsession(hass)
        self._running: set[Future[Any]] = set()
        self._is_closed = False

    def open_url(self, url: str) -> ByteStream:
        """Fetch `url` with Home Assistant's session; seekable where its server gives ranges. Media threads only.

        Raises MediaOpenError; returns when the answer has begun.
        """
        what = URL(url).host or "the server"
        answer = self._wait(self._async_request(url, what, 0), what)
        if answer.station is not None:
            return RadioUrlStream(self, answer.response, what, answer.station)
        if answer.length is None:
            return UrlStream(self, answer.response, what)
        return RangedStream(self, url, answer.response, what, answer.length)

    async def async_fetch(self, url: str, max_bytes: int, is_wanted: Callable[[str], bool]) -> Fetched | None:
        """Return what is at `url`, at most one byte more than `max_bytes`; None when its type is not wanted.

        Home Assistant's loop. Raises MediaOpenError.
        """
        what = URL(url).host or "the server"
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                response = (await self._async_request(url, what, 0)).response
                if not is_wanted(response.content_type):
                    response.close()
                    return None
                async with aclosing(_pieces_of(response)) as pieces:
                    data = bytearray()
                    async for piece in pieces:
                        data += piece
                        if len(data) > max_bytes:
                            break
        except TimeoutError as error:
            raise MediaOpenError(f"{what} did not answer in time") from error
        except (ClientError, OSError) as error:
            raise MediaOpenError(f"{what} broke off: {error}") from error
        return Fetched(bytes(data[: max_bytes + 1]), response.url)

    def open_speech(self, pieces: Pieces) -> ByteStream:
        """Give out speech while it is being synthesised. Media threads only; waits for nothing."""
        return PumpedStream(self, pieces, "the speech engine", SPEECH_TIMEOUT_S)

    @callback
    def close(self) -> None:
        """Let everything go: whoever waits goes on with an error. Home Assistant's loop."""
        self._is_closed = True
        for running in list(self._running):
            running.cancel()

    def start[T](self, work: Coroutine[object, object, T]) -> Future[T]:
        """Have `work` done on Home Assistant's loop. Any thread; raises MediaOpenError when all is over."""
        if self._is_closed:
            work.close()
            raise MediaOpenError("the server has stopped")
        future = asyncio.run_coroutine_threadsafe(work, self._hass.loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def call(self, call: Callable[[], object]) -> None:
        """Have `call` made on Home Assistant's loop. Any thread."""
        self._hass.loop.call_soon_threadsafe(call)

    def reopen(self, url: str, what: str, offset: int) -> Pieces:
        """Return what fetches `url` from `offset` on."""

        async def pieces() -> AsyncGenerator[bytes]:
            answer = await self._async_request(url, what, offset)
            async with aclosing(_pieces_of(answer.response)) as rest:
                async for piece in rest:
                    yield piece

        return pieces

    def _wait[T](self, work: Coroutine[object, object, T], what: str) -> T:
        future = self.start(work)
        try:
            return future.result(OPEN_TIMEOUT_S)
        except TimeoutError as error:
            future.cancel()
            raise MediaOpenError(f"{what} did not answer in time") from error
        except CancelledError as error:
            raise MediaOpenError("the server has stopped") from error

    async def _async_request(self, url: str, what: str, offset: int) -> _Answer:
        plain: dict[str, str] = {hdrs.ACCEPT_ENCODING: "identity"}
        headers = plain | ({hdrs.RANGE: f"bytes={offset}-"} if offset else REQUEST_HEADERS)
        timeout = ClientTimeout(total=None, sock_connect=OPEN_TIMEOUT_S, sock_read=READ_TIMEOUT_S)
        get = partial(self._session.get, url, timeout=timeout)
        try:
            try:
                response = await get(headers=headers)
            except ClientResponseError:  # some answer in old words, "ICY 200 OK", but only who asks for tags
                if offset:
                    raise
                response = await get(headers=plain)
        except TimeoutError as error:
            raise MediaOpenError(f"{what} did not answer in time") from error
        except (ClientError, OSError, ValueError) as error:
            raise MediaOpenError(f"{what} cannot be reached") from error
        if response.status >= 400 or (offset and response.status != 206):
            response.close()
            raise MediaOpenError(f"{what} answered {response.status} {response.reason}")
        is_ranged = response.headers.get(hdrs.ACCEPT_RANGES) == "bytes" and response.content_length
        length = response.content_length if is_ranged else None
        return _Answer(response, length, None if offset else _station_of(response, length))


class Fetched(NamedTuple):
    """A whole answer, not a stream."""

    data: bytes
    url: URL
    """Where it came from in the end."""


class _Answer(NamedTuple):
    response: ClientResponse
    length: int | None
    """Of the whole, when any part of it can be asked for."""
    station: Station | None
    """What radio it is, when it is one."""


class PumpedStream:
    """Bytes fetched on Home Assistant's loop and read by one media thread, with a bounded read-ahead."""

    def __init__(self, opener: StreamOpener, pieces: Pieces, what: str, timeout_s: float) -> None:
        """Begin to fetch."""
        self._what = what
        self._timeout_s = timeout_s
        self._opener = opener
        self._pump = _Pump(opener, pieces, what)

    def read(self, byte_count: int, /) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end. Raises MediaError."""
        return self._pump.take(byte_count, self._timeout_s)

    def close(self) -> None:
        """Stop fetching; a `read` that waits returns. Any thread, more than once."""
        self._pump.stop()


class UrlStream(PumpedStream):
    """The answer of a server, from its beginning to its end."""

    def __init__(self, opener: StreamOpener, response: ClientResponse, what: str) -> None:
        """Begin to read."""
        super().__init__(opener, lambda: _pieces_of(response), what, READ_TIMEOUT_S)
        self._response = response

    def close(self) -> None:
        """Let the connection go; a `read` that waits returns. Any thread, more than once."""
        super().close()
        self._opener.call(self._response.close)


class RadioUrlStream(UrlStream):
    """The answer of a radio, its tags still between the audio."""

    def __init__(self, opener: StreamOpener, response: ClientResponse, what: str, station: Station) -> None:
        """Begin to read."""
        super().__init__(opener, response, what)
        self.station = station


class RangedStream(UrlStream):
    """What can be asked for in parts: it can be sought, and goes on where a connection broke."""

    def __init__(self, opener: StreamOpener, url: str, response: ClientResponse, what: str, length: int) -> None:
        """Begin with `response`, the answer for the whole of `url`."""
        super().__init__(opener, response, what)
        self._url = url
        self._length = length
        self._position = 0
        self._fetched_to = 0
        """Where the pump's next byte belongs."""
        self._head = bytearray()
        """The first bytes, for FFmpeg goes back to them while it finds out what it has."""
        self._broken_at: int | None = None
        self._is_closed = False

    def read(self, byte_count: int, /) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end. Raises MediaError."""
        if self._position >= self._length or self._is_closed:
            return b""
        if self._position < len(self._head):
            data = bytes(self._head[self._position : self._position + byte_count])
            self._position += len(data)
            return data
        if self._position != self._fetched_to:
            self._ask_again()
        try:
            data = super().read(byte_count)
        except MediaDecodeError:
            # Servers let go of connections that stand still, as they do while the music is paused.
            if self._broken_at == self._position or self._is_closed:
                raise
            self._broken_at = self._position
            self._ask_again()
            data = super().read(byte_count)
        if self._position == len(self._head) < HEAD_BYTES:
            self._head += data
        self._position += len(data)
        self._fetched_to = self._position
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to `offset` from the start, here or the end; the next `read` asks for it. Returns the new position."""
        match whence:
            case io.SEEK_SET:
                position = offset
            case io.SEEK_CUR:
                position = self._position + offset
            case io.SEEK_END:
                position = self._length + offset
            case _:
                raise ValueError("no such way to seek")
        if position < 0:
            raise ValueError("nothing lies before the start")
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def close(self) -> None:
        """Let the connection go; a `read` that waits returns. Any thread, more than once."""
        self._is_closed = True
        super().close()

    def _ask_again(self) -> None:
        self._pump.stop()
        self._fetched_to = self._position
        self._pump = _Pump(self._opener, self._opener.reopen(self._url, self._what, self._position), self._what)
        if self._is_closed:  # meanwhile, by another thread
            self._pump.stop()


class _Pump:
    """A task on Home Assistant's loop that fetches, and the bounded store it fetches into."""

    def __init__(self, opener: StreamOpener, pieces: Pieces, what: str) -> None:
        self._opener = opener
        self._what = what
        self._pieces: deque[bytes] = deque()
        self._held_bytes = 0
        self._is_done = False
        self._failure: MediaError | None = None
        self._change = Condition()
        self._room = asyncio.Event()
        self._task = opener.start(self._async_run(pieces))

    def take(self, byte_count: int, timeout_s: float) -> bytes:
        with self._change:
            if not self._change.wait_for(lambda: self._pieces or self._is_done, timeout_s):
                raise MediaDecodeError(f"{self._what} sent nothing for {timeout_s:.0f} s")
            if not self._pieces:
                if self._failure is not None:
                    raise self._failure
                return b""
            piece = self._pieces.popleft()
            if len(piece) > byte_count:
                self._pieces.appendleft(piece[byte_count:])
                piece = piece[:byte_count]
            was_full = self._held_bytes >= READ_AHEAD_BYTES
            self._held_bytes -= len(piece)
            has_room = self._held_bytes < READ_AHEAD_BYTES
        if was_full and has_room:
            self._opener.call(self._room.set)
        return piece

    def stop(self) -> None:
        self._task.cancel()
        self._end(None)

    async def _async_run(self, pieces: Pieces) -> None:
        failure: MediaError | None = MediaDecodeError("the server has stopped")
        try:
            async with aclosing(pieces()) as fetched:
                async for piece in fetched:
                    await self._async_put(piece)
            failure = None
        except MediaError as error:
            failure = error
        except TimeoutError:
            failure = MediaDecodeError(f"{self._what} sent nothing for too long")
        except (ClientError, OSError, HomeAssistantError) as error:
            failure = MediaDecodeError(f"{self._what} broke off: {error}")
        finally:
            self._end(failure)

    async def _async_put(self, piece: bytes) -> None:
        if not piece:
            return
        self._room.clear()
        with self._change:
            self._pieces.append(piece)
            self._held_bytes += len(piece)
            is_full = self._held_bytes >= READ_AHEAD_BYTES
            self._change.notify_all()
        if is_full:
            await self._room.wait()

    def _end(self, failure: MediaError | None) -> None:
        with self._change:
            if not self._is_done:
                self._is_done = True
                self._failure = failure
            self._change.notify_all()


async def _pieces_of(response: ClientResponse) -> AsyncGenerator[bytes]:
    try:
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            yield piece
    finally:
        response.close()


def _station_of(response: ClientResponse, length: int | None) -> Station | None:
    """Return what radio it is; a file has a length, and may come from a server that calls itself a radio."""
    station = read_station(response.headers)
    return None if station is None or (length is not None and station.tag_interval is None) else station
