"""The small messages of clients: time, command, request for a format, goodbye."""

from hypothesis import given, settings, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.events import ControllerAction, LossReason
from core.formats import Codec, StreamFormat
from core.protocol.messages.client_command import ControllerCommand, parse_client_command
from core.protocol.messages.client_time import ClientTime, parse_client_time, server_time
from core.protocol.messages.envelope import parse_envelope
from core.protocol.messages.goodbye import parse_goodbye
from core.protocol.messages.request_format import FormatRequest, parse_request_format, resolve_format
from tests.core.protocol.wire import FLAC_48, OPUS_48, PCM_44, PCM_48, Json, StrictClient, anything, at

ECHOED = [0, 1, -1, -(2**63), 2**64 - 1, 2.0**70, 0.25, -3.5, "123", "-7", "1.5"]


@pytest.mark.parametrize("stamp", ECHOED)
def test_a_clients_stamp_is_echoed_as_it_came(stamp: float | str) -> None:
    request = parse_client_time({"client_transmitted": stamp, "more": 1})
    client = StrictClient(is_greeted=True)
    client.receive(server_time(request, received=at(5), transmitted=at(8)))
    ((echo, received, transmitted),) = client.times
    assert (echo, received, transmitted) == (stamp, 5, 8)
    assert type(echo) is type(stamp)


@given(st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_stamp_survives_both_ways(stamp: float) -> None:
    text = server_time(ClientTime(client_transmitted=stamp), received=at(0), transmitted=at(0))
    assert parse_client_time(parse_envelope(text).payload) == ClientTime(client_transmitted=stamp)


@pytest.mark.parametrize("stamp", [None, "", "now", True, [], {}, ...])
def test_a_question_without_a_stamp_is_malformed(stamp: object) -> None:
    with pytest.raises(RemoteProtocolError, match="client_transmitted"):
        parse_client_time({} if stamp is ... else {"client_transmitted": stamp})


def command(**fields: object) -> tuple[ControllerCommand, list[str]]:
    notes: list[str] = []
    return parse_client_command({"controller": fields}, notes), notes


NEEDED = {"volume": "volume", "mute": "mute", "seek": "position_ms", "seek_relative": "offset_ms"}


@pytest.mark.parametrize("action", [word for word in ControllerAction if word not in NEEDED])
def test_commands_without_a_parameter_take_none(action: ControllerAction) -> None:
    expected = ControllerCommand(action=action)
    assert command(command=action.value) == (expected, [])
    assert command(command=action.value, volume="x", mute=[], position_ms={}, offset_ms="y") == (expected, [])


@pytest.mark.parametrize(
    ("action", "value", "taken"),
    [
        *(("volume", number, kept) for number, kept in ((0, 0), (100, 100), (150, 100), (-1, 0), ("40", 40))),
        *(("mute", word, kept) for word, kept in ((True, True), (False, False), (1, True), ("false", False))),
        *(("seek", number, kept) for number, kept in ((0, 0), (1_000.0, 1_000), (-5, 0), (2**40, 2**31 - 1))),
        *(("seek_relative", number, number) for number in (-10_000, 0, 10_000)),
        *(("seek_relative", number, kept) for number, kept in ((-(2**40), -(2**31) + 1), (2**40, 2**31 - 1))),
    ],
)
def test_commands_with_a_parameter(action: str, value: object, taken: object) -> None:
    parsed, _ = command(command=action, **{NEEDED[action]: value})
    assert parsed.action == action
    parameters = {name: getattr(parsed, name) for name in NEEDED.values()}
    assert parameters == dict.fromkeys(NEEDED.values()) | {NEEDED[action]: taken}


@pytest.mark.parametrize("action", NEEDED)
@pytest.mark.parametrize("wrong", [{}, None, "x", []])
def test_a_command_that_misses_its_parameter_is_none(action: str, wrong: object) -> None:
    fields = {} if wrong == {} else {NEEDED[action]: wrong}
    with pytest.raises(RemoteProtocolError):
        command(command=action, **fields)


@pytest.mark.parametrize(
    "payload",
    [
        *({}, {"controller": None}, {"controller": {}}, {"controller": {"command": "dance"}}, {"player": {}}),
        *({"controller": {"command": word}} for word in anything(None, 5, [], "PLAY")),
        *({"controller": value} for value in anything("play", [], 5)),
    ],
)
def test_what_is_no_command(payload: Json) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client_command(payload, [])


@pytest.mark.parametrize(
    "word",
    [
        *("another_server", "concurrent_attempt", "restart", "shutdown", "user_request"),
        *("unauthorized", "pairing_required", "unpaired"),
    ],
)
def test_the_wires_reasons_to_leave(word: str) -> None:
    assert parse_goodbye({"reason": word}) == LossReason(word)


@pytest.mark.parametrize(
    "reason", ["too_slow", "protocol_error", "replaced", "server_stopped", "bored", "", None, 5, [], {}, ...]
)
def test_any_other_reason_is_none(reason: object) -> None:
    assert parse_goodbye({} if reason is ... else {"reason": reason}) is LossReason.CONNECTION_LOST


def request(**fields: object) -> FormatRequest | None:
    return parse_request_format({"player": fields}, []).player


def test_a_request_names_what_it_wants_changed() -> None:
    assert request() == FormatRequest()
    assert request(codec=None, sample_rate=None, channels=None, bit_depth=None) == FormatRequest()
    assert request(codec="flac", sample_rate=44_100.0, channels="2", bit_depth=24) == FormatRequest(
        codec=Codec.FLAC, sample_rate=44_100, channel_count=2, bit_depth=24
    )
    assert request(codec="aac", channels=1) == FormatRequest(channel_count=1)


@pytest.mark.parametrize(
    "payload",
    [
        *({}, {"player": None}, {"artwork": None}, {"player": []}, {"player": "flac"}, {"artwork": 5}),
        *({"artwork": {"channel": channel}} for channel in anything(None, -1, 4, "x", [])),
        *({"artwork": {"channel": 0, key: "x"}} for key in ("media_width", "height")),
        *({"player": {key: "x"}} for key in ("sample_rate", "channels", "bit_depth")),
        {"player": {"codec": 5}},
    ],
)
def test_what_is_no_request(payload: Json) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_request_format(payload, [])


def make(codec: Codec, rate: int, channels: int, depth: int) -> StreamFormat:
    return StreamFormat(codec=codec, sample_rate=rate, channel_count=channels, bit_depth=depth)


FLAC_48_24 = make(Codec.FLAC, 48_000, 2, 24)
PCM_48_24 = make(Codec.PCM, 48_000, 2, 24)
PCM_MONO = make(Codec.PCM, 44_100, 1, 16)
PCM_1 = make(Codec.PCM, 1, 2, 16)
LISTED = (PCM_48, PCM_48_24, FLAC_48_24, OPUS_48, PCM_44, PCM_MONO)


@pytest.mark.parametrize(
    ("wanted", "current", "best"),
    [
        (FormatRequest(), PCM_44, PCM_44),
        (FormatRequest(codec=Codec.FLAC), PCM_48, FLAC_48_24),
        (FormatRequest(codec=Codec.FLAC, bit_depth=24), PCM_48, FLAC_48_24),
        (FormatRequest(bit_depth=24), PCM_48, PCM_48_24),
        (FormatRequest(bit_depth=24), FLAC_48_24, FLAC_48_24),
        (FormatRequest(bit_depth=16), FLAC_48_24, PCM_48),
        (FormatRequest(sample_rate=44_100), PCM_48, PCM_44),
        (FormatRequest(sample_rate=44_100, channel_count=1), PCM_48, PCM_MONO),
        (FormatRequest(channel_count=1), PCM_48, PCM_MONO),
        (FormatRequest(codec=Codec.OPUS, sample_rate=44_100), PCM_44, OPUS_48),
        (FormatRequest(sample_rate=44_100, bit_depth=24), PCM_48, PCM_44),
        (FormatRequest(channel_count=1, bit_depth=24), PCM_48, PCM_MONO),
        (FormatRequest(sample_rate=96_000), PCM_48_24, PCM_48_24),
        (FormatRequest(codec=Codec.OPUS), PCM_MONO, OPUS_48),
    ],
)
def test_the_listed_format_that_matches_best(wanted: FormatRequest, current: StreamFormat, best: StreamFormat) -> None:
    assert resolve_format(wanted, current=current, listed=LISTED) == best


def test_formats_that_cannot_be_produced_come_last() -> None:
    wanted = FormatRequest(sample_rate=1)
    assert resolve_format(wanted, current=PCM_1, listed=(PCM_1, FLAC_48)) == FLAC_48
    assert resolve_format(wanted, current=PCM_48, listed=(PCM_1,)) == PCM_1


def test_among_equals_the_lists_order_decides() -> None:
    mono, six = make(Codec.PCM, 48_000, 1, 16), make(Codec.PCM, 48_000, 6, 16)
    for listed in ((mono, six), (six, mono)):
        assert resolve_format(FormatRequest(codec=Codec.PCM), current=FLAC_48, listed=listed) == listed[0]


numbers = st.none() | st.sampled_from([1, 2, 16, 24, 44_100, 48_000])
requests = st.builds(
    FormatRequest,
    codec=st.none() | st.sampled_from(Codec),
    sample_rate=numbers,
    channel_count=numbers,
    bit_depth=numbers,
)


@settings(max_examples=50)
@given(wanted=requests, current=st.sampled_from(LISTED), listed=st.permutations(LISTED))
def test_the_answer_is_listed_and_asking_for_it_changes_nothing(
    wanted: FormatRequest, current: StreamFormat, listed: list[StreamFormat]
) -> None:
    best = resolve_format(wanted, current=current, listed=listed)
    assert best in listed
    assert resolve_format(wanted, current=best, listed=listed) == best
    assert resolve_format(FormatRequest(), current=best, listed=listed) == best
