"""What we send, read by a client that forgives nothing."""

from dataclasses import replace
import json

from hypothesis import given, settings, strategies as st
import pytest

from core.events import ControllerAction
from core.protocol.messages.client_hello import PlayerCommand, Role
from core.protocol.messages.group_update import group_update
from core.protocol.messages.server_command import delay_command, mute_command, volume_command
from core.protocol.messages.server_hello import ConnectionReason, RefusalReason, server_error, server_hello
from core.protocol.messages.server_state import (
    Controller,
    Metadata,
    Progress,
    RepeatMode,
    controller_state,
    metadata_state,
)
from core.protocol.messages.stream import player_stream_start, stream_clear, stream_end
from core.units import GroupId
from tests.core.protocol.wire import FLAC_48, HEADER, OPUS_48, PCM_48, Json, StrictClient, at


def client() -> StrictClient:
    return StrictClient(is_greeted=True, active_roles=["player@v1", "metadata@v1", "controller@v1"])


def payload(text: str) -> Json:
    parsed = json.loads(text)["payload"]
    assert isinstance(parsed, dict)
    return parsed


@pytest.mark.parametrize("reason", ConnectionReason)
def test_our_hello_has_all_five_fields(reason: ConnectionReason) -> None:
    text = server_hello(server_id="id", name="Küche\udcff", reason=reason, active_roles=[Role.PLAYER, Role.METADATA])
    greeted = StrictClient()
    greeted.receive(text)
    assert greeted.active_roles == ["player@v1", "metadata@v1"]
    assert payload(text) == {
        "server_id": "id",
        "name": "Küche?",
        "version": 1,
        "connection_reason": reason.value,
        "active_roles": ["player@v1", "metadata@v1"],
    }


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal(reason: RefusalReason) -> None:
    assert json.loads(server_error(reason)) == {"type": "server/error", "payload": {"reason": reason.value}}


texts = st.none() | st.text(max_size=40)
whole_ms = st.integers(0, 2**31 - 1)
all_metadata = st.builds(
    Metadata,
    timestamp=st.integers(0, 2**53).map(at),
    title=texts,
    artist=texts,
    album_artist=texts,
    album=texts,
    artwork_url=texts,
    year=st.none() | st.integers(0, 32_767),
    track=st.none() | st.integers(1, 32_767),
    progress=st.none()
    | st.builds(Progress, position_ms=whole_ms, duration_ms=whole_ms, speed=st.sampled_from([0.0, 0.5, 1.0, 1.25])),
    repeat=st.none() | st.sampled_from(RepeatMode),
    is_shuffled=st.none() | st.booleans(),
)
controllers = st.builds(
    Controller,
    actions=st.frozensets(st.sampled_from(ControllerAction)),
    volume=st.integers(0, 100),
    is_muted=st.booleans(),
    repeat=st.sampled_from(RepeatMode),
    is_shuffled=st.booleans(),
)


@settings(max_examples=50)
@given(all_metadata)
def test_metadata_is_read_as_it_was_meant(metadata: Metadata) -> None:
    reader = client()
    reader.receive(metadata_state(metadata))
    assert reader.metadata == metadata


def test_nothing_playing_clears_every_key() -> None:
    sent = payload(metadata_state(Metadata(timestamp=at(5))))["metadata"]
    assert isinstance(sent, dict)
    assert sent.pop("timestamp") == 5
    assert len(sent) == 10
    assert set(sent.values()) == {None}


@pytest.mark.parametrize("number", [-1, 32_768, 2**40])
def test_numbers_that_small_devices_cannot_keep_are_left_out(number: int) -> None:
    reader = client()
    reader.receive(metadata_state(Metadata(timestamp=at(0), year=number, track=number)))
    assert reader.metadata == Metadata(timestamp=at(0))
    reader.receive(metadata_state(Metadata(timestamp=at(0), track=0, year=0)))
    assert reader.metadata == Metadata(timestamp=at(0), year=0)
    for edge in (1, 32_767):
        reader.receive(metadata_state(Metadata(timestamp=at(0), track=edge, year=edge)))
        assert reader.metadata == Metadata(timestamp=at(0), track=edge, year=edge)


def test_progress_stays_in_range_and_speed_is_in_thousandths() -> None:
    progress = Progress(position_ms=-5, duration_ms=2**40, speed=1.2345)
    sent = payload(metadata_state(Metadata(timestamp=at(0), progress=progress)))["metadata"]
    assert isinstance(sent, dict)
    assert sent["progress"] == {"track_progress": 0, "track_duration": 2**31 - 1, "playback_speed": 1_234}
    assert Progress(position_ms=0) == Progress(position_ms=0, duration_ms=0, speed=1.0)


def test_a_title_of_megabytes_is_cut_and_odd_bytes_in_it_are_replaced() -> None:
    reader = client()
    reader.receive(metadata_state(Metadata(timestamp=at(0), title="x" * 10**6, artist="a\udcffb")))
    assert reader.metadata is not None
    assert reader.metadata.title == "x" * 512
    assert reader.metadata.artist == "a?b"


@settings(max_examples=50)
@given(controllers)
def test_controllers_are_told_all_but_what_ends_their_session(controller: Controller) -> None:
    reader = client()
    reader.receive(controller_state(controller))
    assert reader.controller is not None
    assert reader.controller.actions == controller.actions - {ControllerAction.SEEK, ControllerAction.SEEK_RELATIVE}
    assert reader.controller.actions == controller.sent_actions
    expected = (controller.volume, controller.is_muted, controller.repeat, controller.is_shuffled)
    said = reader.controller
    assert (said.volume, said.is_muted, said.repeat, said.is_shuffled) == expected


def test_equal_controller_states_are_equal_texts_with_volume_in_range() -> None:
    actions = [ControllerAction.STOP, ControllerAction.PLAY, ControllerAction.SWITCH]
    one = controller_state(Controller(actions=frozenset(actions), volume=101))
    assert one == controller_state(Controller(actions=frozenset(reversed(actions)), volume=100))
    assert payload(one)["controller"] == {
        "supported_commands": ["play", "stop", "switch"],
        "volume": 100,
        "muted": False,
        "repeat": "off",
        "shuffle": False,
    }
    assert '"volume":100' in controller_state(Controller(actions=frozenset()))
    assert '"volume":0' in controller_state(Controller(actions=frozenset(), volume=-1))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (volume_command(40), {"command": "volume", "volume": 40}),
        (mute_command(muted=True), {"command": "mute", "mute": True}),
        (mute_command(muted=False), {"command": "mute", "mute": False}),
        (delay_command(PlayerCommand.SET_STATIC_DELAY, 9), {"command": "set_static_delay", "static_delay_ms": 9}),
        (delay_command(PlayerCommand.SET_OUTPUT_DELAY, 9), {"command": "set_output_delay", "output_delay_ms": 9}),
    ],
)
def test_commands_to_a_player(text: str, command: Json) -> None:
    reader = client()
    reader.receive(text)
    assert reader.commands == [command]


@pytest.mark.parametrize("is_playing", [True, False])
def test_a_group_is_told_whole(is_playing: bool) -> None:
    reader = client()
    reader.receive(group_update(is_playing=is_playing, group_id=GroupId("g"), name="Downstairs\udcff"))
    assert reader.group == (is_playing, "g", "Downstairs?")


def test_a_stream_start_is_complete() -> None:
    reader = client()
    reader.receive(player_stream_start(FLAC_48, HEADER, transmitted=at(7)))
    assert (reader.stream_format, reader.codec_header) == (FLAC_48, HEADER)
    text = player_stream_start(PCM_48, None, transmitted=at(7))
    assert payload(text) == {
        "server_transmitted": 7,
        "player": {"codec": "pcm", "sample_rate": 48_000, "channels": 2, "bit_depth": 16},
    }


def test_opus_is_started_with_sixteen_bits_whatever_its_entry_says() -> None:
    reader = client()
    reader.receive(player_stream_start(replace(OPUS_48, bit_depth=24), None, transmitted=at(7)))
    assert reader.stream_format == OPUS_48


def test_the_header_is_standard_base64_with_padding() -> None:
    """The recorded one of protocol.md 8.4, and one whose base64 differs between the two alphabets."""
    recorded = "ZkxhQ4AAACISABIAAAAAAEpYC7gC8AAAAAAAAAAAAAAAAAAAAAAAAAAA"
    header = bytes.fromhex("664c6143 80000022 1200 1200 000000 004a58 0bb802f0") + bytes(20)
    assert f'"codec_header":"{recorded}"' in player_stream_start(FLAC_48, header, transmitted=at(0))
    assert '"codec_header":"+/8="' in player_stream_start(FLAC_48, b"\xfb\xff", transmitted=at(0))


def test_clear_and_end_name_no_roles() -> None:
    assert json.loads(stream_clear(transmitted=at(3))) == {"type": "stream/clear", "payload": {"server_transmitted": 3}}
    assert json.loads(stream_end()) == {"type": "stream/end", "payload": {}}
