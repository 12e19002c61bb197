"""The numbered rules of connection.py, each by its number."""

from collections.abc import Callable
from dataclasses import replace
import json

import pytest

from core.errors import HandshakeTimeoutError, LocalProtocolError, RefusedError, RemoteProtocolError
from core.events import ControllerAction, LossReason
from core.formats import StreamFormat
from core.protocol.connection import Connection
from core.protocol.events import (
    CommandReceived,
    ConnectionEvent,
    FormatRequested,
    GoodbyeReceived,
    HelloReceived,
    Ignored,
    StateChanged,
    TimeRequested,
)
from core.protocol.messages.client_command import ControllerCommand
from core.protocol.messages.client_hello import PlayerCommand, Role
from core.protocol.messages.client_state import ClientState
from core.protocol.messages.client_time import ClientTime
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller, Metadata
from core.units import GroupId
from tests.core.protocol.wire import (
    FLAC_48,
    FORMATS,
    HEADER,
    OPUS_48,
    PCM_44,
    PCM_48,
    Json,
    StrictClient,
    at,
    greeted,
    hello_payload,
    known,
    new_connection,
    opened,
    streaming,
    support_payload,
    text,
)

SECOND = 1_000_000
TIME = TimeRequested(request=ClientTime(client_transmitted=1), received_at=at(1))
SYNCHRONIZED = text("client/state", {"state": "synchronized"})
WITHOUT_PLAYER = hello_payload(supported_roles=["metadata@v1", "controller@v1"])

SENDS: dict[str, Callable[[Connection], object]] = {
    "time_reply": lambda connection: connection.time_reply(TIME, at(2)),
    "group_update": lambda connection: connection.group_update(is_playing=True, group_id=GroupId("g"), name="G"),
    "metadata": lambda connection: connection.metadata(Metadata(timestamp=at(0))),
    "controller": lambda connection: connection.controller(Controller(actions=frozenset())),
    "player_volume": lambda connection: connection.player_volume(40),
    "player_mute": lambda connection: connection.player_mute(muted=True),
    "stream_start": lambda connection: connection.stream_start(PCM_48, None, transmitted=at(0)),
    "stream_clear": lambda connection: connection.stream_clear(transmitted=at(0)),
    "stream_end": lambda connection: connection.stream_end(),
    "check_audio": lambda connection: connection.check_audio(),
}
send_names = pytest.mark.parametrize("send", SENDS)
FOR_PLAYERS = {"player_volume", "player_mute", "stream_start"}
FOR_STREAMS = {"stream_clear", "stream_end", "check_audio"}


def say(connection: Connection, kind: str, payload: object, now: int = 0) -> list[ConnectionEvent]:
    return connection.receive_text(text(kind, payload), at(now))


def receive(connection: Connection, message: str | bytes) -> list[ConnectionEvent]:
    if isinstance(message, str):
        return connection.receive_text(message, at(0))
    return connection.receive_binary(message)


def assert_over(connection: Connection) -> None:
    """Rule 14."""
    assert connection.receive_text(SYNCHRONIZED, at(0)) == []
    assert connection.receive_text("not even JSON", at(0)) == []
    assert connection.receive_binary(b"\x04") == []
    assert connection.timeout_at is None
    assert connection.handle_timer(at(10**12)) == []
    assert not connection.can_stream
    for send in SENDS.values():
        with pytest.raises(LocalProtocolError):
            send(connection)
    with pytest.raises(LocalProtocolError):
        connection.server_hello(ConnectionReason.DISCOVERY)


# Rule 1


def test_rule_01_the_client_says_hello_first() -> None:
    connection = new_connection()
    (event,) = say(connection, "client/hello", hello_payload(), 5)
    assert isinstance(event, HelloReceived)
    assert event.hello == connection.hello
    assert event.hello.client_id == "kitchen"
    assert event.active_roles == connection.active_roles == (Role.PLAYER, Role.CONTROLLER, Role.METADATA)


def test_rule_01_before_the_hello_nothing_is_known() -> None:
    connection = new_connection()
    assert connection.hello is None
    assert connection.state is None
    assert connection.active_roles == ()
    assert connection.stream_format is None
    assert connection.preferred_format is None
    assert not connection.can_stream


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (text("client/init", {"client_id": "x", "version": 1, "suite": "y"}), "unsupported_version"),
        (text("client/init", {}), "unsupported_version"),
        (SYNCHRONIZED, "malformed"),
        (text("client/time", {"client_transmitted": 1}), "malformed"),
        (text("client/goodbye", {"reason": "restart"}), "malformed"),
        (text("client/hello", []), "malformed"),
        ('{"type": "client/hello"}', "malformed"),
        ("not JSON", "malformed"),
        ("[]", "malformed"),
        ("x" * (2**20 + 1), "malformed"),
        (b"\x04" + bytes(8), "malformed"),
        (b"", "malformed"),
    ],
)
def test_rule_01_anything_else_is_refused_with_an_answer(first: str | bytes, reason: str) -> None:
    connection = new_connection()
    with pytest.raises(RefusedError) as caught:
        receive(connection, first)
    assert json.loads(caught.value.reply) == {"type": "server/error", "payload": {"reason": reason}}
    assert str(caught.value)
    assert_over(connection)


def test_rule_01_silence_ends_after_thirty_seconds() -> None:
    connection = new_connection(opened_at=7)
    assert connection.timeout_at == 30 * SECOND + 7
    assert connection.handle_timer(at(30 * SECOND + 6)) == []
    with pytest.raises(HandshakeTimeoutError, match="30 s"):
        connection.handle_timer(at(30 * SECOND + 7))
    assert_over(connection)


def test_rule_01_a_malformed_hello_ends_without_a_word() -> None:
    connection = new_connection()
    with pytest.raises(RemoteProtocolError, match="client_id") as caught:
        say(connection, "client/hello", hello_payload(client_id=""))
    assert not isinstance(caught.value, RefusedError)
    assert connection.hello is None
    assert_over(connection)


# Rule 2


@pytest.mark.parametrize("roles", [["player", "controller"], [], ["player"]])
def test_rule_02_a_client_of_the_oldest_era_is_turned_away(roles: list[str]) -> None:
    connection = new_connection()
    with pytest.raises(RemoteProtocolError, match="without any versioned role") as caught:
        say(connection, "client/hello", hello_payload(supported_roles=roles))
    assert not isinstance(caught.value, RefusedError)
    assert_over(connection)


# Rule 3


def test_rule_03_we_answer_with_all_that_was_agreed() -> None:
    client = StrictClient()
    client.receive(greeted().server_hello(ConnectionReason.PLAYBACK))
    assert client.active_roles == ["player@v1", "controller@v1", "metadata@v1"]


def test_rule_03_our_hello_carries_who_we_are_and_why() -> None:
    payload = json.loads(greeted().server_hello(ConnectionReason.PLAYBACK))["payload"]
    assert (payload["server_id"], payload["name"], payload["connection_reason"]) == ("server", "Home", "playback")


@send_names
def test_rule_03_nothing_leaves_before_our_hello(send: str) -> None:
    connection = greeted()
    connection.receive_text(SYNCHRONIZED, at(0))
    assert not connection.can_stream
    with pytest.raises(LocalProtocolError):
        SENDS[send](connection)


@send_names
def test_rule_03_nothing_leaves_before_the_clients_hello(send: str) -> None:
    with pytest.raises(LocalProtocolError):
        SENDS[send](new_connection())


def test_rule_03_our_hello_leaves_once_and_after_the_clients() -> None:
    for connection in (new_connection(), opened()):
        with pytest.raises(LocalProtocolError, match="due once"):
            connection.server_hello(ConnectionReason.DISCOVERY)


# Rule 4


@pytest.mark.parametrize("kind", ["client/hello", "client/init"])
def test_rule_04_a_second_hello_changes_nothing(kind: str) -> None:
    connection = opened()
    before = connection.hello
    events = say(connection, kind, hello_payload(client_id="other", name="Other"))
    assert events == [Ignored(reason=f"message type '{kind}' ignored")]
    assert connection.hello == before


# Rule 5


@pytest.mark.parametrize("role", set(Role) - {Role.ARTWORK})  # artwork has tests of its own: test_artwork.py
def test_rule_05_nothing_is_sent_for_a_role_that_is_not_active(role: Role) -> None:
    others = [other.value for other in Role if other is not role]
    connection = known(hello_payload(supported_roles=others))
    sends = FOR_PLAYERS if role is Role.PLAYER else {role.family}
    for send in sends:
        with pytest.raises(LocalProtocolError):
            SENDS[send](connection)
    for send in {"metadata", "controller", *FOR_PLAYERS} - sends:
        assert SENDS[send](connection)


def test_rule_05_the_players_part_of_a_message_is_ignored_without_the_role() -> None:
    connection = opened(WITHOUT_PLAYER)
    (event,) = say(connection, "client/state", {"state": "synchronized", "player": {"volume": 40}})
    assert isinstance(event, StateChanged)
    assert event.state == ClientState()
    (ignored,) = say(connection, "stream/request-format", {"player": {"codec": "flac"}})
    assert ignored == Ignored(reason="stream/request-format for a role that is not active")
    assert connection.preferred_format is None


def test_rule_05_a_command_is_ignored_without_the_role() -> None:
    connection = opened(hello_payload(supported_roles=["player@v1"]))
    (event,) = say(connection, "client/command", {"controller": {"command": "play"}})
    assert isinstance(event, Ignored)


# Rule 6


def test_rule_06_the_first_state_makes_the_client_known() -> None:
    connection = opened(now=10)
    was_ready = connection.can_stream
    (event,) = say(connection, "client/state", {"player": {"state": "synchronized", "volume": 70}})
    assert isinstance(event, StateChanged)
    assert not event.is_assumed
    assert event.state == connection.state
    assert event.state.volume == 70
    assert event.changed == {"is_available", "is_out_of_sync", "volume"}
    assert connection.timeout_at is None
    assert (was_ready, connection.can_stream) == (False, True)


@pytest.mark.parametrize("payload", [{}, {"player": {}}, {"player": {"state": "synchronized"}}])
def test_rule_06_the_first_state_is_reported_though_it_says_nothing_new(payload: Json) -> None:
    connection = opened()
    (event,) = say(connection, "client/state", payload)
    assert isinstance(event, StateChanged)
    assert say(connection, "client/state", payload) == []


def test_rule_06_later_states_are_merged_and_reported_when_they_differ() -> None:
    connection = known(state={"player": {"volume": 70, "muted": False}})
    (event,) = say(connection, "client/state", {"player": {"volume": 40}})
    assert isinstance(event, StateChanged)
    assert event.changed == {"volume"}
    assert (event.state.volume, event.state.is_muted) == (40, False)
    assert say(connection, "client/state", {"player": {"volume": 40}}) == []
    assert say(connection, "client/state", {"player": {}}) == []


@pytest.mark.parametrize("send", sorted(FOR_PLAYERS | FOR_STREAMS))
def test_rule_06_before_the_state_a_player_is_told_nothing(send: str) -> None:
    connection = opened()
    with pytest.raises(LocalProtocolError):
        SENDS[send](connection)
    for other in ("time_reply", "group_update", "metadata", "controller"):
        assert SENDS[other](connection)


def test_rule_06_a_silent_client_gets_the_defaults_after_five_seconds() -> None:
    connection = opened(now=10)
    assert connection.handle_timer(at(5 * SECOND + 9)) == []
    (event,) = connection.handle_timer(at(5 * SECOND + 10))
    commands = frozenset({PlayerCommand.VOLUME, PlayerCommand.MUTE})
    assert event == StateChanged(state=ClientState(supported_commands=commands), changed=frozenset(), is_assumed=True)
    assert connection.timeout_at is None
    assert connection.handle_timer(at(60 * SECOND)) == []
    assert connection.can_stream
    assert connection.player_volume(5)
    (event,) = say(connection, "client/state", {"player": {"volume": 40}})
    assert isinstance(event, StateChanged)
    assert event.changed == {"volume"}
    assert not event.is_assumed


def test_rule_06_no_state_is_waited_for_without_a_player() -> None:
    connection = opened(WITHOUT_PLAYER)
    assert connection.timeout_at is None
    assert not connection.can_stream


# Rule 7


@pytest.mark.parametrize("listed", FORMATS)
def test_rule_07_a_stream_starts_in_a_format_of_the_clients_list(listed: StreamFormat) -> None:
    connection = known()
    header = HEADER if listed == FLAC_48 else None
    client = StrictClient(is_greeted=True, active_roles=["player@v1"])
    client.receive(connection.stream_start(listed, header, transmitted=at(3)))
    assert client.stream_format == connection.stream_format == listed
    assert client.codec_header == (header or b"")


def test_rule_07_a_stream_starts_in_no_other_format() -> None:
    connection = known(hello_payload(**{"player@v1_support": support_payload((FLAC_48,))}))
    with pytest.raises(LocalProtocolError, match="does not list"):
        connection.stream_start(PCM_48, None, transmitted=at(0))
    assert connection.stream_format is None


def test_rule_07_a_header_exactly_for_flac() -> None:
    for entry, header in ((FLAC_48, None), (PCM_48, HEADER), (OPUS_48, HEADER)):
        connection = known()
        with pytest.raises(LocalProtocolError, match="header"):
            connection.stream_start(entry, header, transmitted=at(0))
        assert connection.stream_format is None


@pytest.mark.parametrize(
    "away", [{"state": "external_source"}, {"available": False}, {"player": {"state": "external_source"}}]
)
def test_rule_07_no_stream_starts_while_the_client_is_away(away: Json) -> None:
    connection = known()
    say(connection, "client/state", away)
    was_ready = connection.can_stream
    with pytest.raises(LocalProtocolError, match="not available"):
        connection.stream_start(PCM_48, None, transmitted=at(0))
    say(connection, "client/state", {"state": "error"})
    assert (was_ready, connection.can_stream) == (False, True)
    assert connection.stream_start(PCM_48, None, transmitted=at(0))


# Rule 8


@pytest.mark.parametrize("send", sorted(FOR_STREAMS))
def test_rule_08_nothing_of_a_stream_without_one(send: str) -> None:
    connection = known()
    with pytest.raises(LocalProtocolError, match="without an active stream"):
        SENDS[send](connection)
    connection = streaming()
    connection.stream_end()
    assert connection.stream_format is None
    with pytest.raises(LocalProtocolError, match="without an active stream"):
        SENDS[send](connection)


def test_rule_08_a_stream_lives_through_clears_and_new_formats_until_it_ends() -> None:
    connection = known()
    client = StrictClient(is_greeted=True, active_roles=["player@v1"])
    for _ in range(2):
        client.receive(connection.stream_start(PCM_48, None, transmitted=at(0)))
        connection.check_audio()
        client.receive(connection.stream_clear(transmitted=at(0)))
        connection.check_audio()
        client.receive(connection.stream_start(PCM_44, None, transmitted=at(0)))
        assert connection.stream_format == PCM_44
        connection.check_audio()
        client.receive(connection.stream_end())
    assert client.kinds == ["stream/start", "stream/clear", "stream/start", "stream/end"] * 2


def test_rule_08_the_stream_of_a_client_that_went_away_can_still_be_ended() -> None:
    connection = streaming()
    say(connection, "client/state", {"available": False})
    connection.check_audio()
    assert connection.stream_end()


# Rule 9


def test_rule_09_a_player_is_told_what_it_takes() -> None:
    connection = known(state={"player": {"supported_commands": ["set_static_delay"]}})
    client = StrictClient(is_greeted=True, active_roles=["player@v1"])
    client.receive(connection.player_volume(0))
    client.receive(connection.player_volume(100))
    client.receive(connection.player_mute(muted=True))
    client.receive(connection.player_output_delay(5_000))
    assert [command["command"] for command in client.commands] == ["volume", "volume", "mute", "set_static_delay"]
    assert client.commands[-1]["static_delay_ms"] == 5_000


def test_rule_09_the_delay_under_the_name_the_client_has_for_it() -> None:
    connection = known(state={"player": {"supported_commands": ["set_output_delay"]}})
    assert '"output_delay_ms":7' in connection.player_output_delay(7)
    say(connection, "client/state", {"player": {"supported_commands": ["set_output_delay", "set_static_delay"]}})
    assert '"static_delay_ms":7' in connection.player_output_delay(7)


def test_rule_09_a_player_is_not_told_what_it_does_not_take() -> None:
    connection = known(hello_payload(**{"player@v1_support": support_payload()}))
    with pytest.raises(LocalProtocolError, match="does not take"):
        connection.player_volume(1)
    with pytest.raises(LocalProtocolError, match="does not take"):
        connection.player_mute(muted=True)
    with pytest.raises(LocalProtocolError, match="does not take"):
        connection.player_output_delay(1)
    say(connection, "client/state", {"player": {"supported_commands": ["volume"]}})
    assert connection.player_volume(1)
    say(connection, "client/state", {"player": {"supported_commands": []}})
    with pytest.raises(LocalProtocolError, match="does not take"):
        connection.player_volume(1)


def test_rule_09_values_stay_in_range() -> None:
    connection = known(state={"player": {"supported_commands": ["set_static_delay"]}})
    for volume in (-1, 101):
        with pytest.raises(LocalProtocolError, match="within 0 to 100"):
            connection.player_volume(volume)
    for delay_ms in (-1, 5_001):
        with pytest.raises(LocalProtocolError, match="within 0 to 5000"):
            connection.player_output_delay(delay_ms)
    assert connection.player_output_delay(0)


# Rule 10


def test_rule_10_a_controller_may_ask_for_what_was_offered_last() -> None:
    connection = opened()
    play = {"controller": {"command": "play"}}
    (event,) = say(connection, "client/command", play)
    assert event == Ignored(reason="client/command play, which was not offered")
    connection.controller(Controller(actions=frozenset({ControllerAction.PLAY})))
    (command,) = say(connection, "client/command", play)
    assert command == CommandReceived(command=ControllerCommand(action=ControllerAction.PLAY))
    (event,) = say(connection, "client/command", {"controller": {"command": "stop"}})
    assert isinstance(event, Ignored)
    connection.controller(Controller(actions=frozenset({ControllerAction.STOP})))
    assert say(connection, "client/command", play) == []  # said once already
    assert connection.ignored_count == 3


def test_rule_10_what_is_never_offered_in_this_era_cannot_be_asked_for() -> None:
    connection = opened()
    connection.controller(Controller(actions=frozenset(ControllerAction)))
    (event,) = say(connection, "client/command", {"controller": {"command": "seek", "position_ms": 5}})
    assert isinstance(event, Ignored)
    (event,) = say(connection, "client/command", {"controller": {"command": "volume", "volume": 5}})
    assert isinstance(event, CommandReceived)
    assert event.command.volume == 5


# Rule 11


def test_rule_11_each_question_for_the_time_is_to_be_answered() -> None:
    connection = opened()
    client = StrictClient(is_greeted=True)
    for number in range(8):
        (event,) = say(connection, "client/time", {"client_transmitted": number}, 100)
        assert event == TimeRequested(request=ClientTime(client_transmitted=number), received_at=at(100))
        client.receive(connection.time_reply(event, at(105)))
    assert client.times == [(number, 100, 105) for number in range(8)]


@pytest.mark.parametrize("interval_us", [20_000, 1_000, 0])
def test_rule_11_a_flood_of_them_ends_the_connection(interval_us: int) -> None:
    connection = opened()
    for number in range(150):
        assert say(connection, "client/time", {"client_transmitted": 1}, 10**9 + number * interval_us)
    with pytest.raises(RemoteProtocolError, match="50 times a second"):
        say(connection, "client/time", {"client_transmitted": 1}, 10**9 + 150 * interval_us)
    assert_over(connection)


def test_rule_11_fewer_are_fine_for_good_and_so_are_bursts() -> None:
    connection = opened()
    for number in range(500):
        assert say(connection, "client/time", {"client_transmitted": 1}, number * 20_001)
    connection = opened()
    for burst in range(5):
        for _ in range(150):
            assert say(connection, "client/time", {"client_transmitted": 1}, burst * 3_000_001)


# Rule 12


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("client/state", {"player": {"volume": "loud", "muted": True}}),
        ("client/state", {"player": []}),
        ("client/command", {"controller": {"command": "dance"}}),
        ("client/command", {}),
        ("stream/request-format", {"player": {"sample_rate": "high", "codec": "flac"}}),
        ("stream/request-format", {"artwork": {}}),
    ],
)
def test_rule_12_a_malformed_wish_counts_for_nothing(kind: str, payload: Json) -> None:
    connection = known()
    before = connection.state
    (event,) = say(connection, kind, payload)
    assert isinstance(event, Ignored)
    assert kind in event.reason
    assert connection.state == before
    assert connection.preferred_format is None
    assert connection.ignored_count == 1
    assert say(connection, kind, payload) == []  # the log has it already
    assert connection.ignored_count == 2
    assert connection.player_volume(3), "the session lives"


def test_rule_12_a_malformed_first_state_leaves_the_client_unknown() -> None:
    connection = opened()
    say(connection, "client/state", {"player": 5})
    assert connection.state is None
    assert connection.timeout_at is not None


@pytest.mark.parametrize(
    "message",
    [
        text("client/time", {}),
        text("client/time", {"client_transmitted": None}),
        text("client/time", {"client_transmitted": "soon"}),
        text("client/time", []),
        '{"payload": {}}',
        "[]",
        "{",
        "x" * (2**20 + 1),
    ],
)
def test_rule_12_any_other_malformed_message_ends_the_connection(message: str) -> None:
    connection = known()
    with pytest.raises(RemoteProtocolError) as caught:
        connection.receive_text(message, at(0))
    assert not isinstance(caught.value, RefusedError)
    assert_over(connection)


def test_rule_12_what_is_read_with_leniency_is_told_once() -> None:
    connection = known()
    state, note = say(connection, "client/state", {"player": {"volume": "40"}})
    assert isinstance(state, StateChanged)
    assert note == Ignored(reason="client/state.player.volume: '40' taken as 40")
    assert say(connection, "client/state", {"player": {"volume": "40"}}) == []
    assert connection.ignored_count == 0
    hello, note = say(new_connection(), "client/hello", hello_payload(version="1"))
    assert isinstance(hello, HelloReceived)
    assert note == Ignored(reason="client/hello.version: '1' taken as 1")


# Rule 13


def test_rule_13_unknown_types_are_told_once_each_and_sixteen_at_most() -> None:
    connection = opened()
    for number in range(20):
        events = say(connection, f"vendor/{number}", {})
        assert events == ([Ignored(reason=f"message type 'vendor/{number}' ignored")] if number < 16 else [])
        assert say(connection, f"vendor/{number}", {"x": 1}) == []
    assert connection.ignored_count == 40


@pytest.mark.parametrize("kind", ["server/hello", "server/time", "stream/start", "group/update", "client/leave", ""])
def test_rule_13_so_are_messages_in_the_wrong_direction(kind: str) -> None:
    (event,) = say(opened(), kind, {})
    assert isinstance(event, Ignored)


def test_rule_13_so_is_binary() -> None:
    connection = opened()
    for data in (b"\x0c" + bytes(20), b"\x04", b""):
        (event,) = connection.receive_binary(data)
        assert isinstance(event, Ignored)
        assert connection.receive_binary(data) == []
    assert connection.ignored_count == 6
    connection.receive_binary(bytes(2**20))
    with pytest.raises(RemoteProtocolError, match="1048577 bytes"):
        connection.receive_binary(bytes(2**20 + 1))
    assert_over(connection)


def test_rule_13_a_peer_cannot_fill_a_log() -> None:
    connection = known()
    count = 0
    for number in range(200):
        count += len(say(connection, "client/state", {"player": {"volume": f"loud {number}"}}))
        count += len(say(connection, "x\n" * 500 + str(number), {}))
    assert count == 64 + 1


# Rule 14


def test_rule_14_after_a_goodbye_it_is_over() -> None:
    connection = streaming()
    (event,) = say(connection, "client/goodbye", {"reason": "user_request"})
    assert event == GoodbyeReceived(reason=LossReason.USER_REQUEST)
    assert_over(connection)


def test_rule_14_a_goodbye_needs_no_reason_that_we_know() -> None:
    (event,) = say(opened(), "client/goodbye", {"reason": {"deep": 1}})
    assert event == GoodbyeReceived(reason=LossReason.CONNECTION_LOST)


# Asking for a format (protocol.md 18.6) is no rule of order, but is remembered by the connection


def test_a_wish_is_resolved_against_what_streams_else_against_the_last_wish_else_the_first_entry() -> None:
    mono = replace(PCM_44, channel_count=1)
    support = support_payload((PCM_48, PCM_44, mono, FLAC_48))
    connection = known(hello_payload(**{"player@v1_support": support}))

    def ask(**fields: object) -> object:
        (event,) = say(connection, "stream/request-format", {"player": fields})
        assert isinstance(event, FormatRequested)
        assert event.format == connection.preferred_format
        return event.format

    assert ask() == PCM_48
    assert ask(sample_rate=44_100) == PCM_44
    assert ask(channels=1) == mono, "the rate is kept from the last wish"
    connection.stream_start(PCM_48, None, transmitted=at(0))
    assert ask(codec="flac") == FLAC_48
    assert ask(sample_rate=44_100) == PCM_44, "it streams PCM still"
