"""What is understood on stdin, and what is refused."""

from contextlib import suppress
import json

from hypothesis import given, strategies as st
import pytest

from core.units import ClientId
from devtools.serve.commands import BadCommandError, Join, Leave, Plain, Play, Seek, SetMuted, SetVolume, parse_command

PLAYER = ClientId("a")
COMMANDS = [
    ({"do": "pause"}, Plain(word="pause")),
    ({"do": "resume"}, Plain(word="resume")),
    ({"do": "stop"}, Plain(word="stop")),
    ({"do": "play", "media": "a.flac"}, Play(media=("a.flac",))),
    ({"do": "play", "media": ["a.flac", "b.flac"]}, Play(media=("a.flac", "b.flac"))),
    ({"do": "seek", "position_ms": 0}, Seek(position_ms=0)),
    ({"do": "volume", "volume": 100}, SetVolume(client_id=None, volume=100)),
    ({"do": "volume", "client_id": None, "volume": 0}, SetVolume(client_id=None, volume=0)),
    ({"do": "volume", "client_id": "a", "volume": 30}, SetVolume(client_id=PLAYER, volume=30)),
    ({"do": "mute", "muted": False}, SetMuted(client_id=None, muted=False)),
    ({"do": "mute", "client_id": "a", "muted": True}, SetMuted(client_id=PLAYER, muted=True)),
    ({"do": "leave", "client_id": "a"}, Leave(client_id=PLAYER)),
    ({"do": "join", "client_id": "a"}, Join(client_id=PLAYER)),
]


@pytest.mark.parametrize(("data", "command"), COMMANDS)
def test_every_command_is_understood(data: dict[str, object], command: object) -> None:
    assert parse_command(json.dumps(data)) == command
    assert parse_command(json.dumps(data).encode()) == command


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "not JSON"),
        ("pause", "not JSON"),
        (b"\xff", "not JSON"),
        ("[]", "not an object"),
        ("{}", "no such thing to do"),
        ('{"do": "dance"}', "no such thing to do: 'dance'"),
        ('{"do": ["pause"]}', "no such thing to do"),
        ('{"do": "play"}', "media must be a text"),
        ('{"do": "play", "media": ""}', "media must be a text"),
        ('{"do": "play", "media": []}', "media must be a text, or a list"),
        ('{"do": "play", "media": ["a", 1]}', "media must be a text, or a list"),
        ('{"do": "seek"}', "position_ms must be an integer of 0 or more"),
        ('{"do": "seek", "position_ms": -1}', "position_ms must be"),
        ('{"do": "seek", "position_ms": 1.5}', "position_ms must be"),
        ('{"do": "volume", "volume": 101}', "volume must be an integer of 0 or more, up to 100"),
        ('{"do": "volume", "volume": true}', "volume must be"),
        ('{"do": "volume", "client_id": 7, "volume": 1}', "client_id must be a text"),
        ('{"do": "mute", "client_id": "a", "muted": 1}', "muted must be true or false"),
        ('{"do": "leave"}', "client_id must be a text"),
        ('{"do": "join", "client_id": null}', "client_id must be a text"),
    ],
)
def test_the_refusal_says_why(line: str | bytes, why: str) -> None:
    with pytest.raises(BadCommandError) as caught:
        parse_command(line)
    assert str(caught.value).startswith(why)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=3
)
words = st.sampled_from(["pause", "play", "seek", "volume", "mute", "leave", "join"])
keys = st.sampled_from(["media", "position_ms", "volume", "client_id", "muted"])


@given(st.builds(lambda word, fields: {"do": word} | fields, words | json_values, st.dictionaries(keys, json_values)))
def test_whatever_is_asked_for_is_understood_or_refused(data: dict[str, object]) -> None:
    with suppress(BadCommandError):
        assert parse_command(json.dumps(data)) is not None


@given(st.binary())
def test_any_bytes_are_understood_or_refused(line: bytes) -> None:
    with pytest.raises(BadCommandError):
        parse_command(line)
