"""script/serve, as a person or a program uses it."""

from collections.abc import Iterator
import json
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.player import make_media

from .conftest import SERVE, StartServer
from .processes import ROOT, JsonProcess

NONE_LOST = {"late_frames": 0, "missing_frames": 0, "overlapping_frames": 0}


class Player(JsonProcess):
    """The software player."""

    def __init__(self, url: str, folder: Path, name: str) -> None:
        """Start it."""
        self._report = folder / f"{name}.report"
        command = [sys.executable, "-m", "tests.fakes.player", "--url", url, "--client-id", name]
        super().__init__([*command, "--report", self._report], folder, name)

    def report(self) -> dict[str, Any]:
        """Let it leave, and return what it witnessed."""
        assert self.stop() == 0
        report: dict[str, Any] = json.loads(self._report.read_text())
        return report


@pytest.fixture
def media(tmp_path: Path) -> tuple[Path, Path]:
    return make_media(tmp_path / "first.flac", 3, 44_100), make_media(tmp_path / "second.wav", 1.5, 48_000, seed=2)


@pytest.fixture
def players(tmp_path: Path) -> Iterator[list[Player]]:
    started: list[Player] = []
    yield started
    for player in started:
        player.stop()


def test_media_follow_each_other_without_a_gap_past_one_that_is_missing(
    tmp_path: Path, serve: StartServer, players: list[Player], media: tuple[Path, Path]
) -> None:
    missing = tmp_path / "missing.flac"
    server = serve(missing, media[0], missing, media[1], options=("--wait-clients", "2", "--stats"))
    players.append(Player(server.url, tmp_path, "one"))
    server.wait_for("client", client_id="one", state="connected")
    time.sleep(0.3)
    assert server.told("item") == []
    players.append(Player(server.url, tmp_path, "two"))
    server.wait_for("end")

    items = [(Path(told["media"]).name, told["state"]) for told in server.told("item")]
    assert sorted(items) == sorted(
        [("missing.flac", "failed")] * 2 + [(file.name, state) for file in media for state in ("started", "ended")]
    )
    assert [item for item in items if item[1] != "failed"] == [
        (file.name, state) for file in media for state in ("started", "ended")
    ]
    failed = server.told("item", state="failed")[0]
    assert (failed["error"], failed["message"]) == ("MediaOpenError", "'missing.flac' was not found")
    stats = server.told("stats")
    assert stats[-1]["cpu_s"] > 0
    assert stats[-1]["rss_bytes"] > 1 << 20
    assert 0 <= stats[-1]["loop_lag_ms"] < 1000
    assert stats[-1]["encodes"] >= 4.5 * 10
    assert max(told["buffered_bytes"].get("two", 0) for told in stats) > 10_000
    for player in players:
        report = player.report()
        assert {key: report[key] for key in NONE_LOST} == NONE_LOST
        assert report["frame_count"] == 4.5 * 48_000
        assert len(report["segments"]) == 1


def test_a_loop_has_no_seam(
    tmp_path: Path, serve: StartServer, players: list[Player], media: tuple[Path, Path]
) -> None:
    server = serve(media[1], options=("--loop",))
    players.append(Player(server.url, tmp_path, "one"))
    server.wait_for("item", state="started", count=3)
    report = players[0].report()
    assert {key: report[key] for key in NONE_LOST} == NONE_LOST
    assert len(report["segments"]) == 1
    assert server.told("end") == []


def test_a_loop_of_nothing_playable_gives_up(
    tmp_path: Path, serve: StartServer, players: list[Player], media: tuple[Path, Path]
) -> None:
    server = serve(tmp_path / "missing.flac", options=("--loop",))
    players.append(Player(server.url, tmp_path, "one"))
    server.wait_for("end")
    assert len(server.told("item", state="failed")) == 1
    server.do("play", media=[str(media[1])])
    server.wait_for("item", media=str(media[1]), state="started", count=2)


def test_every_command_is_answered(
    tmp_path: Path, serve: StartServer, players: list[Player], media: tuple[Path, Path]
) -> None:
    server = serve(media[0], media[0], options=("--policy", "responsive"))

    def refused(**command: object) -> str:
        since = len(server.events)
        server.send(**command)
        return str(server.wait_for("refused", since=since)["message"])

    assert refused(do="pause") == "nothing plays"
    assert refused(do="volume", volume=10) == "no volume"
    assert refused(do="mute", muted=True) == "no mute"
    assert refused(do="leave", client_id="nobody") == "no client nobody"
    assert refused(do="dance") == "no such thing to do: 'dance'"
    player = Player(server.url, tmp_path, "one")
    players.append(player)
    server.wait_for("item", state="started")
    server.do("volume", volume=30)
    server.do("mute", muted=True)
    server.do("pause")
    player.wait_for("ended")
    server.do("seek", position_ms=1000)
    server.do("resume")
    player.wait_for("stream", count=2)
    server.do("leave", client_id="one")
    player.wait_for("ended", count=2)
    assert refused(do="volume", volume=10) == "no volume"
    server.do("join", client_id="one")
    player.wait_for("stream", count=3)
    assert "was not found" in refused(do="play", media="missing.flac")
    server.do("play", media=str(media[1]))
    server.wait_for("item", media=str(media[1]), state="started")
    server.do("stop")
    player.wait_for("ended", count=3)
    report = player.report()
    assert (report["volume"], report["muted"]) == (30, True)


def test_who_was_sent_away_stays_away(
    tmp_path: Path, serve: StartServer, players: list[Player], media: tuple[Path, Path]
) -> None:
    server = serve(media[0], options=("--loop",))
    players.append(Player(server.url, tmp_path, "one"))
    players[0].wait_for("stream")
    server.do("leave", client_id="one")
    players[0].wait_for("ended")
    assert players[0].stop() == 0
    server.wait_for("client", client_id="one", state="lost", reason="shutdown")
    players.append(Player(server.url, tmp_path, "one"))
    players[1].wait_for("connected")
    players.append(Player(server.url, tmp_path, "two"))
    players[2].wait_for("stream")
    assert players[1].told("stream") == []
    server.do("join", client_id="one")
    players[1].wait_for("stream")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_person_reads_lines_and_ends_it_with_a_signal(
    tmp_path: Path, players: list[Player], media: tuple[Path, Path], number: signal.Signals
) -> None:
    command = [str(SERVE), str(media[0]), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening for players at ws://127.0.0.1:")
        players.append(Player(line.split()[-1], tmp_path, "one"))
        assert [process.stdout.readline().rstrip() for _ in range(2)] == ["one is here", f"Playing {media[0]}"]
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 1.5  # promised is a second; this machine may be busy
        assert process.communicate() == ("one is gone (server_stopped)\n", "")


def test_a_port_that_is_taken_is_told(serve: StartServer) -> None:
    port = urlsplit(serve(options=("tone:440",)).url).port
    done = subprocess.run(
        [SERVE, "tone:440", "--port", str(port)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("script/serve: cannot listen: ")


def test_nonsense_ends_with_status_2() -> None:
    done = subprocess.run([SERVE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert "script/serve: error: there is nothing to play" in done.stderr
