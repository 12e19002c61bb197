"""The commands that run a real Home Assistant: script/demo and script/develop, as a person types them."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import signal
import subprocess
import time
from typing import Any
import wave

import pytest

from tests.fakes.player import make_media

from .processes import ROOT

SECONDS = 6
START_TIMEOUT_S = 60

pytestmark = pytest.mark.timeout(240)


class Command:
    """A running command of script/."""

    def __init__(self, *words: str | Path, output: Path) -> None:
        self._output = output
        with output.open("w") as file:
            self._process = subprocess.Popen(
                [ROOT / "script" / words[0], *words[1:]], cwd=output.parent, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def text(self) -> str:
        return self._output.read_text()

    def wait(self, timeout: float) -> int:
        return self._process.wait(timeout)

    def wait_for(self, words: str) -> None:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while words not in self.text:
            assert self._process.poll() is None, self.text
            assert time.monotonic() < give_up_at, self.text
            time.sleep(0.1)

    def signal(self, number: signal.Signals, timeout: float = 15) -> int:
        self._process.send_signal(number)
        return self.wait(timeout)

    def end(self) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    started: list[Command] = []
    yield started
    for command in started:
        command.end()


def processes_of(text: str) -> list[str]:
    """Return the command lines of running processes that name `text`, an address or a folder."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has just ended
    return [line for line in lines if text in line]


def players_url(text: str) -> str:
    found = re.search(r"listens on port (\d+)", text)
    assert found is not None
    return f"ws://127.0.0.1:{found[1]}/"


def test_two_demos_at_once_each_prove_that_two_players_are_in_step(tmp_path: Path, commands: list[Command]) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        words = ("demo", "--json", "--seconds", str(SECONDS), "--wav", "heard")
        commands.append(Command(*words, output=folder / "output"))
    for folder, command in zip(folders, commands, strict=True):
        assert command.wait(120) == 0, command.text
        *lines, last = command.text.splitlines()
        result: dict[str, Any] = json.loads(last)
        assert "OK" in lines
        assert result["ok"] is True
        assert result["seconds"] == pytest.approx(SECONDS, abs=1)
        assert result["home_assistant"].startswith("2026.11.")
        assert result["entities"] == {"media_player.kitchen": "playing", "media_player.living_room": "playing"}
        assert len({player["client_id"] for player in result["players"]}) == 2
        assert [(player["codec"], player["sample_rate"]) for player in result["players"]] == [
            ("flac", 48_000),
            ("pcm", 44_100),
        ]
        for player in result["players"]:
            assert (player["late_frames"], player["missing_frames"], player["overlapping_frames"]) == (0, 0, 0)
            assert player["bytes"] > SECONDS * 40_000
            with wave.open(str(folder / "heard" / f"{player['client_id']}.wav")) as heard:
                assert heard.getframerate() == player["sample_rate"]
                assert heard.getnframes() > SECONDS * heard.getframerate()
        assert 0 <= result["skew_us"]["p50"] <= 100
        assert result["skew_us"]["p50"] <= result["skew_us"]["max"] <= 500
        assert processes_of(players_url(command.text)) == []


def test_a_demo_that_is_interrupted_leaves_nothing(tmp_path: Path, commands: list[Command]) -> None:
    commands.append(Command("demo", output=tmp_path / "output"))
    commands[0].wait_for("Playing demo.flac")
    players = processes_of(players_url(commands[0].text))
    assert len(players) == 2
    folder = re.search(r"--report (\S+)/", players[0])
    assert folder is not None
    assert len(processes_of(folder[1])) == 3  # and Home Assistant
    assert commands[0].signal(signal.SIGINT) == 130
    assert processes_of(folder[1]) == []


def test_a_demo_that_fails_says_so(tmp_path: Path, commands: list[Command]) -> None:
    (tmp_path / "file").touch()
    commands.append(Command("demo", "--json", "--wav", "file", output=tmp_path / "output"))
    assert commands[0].wait(60) == 1
    last = json.loads(commands[0].text.splitlines()[-1])
    assert last["ok"] is False
    assert "exists" in last["error"]


@pytest.mark.parametrize("words", [["--seconds", "2"], ["--seconds", "soon"], ["--loud"]])
def test_nonsense_ends_with_status_2(words: list[str], tmp_path: Path, commands: list[Command]) -> None:
    commands.append(Command("demo", *words, output=tmp_path / "output"))
    assert commands[0].wait(30) == 2
    assert "script/demo: error:" in commands[0].text


def test_a_house_is_left_running_keeps_its_folder_and_ends_with_ctrl_c(tmp_path: Path, commands: list[Command]) -> None:
    folder = tmp_path / "house"
    (folder / "media").mkdir(parents=True)
    for title in ("Morning", "Afternoon", "Evening"):  # short ones, in place of minutes of music
        make_media(folder / "media" / f"{title}.flac", 1)
    for attempt in ("first", "again"):
        command = Command("develop", "--folder", folder, "--port", "0", output=tmp_path / attempt)
        commands.append(command)
        command.wait_for("Ctrl-C ends it")
        assert "media_player.kitchen, media_player.living_room" in command.text
        assert "user dev, password dev-password" in command.text
        other = Command("develop", "--folder", folder, output=tmp_path / "other")
        commands.append(other)
        assert other.wait(30) == 1
        assert f"another process uses {folder}" in other.text
        assert command.signal(signal.SIGINT) == 0
        assert processes_of(str(folder)) == []
    assert "Error" not in "".join(command.text for command in commands)
