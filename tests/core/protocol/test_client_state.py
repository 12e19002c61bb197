"""client/state: spellings, defaults, and deltas in any pieces."""

from collections.abc import Iterable
from functools import reduce
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.protocol.messages.client_hello import PlayerCommand, PlayerSupport
from core.protocol.messages.client_state import ClientState, initial_state, merge, parse_client_state
from tests.core.protocol.wire import FORMATS, Json, anything, state_as_payload

PLAYER = PlayerSupport(formats=FORMATS, capacity_bytes=9, commands=frozenset({PlayerCommand.VOLUME}))


def after(*payloads: Json, player: PlayerSupport | None = PLAYER) -> ClientState:
    """Return the state after these messages."""
    deltas = (parse_client_state(payload, [], player) for payload in payloads)
    return reduce(lambda state, delta: merge(state, delta)[0], deltas, initial_state(player))


def test_what_holds_before_a_client_says_anything() -> None:
    state = initial_state(PLAYER)
    assert (state.required_lead_time_ms, state.min_buffer_ms, state.output_delay_ms) == (250, 1_000, 0)
    assert (state.volume, state.is_muted) == (None, None)
    assert state.is_available
    assert not state.is_out_of_sync
    assert state.supported_commands == {PlayerCommand.VOLUME}
    assert initial_state(None).supported_commands == frozenset()


@pytest.mark.parametrize("wrap", [lambda word: {"state": word}, lambda word: {"player": {"state": word}}])
@pytest.mark.parametrize(
    ("word", "available", "out_of_sync"),
    [("synchronized", True, False), ("error", True, True), ("external_source", False, False)],
)
def test_the_state_word_in_either_place(wrap: object, word: str, available: bool, out_of_sync: bool) -> None:
    assert callable(wrap)
    state = after({"state": "error"}, {"state": "external_source"}, wrap(word))
    assert (state.is_available, state.is_out_of_sync) == (available, out_of_sync)


def test_availability_of_the_later_eras_leaves_the_word_alone() -> None:
    assert not after({"available": False}).is_available
    state = after({"state": "error"}, {"available": False})
    assert (state.is_available, state.is_out_of_sync) == (False, True)
    assert after({"state": "external_source"}, {"available": "true"}).is_available
    assert not after({"state": "synchronized", "available": 0}).is_available


def test_a_word_of_the_future_changes_nothing() -> None:
    notes: list[str] = []
    assert parse_client_state({"state": "dreaming"}, notes, PLAYER) == {}
    assert notes == ["client/state.state: unknown word 'dreaming'"]


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        *(({"volume": number}, "volume", kept) for number, kept in ((0, 0), (100, 100), (101, 100), (-1, 0), ("7", 7))),
        *(({"muted": word}, "is_muted", kept) for word, kept in ((True, True), (0, False), ("true", True))),
        *(({"static_delay_ms": ms}, "output_delay_ms", kept) for ms, kept in ((0, 0), (120, 120), (9_999, 5_000))),
        ({"output_delay_ms": 33}, "output_delay_ms", 33),
        ({"static_delay_ms": 44, "output_delay_ms": 33}, "output_delay_ms", 44),
        *(
            ({"required_lead_time_ms": ms}, "required_lead_time_ms", kept)
            for ms, kept in ((0, 0), (30_000, 30_000), (30_001, 30_000), (2**60, 30_000), (80.0, 80))
        ),
        *(
            ({"min_buffer_ms": ms}, "min_buffer_ms", kept)
            for ms, kept in ((0, 150), (1, 1), (250, 250), (30_001, 30_000), (-5, 150))
        ),
        (
            {"supported_commands": ["set_static_delay", "jump"]},
            "supported_commands",
            {PlayerCommand.VOLUME, PlayerCommand.SET_STATIC_DELAY},
        ),
        ({"supported_commands": []}, "supported_commands", {PlayerCommand.VOLUME}),
    ],
)
def test_fields_of_the_player(said: Json, field: str, value: object) -> None:
    state = after({"player": said})
    assert getattr(state, field) == value
    before = initial_state(PLAYER)
    others = set(ClientState.__dataclass_fields__) - {field}
    assert all(getattr(state, name) == getattr(before, name) for name in others)


FULL = {
    "state": "error",
    "volume": 40,
    "muted": True,
    "static_delay_ms": 120,
    "required_lead_time_ms": 400,
    "min_buffer_ms": 500,
    "supported_commands": ["set_static_delay"],
}


def test_an_empty_player_changes_nothing() -> None:
    assert after({"player": FULL}, {"player": {}}) == after({"player": FULL}) != initial_state(PLAYER)


@pytest.mark.parametrize("key", FULL)
def test_null_brings_back_what_holds_for_a_client_that_never_said_it(key: str) -> None:
    rest = {name: value for name, value in FULL.items() if name != key}
    assert after({"player": FULL}, {"player": {key: None}}) == after({"player": rest})


def test_a_null_player_brings_back_all_of_it() -> None:
    assert after({"player": FULL}, {"player": None}) == merge(initial_state(PLAYER), {"is_out_of_sync": True})[0]
    assert after({"state": "external_source"}, {"state": None}) == initial_state(PLAYER)
    assert after({"available": False}, {"available": None}) == initial_state(PLAYER)


def test_what_a_player_can_be_told() -> None:
    assert [(state.can_set_volume, state.can_mute, state.can_set_output_delay) for state in _with_each_command()] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False, False, True),
    ]


def _with_each_command() -> Iterable[ClientState]:
    for word in ("volume", "mute", "set_static_delay", "set_output_delay"):
        bare = PlayerSupport(formats=FORMATS, capacity_bytes=9)
        yield after({"player": {"supported_commands": [word]}}, player=bare)


def test_the_player_object_of_an_inactive_role_is_not_looked_at() -> None:
    assert after({"player": {"volume": "loud"}, "state": "error"}, player=None).is_out_of_sync
    assert after({"player": "nonsense"}, player=None) == initial_state(None)


def test_unknown_fields_and_objects_of_other_roles_are_skipped() -> None:
    assert after({"artwork": {"channels": 5}, "x": [], "player": {"y": {}}}) == initial_state(PLAYER)


@pytest.mark.parametrize(
    "malformed",
    [
        *({"player": value} for value in anything([], "x", 5, True)),
        *({"player": {"volume": value}} for value in anything("loud", True, [], {})),
        *({"player": {"muted": value}} for value in anything("maybe", 2, [])),
        *({"player": {key: "x"}} for key in ("static_delay_ms", "required_lead_time_ms", "min_buffer_ms")),
        *({"player": {"supported_commands": value}} for value in anything("volume", {}, 5)),
        *({"player": {"state": value}} for value in anything(5, [], True)),
        *({"state": value} for value in anything(5, [], True)),
        *({"available": value} for value in anything("maybe", 2, [])),
    ],
)
def test_malformed_states(malformed: Json) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client_state(malformed, [], PLAYER)


def test_only_what_differs_is_named() -> None:
    state = after({"player": FULL})
    _, changed = merge(state, parse_client_state({"player": {"volume": 41, "muted": True}}, [], PLAYER))
    assert changed == {"volume"}
    _, changed = merge(state, parse_client_state({"player": FULL}, [], PLAYER))
    assert changed == frozenset()
    _, changed = merge(state, parse_client_state({"state": "external_source"}, [], PLAYER))
    assert changed == {"is_available", "is_out_of_sync"}


states = st.builds(
    ClientState,
    is_available=st.just(value=True),
    is_out_of_sync=st.booleans(),
    volume=st.none() | st.integers(0, 100),
    is_muted=st.none() | st.booleans(),
    output_delay_ms=st.integers(0, 5_000),
    required_lead_time_ms=st.integers(0, 30_000),
    min_buffer_ms=st.integers(1, 30_000),
    supported_commands=st.frozensets(st.sampled_from(PlayerCommand)).map(lambda words: words | {PlayerCommand.VOLUME}),
) | st.just(ClientState(is_available=False, supported_commands=frozenset({PlayerCommand.VOLUME})))


@settings(max_examples=50)
@given(state=states)
def test_what_a_client_writes_is_what_is_read(state: ClientState) -> None:
    assert after(state_as_payload(state)) == state


@settings(max_examples=50)
@given(first=states, state=states, data=st.data())
def test_deltas_in_any_pieces_and_any_order_make_the_same_state(
    first: ClientState, state: ClientState, data: st.DataObject
) -> None:
    player = state_as_payload(state)["player"]
    assert isinstance(player, dict)
    items = data.draw(st.permutations(list(player.items())))
    cuts = data.draw(st.lists(st.integers(0, len(items)), max_size=4).map(sorted))
    edges = [0, *cuts, len(items)]
    pieces: list[Json] = [{"player": dict(items[begin:end])} for begin, end in pairwise(edges)]
    assert after(state_as_payload(first), *pieces) == state
