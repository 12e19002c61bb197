"""A radio station on loopback that dies and comes back, through script/serve, into the software player."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import io
from pathlib import Path
import threading
import wave

import numpy as np
import pytest

from .conftest import Server, StartServer
from .test_serve import NONE_LOST, Player

TAG_INTERVAL = 8_192
AWAY = range(1, 3)
"""The connections that are refused: those after 1 s and 3 s; the one after 7 s is taken again."""


class _Connection(BaseHTTPRequestHandler):
    """Four seconds of a constant with the title of the connection, or a refusal."""

    def do_GET(self) -> None:
        station = self.server
        assert isinstance(station, Station)
        number, station.call_count = station.call_count, station.call_count + 1
        if number in AWAY:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("icy-name", "Loopback")
        self.send_header("icy-metaint", str(TAG_INTERVAL))
        self.end_headers()
        tag = f"StreamTitle='Song {number}';".encode()
        block = bytes([-(-len(tag) // 16)]) + tag.ljust(-(-len(tag) // 16) * 16, b"\0")
        audio = _four_seconds()
        for at in range(0, len(audio), TAG_INTERVAL):
            piece = audio[at : at + TAG_INTERVAL]
            self.wfile.write(piece + (block if len(piece) == TAG_INTERVAL else b""))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Station(ThreadingHTTPServer):
    """Serves connections, and counts them."""

    call_count = 0


def _four_seconds() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(48_000)
        writer.writeframes(np.full((4 * 48_000, 2), 8_000, "<i2").tobytes())
    return target.getvalue()


@pytest.fixture
def station(socket_enabled: None) -> Iterator[Station]:
    with Station(("127.0.0.1", 0), _Connection) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(serve: StartServer) -> Server:
    return serve()


@pytest.fixture
def player(server: Server, tmp_path: Path) -> Iterator[Player]:
    started = Player(server.url, tmp_path, "one")
    yield started
    started.stop()


def test_a_radio_that_dies_comes_back_with_one_silence_and_the_stream_goes_on(
    server: Server, player: Player, station: Station
) -> None:
    server.wait_for("client", client_id="one", state="connected")
    server.do("play", media=[f"http://127.0.0.1:{station.server_port}/radio"])
    server.wait_for("metadata", title="Song 0")
    server.wait_for("metadata", title="Song 3", timeout=20)
    (underrun,) = server.told("underrun")
    assert 2_000 < underrun["length_ms"] < 5_000
    assert [told["state"] for told in server.told("item")] == ["started"]
    assert server.told("end") == []
    report = player.report()
    assert {key: report[key] for key in NONE_LOST} == NONE_LOST
    assert len(report["segments"]) == 1
