"""Servers that are never silent and yet give nothing, on loopback: no open, no read and no thread waits for ever."""

from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import socket
import struct
import threading
import time

import pytest

from core.errors import MediaDecodeError, MediaError, MediaOpenError
from core.media.decoded_source import DecodedSource
from core.media.frame_reader import Timeouts
from core.media.request import MediaLocation, MediaRequest
from core.server.clock import MonotonicClock
from core.server.readings import Access
from core.server.runner import PoolRunner
from devtools.serve import web
from tests.fakes.media import encode, tones

LIMIT_S = 1.0
SLACK_S = 1.5
"""For a machine that has other things to do."""
AUDIO = encode(tones(4 * 48_000), "libmp3lame", "mp3", container_options={"write_xing": "0", "id3v2_version": "0"})


class _Connection(BaseHTTPRequestHandler):
    """Gives as much audio as its path says, and then a byte now and then, or a reset."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Servers)
        _, way, byte_count = self.path.split("/")
        if way == "silent":
            server.is_over.wait()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(AUDIO[: int(byte_count)])
        if way == "resets":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        for byte in AUDIO[int(byte_count) :]:
            if server.is_over.wait(0.1):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Servers(ThreadingHTTPServer):
    """Serves until it is over."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.is_over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing: connections are meant to break."""


@pytest.fixture
def servers(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    monkeypatch.setattr(web, "_TIMEOUT_S", LIMIT_S)
    with Servers() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()


def by_us(url: str) -> MediaLocation:
    return partial(web.open_url, url)


def by_ffmpeg(url: str) -> MediaLocation:
    return url


async def play(location: MediaLocation) -> tuple[float, MediaError]:
    """Read all of a medium; return how long the call took that failed, and why it did. All threads are free then."""
    clock, pool = MonotonicClock(), PoolRunner(1, "media")
    source = DecodedSource(MediaRequest(location=location), timeouts=Timeouts(LIMIT_S, LIMIT_S))
    access = Access(source, patience_us=round(LIMIT_S * 1_000_000))
    begun_at = time.monotonic()
    try:
        await access.open(pool, clock)
        reading = access.for_reading(pool, clock)
        await access.go_to(reading, 48_000, 0)
        while True:
            begun_at = time.monotonic()
            assert await reading.run(source.read, 4_800) is not None
    except MediaError as error:
        return time.monotonic() - begun_at, error
    finally:
        await access.close(pool)
        assert pool.close(SLACK_S)


@pytest.mark.parametrize("locate", [by_us, by_ffmpeg])
@pytest.mark.parametrize("path", ["silent/0", "trickles/0", "trickles/300"])
async def test_what_gives_no_audio_is_not_opened(
    servers: Servers, path: str, locate: Callable[[str], MediaLocation]
) -> None:
    took_s, error = await play(locate(f"http://127.0.0.1:{servers.server_port}/{path}"))
    assert isinstance(error, MediaError)
    assert LIMIT_S * 0.9 < took_s < LIMIT_S + SLACK_S


@pytest.mark.parametrize("locate", [by_us, by_ffmpeg])
async def test_what_gives_no_more_audio_breaks_off(servers: Servers, locate: Callable[[str], MediaLocation]) -> None:
    took_s, error = await play(locate(f"http://127.0.0.1:{servers.server_port}/trickles/30000"))
    assert isinstance(error, MediaDecodeError)
    assert took_s < LIMIT_S + SLACK_S


async def test_it_says_that_no_audio_came(servers: Servers) -> None:
    _, error = await play(by_us(f"http://127.0.0.1:{servers.server_port}/trickles/0"))
    assert isinstance(error, MediaOpenError)
    assert str(error) == "no audio came for 1 s"


@pytest.mark.parametrize("locate", [by_us, by_ffmpeg])
async def test_a_reset_waits_for_nothing(servers: Servers, locate: Callable[[str], MediaLocation]) -> None:
    took_s, error = await play(locate(f"http://127.0.0.1:{servers.server_port}/resets/30000"))
    assert isinstance(error, MediaDecodeError)
    assert took_s < LIMIT_S
