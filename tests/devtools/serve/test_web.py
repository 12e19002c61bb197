"""Media of web servers, as script/serve reads them."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import io
from threading import Thread
from typing import Any

import pytest

from core.errors import MediaDecodeError, MediaOpenError
from core.media.byte_input import RadioStream, SeekableByteStream
from core.media.icy import Station
from core.media.request import ByteStream
from devtools.serve import web
from devtools.serve.web import open_url

BODY = bytes(range(256)) * 100


class Server(BaseHTTPRequestHandler):
    """Gives BODY in many ways."""

    def do_GET(self) -> None:
        getattr(self, f"_{self.path[1:]}")()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def _begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _plain(self) -> None:
        self._begin(200)
        self.wfile.write(BODY)

    def _file(self) -> None:
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self._begin(206 if begin else 200, Accept_Ranges="bytes", Content_Length=len(BODY) - begin)
        self.wfile.write(BODY[begin:])

    def _stubborn(self) -> None:
        self._begin(200, Accept_Ranges="bytes", Content_Length=len(BODY))
        self.wfile.write(BODY)

    def _short(self) -> None:
        self._begin(200, Content_Length=len(BODY))
        self.wfile.write(BODY[:100])

    def _radio(self) -> None:
        assert self.headers["Icy-MetaData"] == "1"
        self._begin(200, icy_metaint=100, icy_name="Radio")
        self.wfile.write(BODY)

    def _moved(self) -> None:
        self._begin(302, Location="/file")

    def _circle(self) -> None:
        self._begin(302, Location="/circle")

    def _away(self) -> None:
        self._begin(302, Location="ftp://127.0.0.1/file")

    def _missing(self) -> None:
        self._begin(404)

    def _silent(self) -> None:
        self.rfile.read()

    def _stalling(self) -> None:
        self._begin(200)
        self.wfile.write(b"abc")
        self.rfile.read()


@pytest.fixture
def at(socket_enabled: None) -> Iterator[Callable[[str], str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield lambda path: f"http://127.0.0.1:{server.server_port}/{path}"
    server.shutdown()
    server.server_close()
    thread.join()


def read_all(stream: ByteStream) -> bytes:
    data = b""
    while piece := stream.read(1_000):
        assert len(piece) <= 1_000
        data += piece
    return data


def test_what_has_no_length_is_read_once(at: Callable[[str], str]) -> None:
    stream = open_url(at("plain"))
    assert not isinstance(stream, SeekableByteStream | RadioStream)
    assert read_all(stream) == BODY
    stream.close()
    stream.close()


@pytest.mark.parametrize("path", ["file", "moved"])
def test_a_file_can_be_sought(at: Callable[[str], str], path: str) -> None:
    stream = open_url(at(path))
    assert isinstance(stream, SeekableByteStream)
    assert stream.read(10) == BODY[:10]
    assert stream.seek(-256, io.SEEK_END) == stream.tell() == len(BODY) - 256
    assert read_all(stream) == BODY[-256:]
    assert stream.seek(10) + stream.seek(5, io.SEEK_CUR) == 25
    assert read_all(stream) == BODY[15:]
    for offset, whence in ((-1, io.SEEK_SET), (0, 99)):
        with pytest.raises(ValueError):
            stream.seek(offset, whence)
    stream.close()


def test_a_radio_says_what_it_is(at: Callable[[str], str]) -> None:
    stream = open_url(at("radio"))
    assert isinstance(stream, RadioStream)
    assert stream.station == Station(100, "Radio")
    assert read_all(stream) == BODY
    stream.close()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "answered 404"),
        ("circle", "answered 302"),
        ("away", "leads elsewhere"),
        ("silent", "did not answer in time"),
    ],
)
def test_what_cannot_be_opened(
    at: Callable[[str], str], path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_TIMEOUT_S", 0.2)
    with pytest.raises(MediaOpenError, match=message):
        open_url(at(path))


def test_nobody_is_there(socket_enabled: None) -> None:
    with pytest.raises(MediaOpenError, match="cannot be reached"):
        open_url("http://127.0.0.1:1/")


def test_a_server_that_stalls_or_will_not_go_elsewhere(
    at: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_TIMEOUT_S", 0.2)
    stream = open_url(at("stalling"))
    assert stream.read(10) == b"abc"
    with pytest.raises(MediaDecodeError, match="sent nothing"):
        stream.read(10)
    stream.close()
    stubborn = open_url(at("stubborn"))
    assert isinstance(stubborn, SeekableByteStream)
    stubborn.seek(5)
    with pytest.raises(MediaDecodeError, match="does not go there"):
        stubborn.read(10)
    stubborn.close()


def test_closing_ends_a_read_that_waits(at: Callable[[str], str]) -> None:
    stream = open_url(at("stalling"))
    stream.read(3)
    ended: list[object] = []

    def read() -> None:
        try:
            ended.append(stream.read(3))
        except MediaDecodeError as err:
            ended.append(err)

    thread = Thread(target=read)
    thread.start()
    stream.close()
    thread.join(5)
    assert ended
