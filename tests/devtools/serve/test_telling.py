"""What people and programs are told, and what the command line means."""

import json
from pathlib import Path

import pytest

from core.media.generated import ToneSource
from core.stream.policy import SendPolicy
from devtools.serve.media import make_request
from devtools.serve.options import parse_options
from devtools.serve.voice import Voice, in_words

FACTS: list[tuple[dict[str, object], str]] = [
    ({"ready": True, "port": 1, "url": "ws://a:1/sendspin"}, "Listening for players at ws://a:1/sendspin"),
    ({"event": "client", "client_id": "a", "name": "Kitchen", "state": "connected"}, "Kitchen is here"),
    (
        {"event": "client", "client_id": "a", "name": "Kitchen", "state": "lost", "reason": "shutdown"},
        "Kitchen is gone (shutdown)",
    ),
    ({"event": "item", "media": "a.mp3", "state": "started"}, "Playing a.mp3"),
    ({"event": "item", "media": "a.mp3", "state": "ended"}, "a.mp3 has ended"),
    (
        {"event": "item", "media": "a.mp3", "state": "failed", "error": "MediaOpenError", "message": "not found"},
        "a.mp3 cannot be played: not found",
    ),
    (
        {"event": "metadata", "media": "http://a/b", "title": "Song", "artist": "Band", "album": None},
        "http://a/b plays Band - Song",
    ),
    (
        {"event": "metadata", "media": "http://a/b", "title": None, "artist": None, "album": None},
        "http://a/b plays something else",
    ),
    ({"event": "underrun", "media": "a.mp3", "length_ms": 3.5}, "a.mp3 came too late: 3.5 ms of silence"),
    ({"event": "end"}, "Everything has been played; Ctrl-C ends this"),
    ({"event": "done"}, "Done"),
    ({"event": "refused", "message": "nothing plays"}, "Refused: nothing plays"),
    ({"event": "stats", "cpu_s": 1.5, "encodes": 3}, "cpu_s 1.5 encodes 3"),
]


@pytest.mark.parametrize(("fact", "words"), FACTS)
def test_every_fact_has_words(fact: dict[str, object], words: str) -> None:
    assert in_words(fact) == words


@pytest.mark.parametrize("is_json", [True, False])
def test_a_line_for_each_fact(capsys: pytest.CaptureFixture[str], is_json: bool) -> None:
    voice = Voice(is_json=is_json, reader_lost=pytest.fail)
    for fact, _ in FACTS:
        voice.tell(fact)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [json.dumps(fact) if is_json else words for fact, words in FACTS]


def test_a_reader_that_has_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

    lost: list[bool] = []
    monkeypatch.setattr("sys.stdout", Gone())
    Voice(is_json=True, reader_lost=lambda: lost.append(True)).tell({"event": "end"})
    assert lost == [True]


def test_media_are_files_urls_and_tones() -> None:
    assert make_request("music/a.flac").location == Path("music/a.flac")
    assert make_request("music/a.flac").title == "a"
    assert make_request("https://host/a.M3U8?token=1").location == "https://host/a.M3U8?token=1"
    assert callable(make_request("https://host/a.mp3?token=1").location)
    assert make_request("tone:high.wav").location == Path("tone:high.wav")
    tone, short = make_request("tone:440").stream, make_request("tone:997.5:2").stream
    assert tone is not None
    assert short is not None
    assert isinstance(tone.main, ToneSource)
    assert tone.main.open().duration_us is None
    assert short.main.open().duration_us == 2_000_000
    assert {make_request(text).media_id for text in ("a", "http://a", "tone:1")} == {"a", "http://a", "tone:1"}


def test_defaults_of_the_command_line() -> None:
    options = parse_options(["a.flac"])
    assert options.media == ("a.flac",)
    assert options.port is None
    assert options.host == "127.0.0.1"
    assert options.wait_clients == 1
    assert options.policy is SendPolicy.BALANCED
    assert not (options.is_looping or options.is_json or options.has_control or options.has_stats)


def test_every_option_is_taken() -> None:
    line = "a b --port 0 --host all --client ws://x:1/s --client ws://y:2/s --wait-clients 3 --policy stable"
    options = parse_options([*line.split(), "--loop", "--json", "--control", "--stats", "--log", "debug"])
    assert options.media == ("a", "b")
    assert options.port == 0
    assert options.host is None
    assert options.clients == ("ws://x:1/s", "ws://y:2/s")
    assert options.wait_clients == 3
    assert options.policy is SendPolicy.STABLE
    assert options.is_looping
    assert options.is_json
    assert options.has_control
    assert options.has_stats


@pytest.mark.parametrize(
    "line", ["", "a --port x", "a --port 65536", "a --wait-clients 0", "a --policy slow", "a --nonsense"]
)
def test_nonsense_ends_with_status_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(line.split())
    assert ended.value.code == 2
    assert "script/serve: error:" in capsys.readouterr().err


def test_commands_alone_are_enough() -> None:
    assert parse_options(["--control"]).media == ()
