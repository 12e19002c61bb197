"""Sessions and frames of tests/golden, replayed."""

from collections.abc import Iterator
import json
from pathlib import Path

import pytest

from core.events import ControllerAction, LossReason
from core.formats import Codec, StreamFormat
from core.protocol.binary import Frame, pack, pack_audio, unpack
from core.protocol.connection import Connection
from core.protocol.events import (
    ArtworkRequested,
    CommandReceived,
    ConnectionEvent,
    FormatRequested,
    GoodbyeReceived,
    HelloReceived,
    StateChanged,
    TimeRequested,
)
from core.protocol.messages.client_command import ControllerCommand
from core.protocol.messages.client_hello import ClientGeneration, Role
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller, Metadata, Progress, RepeatMode
from core.units import GroupId
from tests.core.protocol.wire import OPUS_48, PCM_44, PCM_48, at

GOLDEN = Path(__file__).parents[2] / "golden"
G1 = GroupId("g1")
FLAC_HEADER = bytes.fromhex("664c6143 80000022 1200 1200 000000 004a58 0bb802f0") + bytes(20)


def lines(name: str) -> list[str]:
    return [line for line in (GOLDEN / "wire" / name).read_text().splitlines() if not line.startswith("--")]


class Replay:
    """Walks a golden session: `hear` feeds the client's next line, `say` compares with the server's next line."""

    def __init__(self, name: str) -> None:
        self._lines = iter(lines(name))
        self.connection = Connection(server_id="srv", server_name="Home", opened_at=at(0))

    def hear(self, now: int = 0) -> list[ConnectionEvent]:
        line = next(self._lines)
        assert line.startswith("C ")
        return self.connection.receive_text(line.removeprefix("C "), at(now))

    def say(self, message: str | bytes) -> None:
        expected = message if isinstance(message, str) else f"hex {message.hex()}"
        assert next(self._lines) == f"S {expected}"

    def is_at_end(self) -> bool:
        return next(self._lines, None) is None


def test_a_web_players_session() -> None:
    replay = Replay("web_player.txt")
    connection, hear, say = replay.connection, replay.hear, replay.say
    (hello,) = hear()
    assert isinstance(hello, HelloReceived)
    assert hello.hello.formats == (PCM_48, PCM_44)
    assert hello.hello.capacity_bytes == 5_242_880
    say(connection.server_hello(ConnectionReason.DISCOVERY))
    say(connection.group_update(is_playing=False, group_id=G1, name="Browser"))
    offered = {ControllerAction.SWITCH, ControllerAction.VOLUME, ControllerAction.MUTE, ControllerAction.SEEK}
    say(connection.controller(Controller(actions=frozenset(offered))))
    say(connection.metadata(Metadata(timestamp=at(1_000_000))))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert (state.state.volume, state.state.min_buffer_ms) == (100, 250)
    assert state.state.can_set_volume
    assert state.state.can_set_output_delay
    for received in (1_000_200, 1_003_200):
        (question,) = hear(received)
        assert isinstance(question, TimeRequested)
        say(connection.time_reply(question, at(received + 30)))

    say(connection.group_update(is_playing=True, group_id=G1, name="Browser"))
    prelude = Metadata(
        timestamp=at(2_000_000),
        title="Prélude",
        artist="Somebody",
        album="Pieces",
        year=1999,
        track=3,
        progress=Progress(position_ms=0, duration_ms=180_000),
        repeat=RepeatMode.OFF,
        is_shuffled=False,
    )
    say(connection.metadata(prelude))
    say(connection.stream_start(PCM_48, None, transmitted=at(1_990_000)))
    connection.check_audio()
    say(pack_audio(at(2_000_000), bytes.fromhex("0100ffff0200feff")))

    say(connection.player_volume(40))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert (state.changed, state.state.volume) == (frozenset({"volume"}), 40)
    assert hear() == []
    say(connection.player_mute(muted=True))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert (state.state.is_muted, state.state.volume) == (True, 40)
    say(connection.player_output_delay(120))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert state.state.output_delay_ms == 120

    assert hear() == [FormatRequested(format=PCM_44)]
    say(connection.stream_start(PCM_44, None, transmitted=at(2_500_000)))
    say(connection.stream_clear(transmitted=at(3_000_000)))
    say(connection.group_update(is_playing=False, group_id=G1, name="Browser"))
    say(connection.stream_end())
    assert hear() == [GoodbyeReceived(reason=LossReason.USER_REQUEST)]
    assert replay.is_at_end()


def test_a_flac_players_session() -> None:
    replay = Replay("flac_player.txt")
    connection, hear, say = replay.connection, replay.hear, replay.say
    (hello,) = hear()
    assert isinstance(hello, HelloReceived)
    assert hello.hello.device_info.mac_address == "aa:bb:cc:dd:ee:ff"
    assert hello.active_roles == (Role.PLAYER, Role.METADATA)
    flac, opus = hello.hello.formats
    say(connection.server_hello(ConnectionReason.PLAYBACK))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert (state.state.required_lead_time_ms, state.state.min_buffer_ms) == (100, 150)
    say(connection.stream_start(flac, FLAC_HEADER, transmitted=at(5_000_000)))
    say(pack_audio(at(5_000_000), b"\xff\xf8"))
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert state.changed == frozenset({"is_out_of_sync"})
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert (state.state.is_available, state.state.is_out_of_sync) == (False, False)
    say(connection.stream_end())
    (state,) = hear()
    assert isinstance(state, StateChanged)
    assert state.state.is_available
    say(connection.stream_start(opus, None, transmitted=at(6_000_000)))
    assert hear() == [GoodbyeReceived(reason=LossReason.RESTART)]
    assert replay.is_at_end()


def test_a_displays_session() -> None:
    replay = Replay("display.txt")
    connection, hear, say = replay.connection, replay.hear, replay.say
    artwork = connection.artwork
    (hello,) = hear()
    assert isinstance(hello, HelloReceived)
    say(connection.server_hello(ConnectionReason.DISCOVERY))
    hear()
    say(artwork.start(transmitted=at(1_000_000)))
    say(artwork.image(0, bytes.fromhex("ffd8ffd9"), shown_at=at(1_000_000)))
    say(artwork.image(2, b"", shown_at=at(1_000_000)))

    say(connection.stream_start(PCM_48, None, transmitted=at(2_000_000)))
    say(connection.stream_clear(transmitted=at(2_500_000)))
    say(connection.stream_end())

    assert hear() == [ArtworkRequested()]
    say(artwork.start(transmitted=at(3_000_000)))
    say(artwork.image(0, bytes.fromhex("89504e47"), shown_at=at(3_000_000)))
    assert hear() == [ArtworkRequested()]
    assert hear() == [ArtworkRequested()]
    say(artwork.end())
    assert hear() == [GoodbyeReceived(reason=LossReason.SHUTDOWN)]
    assert replay.is_at_end()


def frames() -> Iterator[tuple[Frame, bytes]]:
    for line in lines("frames.txt"):
        frame_id, timestamp, body, message = line.replace("-", "").split(" ")
        yield Frame(int(frame_id, 16), at(int(timestamp)), bytes.fromhex(body)), bytes.fromhex(message)


@pytest.mark.parametrize(("frame", "message"), frames())
def test_frames(frame: Frame, message: bytes) -> None:
    assert pack(*frame) == message
    assert unpack(message) == frame


LIBRARIES = ("aiosendspin-3.0.1", "aiosendspin-4.4.0", "aiosendspin-6.0.0", "sendspin-js-3.2.1")
ASKED = StreamFormat(codec=Codec.FLAC, sample_rate=48_000, channel_count=2, bit_depth=24)


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_real_clients_sent_is_understood_to_the_last_message(library: str) -> None:
    recorded = (GOLDEN / "recorded" / f"{library}.jsonl").read_text().splitlines()
    connection = Connection(server_id="srv", server_name="Home", opened_at=at(0))
    events: list[ConnectionEvent] = []
    for number, line in enumerate(recorded):
        events += connection.receive_text(line, at(number * 100_000))
        if number == 0:
            connection.server_hello(ConnectionReason.DISCOVERY)
            connection.controller(Controller(actions=frozenset(ControllerAction)))
    assert connection.ignored_count == 0

    hello, first = events[:2]
    assert isinstance(hello, HelloReceived)
    assert hello.hello.name == "Recorded client"
    assert len(hello.hello.formats) == 5
    assert set(hello.active_roles) == set(Role) - ({Role.ARTWORK} if library == "sendspin-js-3.2.1" else set())
    is_old = library == "aiosendspin-3.0.1"
    assert hello.hello.generation is (ClientGeneration.A1 if is_old else ClientGeneration.LATER)

    assert isinstance(first, StateChanged)
    assert first.state.volume == 100
    assert first.state.is_available
    knows_timing = library in {"aiosendspin-6.0.0", "sendspin-js-3.2.1"}
    assert first.state.can_set_output_delay is knows_timing
    assert first.state.min_buffer_ms == (250 if knows_timing else 1_000)

    assert connection.state is not None
    volumes = [event.state.volume for event in events if isinstance(event, StateChanged) and "volume" in event.changed]
    assert connection.state.is_muted
    questions = [event for event in events if isinstance(event, TimeRequested)]
    assert len(questions) == sum('"client/time"' in line for line in recorded) >= 5
    assert [event.command for event in events if isinstance(event, CommandReceived)] == [
        ControllerCommand(action=ControllerAction.PAUSE),
        ControllerCommand(action=ControllerAction.VOLUME, volume=40),
        ControllerCommand(action=ControllerAction.MUTE, mute=True),
    ]
    wishes = [event.format for event in events if isinstance(event, FormatRequested)]
    if library.startswith("aiosendspin"):
        assert volumes == [100, 40, 30]
        assert connection.state.is_out_of_sync
        assert wishes == [ASKED]
    else:
        assert volumes == [100, 40]
        assert wishes == []
    goodbyes = [json.loads(line)["payload"]["reason"] for line in recorded if '"client/goodbye"' in line]
    assert [event.reason for event in events if isinstance(event, GoodbyeReceived)] == goodbyes
    assert OPUS_48 in hello.hello.formats
