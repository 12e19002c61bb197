"""What real clients sent, word for word (tests/golden/recorded), is understood without a remark."""

import json
from pathlib import Path

import pytest

from core.events import ControllerAction, LossReason
from core.formats import Codec, StreamFormat
from core.images import ImageFormat, ImageSpec
from core.protocol.connection import Connection
from core.protocol.events import (
    CommandReceived,
    ConnectionEvent,
    FormatRequested,
    GoodbyeReceived,
    HelloReceived,
    StateChanged,
    TimeRequested,
)
from core.protocol.messages.artwork import ArtworkChannel, ArtworkSource
from core.protocol.messages.client_command import ControllerCommand
from core.protocol.messages.client_hello import ClientGeneration, ClientHello, PlayerCommand, Role
from core.protocol.messages.client_state import ClientState
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller
from core.units import ServerTimeUs

RECORDED = Path(__file__).parents[2] / "golden" / "recorded"
PYTHON = ("aiosendspin-3.0.1", "aiosendspin-4.4.0", "aiosendspin-6.0.0")
JAVASCRIPT = "sendspin-js-3.2.1"
STEREO_48 = {"sample_rate": 48_000, "channel_count": 2}


def lines(name: str) -> list[str]:
    return (RECORDED / f"{name}.jsonl").read_text().splitlines()


def replay(name: str) -> list[ConnectionEvent]:
    """Let a connection receive the whole recording, as the server that it was made with would have."""
    connection = Connection(server_id="server", server_name="Server", opened_at=ServerTimeUs(0))
    first, *others = lines(name)
    events = connection.receive_text(first, ServerTimeUs(0))
    connection.server_hello(ConnectionReason.DISCOVERY)
    offered = frozenset({ControllerAction.PAUSE, ControllerAction.VOLUME, ControllerAction.MUTE})
    connection.controller(Controller(actions=offered))
    for index, line in enumerate(others):
        events += connection.receive_text(line, ServerTimeUs(index * 100_000))
    return events


def hello_of(name: str) -> ClientHello:
    first = replay(name)[0]
    assert isinstance(first, HelloReceived)
    return first.hello


def states_of(name: str) -> list[ClientState]:
    return [event.state for event in replay(name) if isinstance(event, StateChanged)]


@pytest.mark.parametrize("name", [*PYTHON, JAVASCRIPT])
def test_every_message_is_reported_and_none_remarked_on(name: str) -> None:
    messages = [json.loads(line) for line in lines(name)]
    reported = {
        "client/hello": HelloReceived,
        "client/state": StateChanged,
        "client/time": TimeRequested,
        "client/command": CommandReceived,
        "stream/request-format": FormatRequested,
        "client/goodbye": GoodbyeReceived,
    }
    expected = [
        reported[message["type"]]
        for message in messages
        if message["payload"] != {"player": {}}  # the JavaScript client's way to say that nothing changed
    ]
    assert [type(event) for event in replay(name)] == expected


@pytest.mark.parametrize("name", [*PYTHON, JAVASCRIPT])
def test_the_time_is_asked_for_in_the_client_s_own_microseconds(name: str) -> None:
    messages = [json.loads(line) for line in lines(name)]
    asked = [event.request.client_transmitted for event in replay(name) if isinstance(event, TimeRequested)]
    assert asked == [m["payload"]["client_transmitted"] for m in messages if m["type"] == "client/time"]


@pytest.mark.parametrize("name", PYTHON)
def test_hello_of_a_python_client(name: str) -> None:
    hello = hello_of(name)
    assert (hello.client_id, hello.name) == ("recorded-client", "Recorded client")
    assert set(hello.active_roles) == set(Role)
    image = ImageSpec(width=300, height=300, format=ImageFormat.JPEG)
    assert hello.artwork == (ArtworkChannel(source=ArtworkSource.ALBUM, image=image),)
    assert hello.formats == (
        StreamFormat(codec=Codec.PCM, bit_depth=16, **STEREO_48),
        StreamFormat(codec=Codec.PCM, bit_depth=24, **STEREO_48),
        StreamFormat(codec=Codec.FLAC, bit_depth=24, **STEREO_48),
        StreamFormat(codec=Codec.OPUS, bit_depth=16, **STEREO_48),
        StreamFormat(codec=Codec.PCM, sample_rate=44_100, channel_count=1, bit_depth=16),
    )
    assert hello.capacity_bytes == 1_000_000
    assert hello.player is not None
    assert hello.player.commands == {PlayerCommand.VOLUME, PlayerCommand.MUTE}
    assert hello.device_info.software_version == name.partition("-")[2]


def test_hello_of_the_javascript_client() -> None:
    hello = hello_of(JAVASCRIPT)
    assert set(hello.active_roles) == set(Role) - {Role.ARTWORK}
    assert [(entry.codec, entry.sample_rate) for entry in hello.formats] == [
        (Codec.PCM, 48_000),
        (Codec.PCM, 44_100),
        (Codec.FLAC, 48_000),
        (Codec.FLAC, 44_100),
        (Codec.OPUS, 48_000),
    ]


@pytest.mark.parametrize(
    ("name", "generation"),
    [
        ("aiosendspin-3.0.1", ClientGeneration.A1),
        ("aiosendspin-4.4.0", ClientGeneration.LATER),
        ("aiosendspin-6.0.0", ClientGeneration.LATER),
        (JAVASCRIPT, ClientGeneration.LATER),
    ],
)
def test_generation_is_told_by_the_support_keys(name: str, generation: ClientGeneration) -> None:
    assert hello_of(name).generation is generation


@pytest.mark.parametrize("name", PYTHON)
def test_states_of_a_python_client_are_complete_each_time(name: str) -> None:
    told = [(state.volume, state.is_muted, state.is_out_of_sync) for state in states_of(name)]
    assert told == [(100, False, False), (40, False, False), (40, True, False), (30, True, True)]


def test_states_of_the_javascript_client_are_merged() -> None:
    told = [(state.volume, state.is_muted) for state in states_of(JAVASCRIPT)]
    assert told == [(100, False), (40, False), (40, True)]
    assert all(state.min_buffer_ms == 250 for state in states_of(JAVASCRIPT))


@pytest.mark.parametrize(
    ("name", "min_buffer_ms", "can_set_delay"),
    [("aiosendspin-3.0.1", 1000, False), ("aiosendspin-6.0.0", 250, True), (JAVASCRIPT, 250, True)],
)
def test_timing_is_taken_as_told_and_assumed_where_it_is_not(
    name: str, min_buffer_ms: int, can_set_delay: bool
) -> None:
    last = states_of(name)[-1]
    assert (last.required_lead_time_ms, last.min_buffer_ms) == (250, min_buffer_ms)
    assert last.can_set_output_delay is can_set_delay
    assert last.can_set_volume
    assert last.can_mute


@pytest.mark.parametrize("name", PYTHON)
def test_the_wanted_format_is_the_listed_one(name: str) -> None:
    wanted = [event.format for event in replay(name) if isinstance(event, FormatRequested)]
    assert wanted == [StreamFormat(codec=Codec.FLAC, bit_depth=24, **STEREO_48)]


@pytest.mark.parametrize("name", [*PYTHON, JAVASCRIPT])
def test_commands_come_with_their_parameters(name: str) -> None:
    assert [event.command for event in replay(name) if isinstance(event, CommandReceived)] == [
        ControllerCommand(action=ControllerAction.PAUSE),
        ControllerCommand(action=ControllerAction.VOLUME, volume=40),
        ControllerCommand(action=ControllerAction.MUTE, mute=True),
    ]


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("aiosendspin-3.0.1", []),
        ("aiosendspin-4.4.0", []),
        ("aiosendspin-6.0.0", [LossReason.RESTART]),
        (JAVASCRIPT, [LossReason.USER_REQUEST]),
    ],
)
def test_goodbye_is_said_by_those_who_can(name: str, reasons: list[LossReason]) -> None:
    assert [event.reason for event in replay(name) if isinstance(event, GoodbyeReceived)] == reasons
