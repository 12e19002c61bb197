"""Whatever arrives, and in whatever order things are done."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
import json

from hypothesis import given, settings, strategies as st
import pytest

from core.errors import LocalProtocolError, RefusedError, RemoteProtocolError
from core.events import ControllerAction
from core.formats import StreamFormat
from core.protocol.connection import Connection
from core.protocol.events import ConnectionEvent, GoodbyeReceived, Ignored, StateChanged, TimeRequested
from core.protocol.messages.client_time import ClientTime
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller, Metadata
from core.units import GroupId
from tests.core.protocol.wire import (
    FLAC_48,
    FORMATS,
    HEADER,
    PCM_48,
    StrictClient,
    at,
    hello_payload,
    new_connection,
    text,
)

KINDS = (
    *("client/hello", "client/init", "client/state", "client/time", "client/command", "client/goodbye"),
    *("stream/request-format", "server/hello", "vendor/new"),
)
KEYS = (
    *("client_id", "name", "version", "supported_roles", "device_info", "player@v1_support", "player_support"),
    *("supported_formats", "buffer_capacity", "supported_commands", "codec", "channels", "sample_rate", "bit_depth"),
    *("mac_address", "product_name", "available", "state", "player", "volume", "muted", "static_delay_ms"),
    *("required_lead_time_ms", "min_buffer_ms", "client_transmitted", "controller", "command", "mute", "position_ms"),
    *("reason", "type", "payload"),
)
WORDS = (
    "player@v1",
    "metadata@v1",
    "pcm",
    "flac",
    "volume",
    "seek",
    "synchronized",
    "error",
    "true",
    "1",
    "48000.0",
    "",
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@st.composite
def bent_payloads(draw: st.DrawFn, payload: dict[str, object]) -> dict[str, object]:
    """Return a good payload with a few of its fields, at any depth, replaced by anything."""
    bent: dict[str, object] = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(0, 3))):
        target = bent
        while isinstance(inner := target.get(key := draw(st.sampled_from(list(target) or ["x"]))), dict):
            if draw(st.booleans()):
                break
            target = inner
        target[key] = draw(values)
    return bent


payloads = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), values, max_size=6),
    bent_payloads(hello_payload(device_info={"mac_address": "aa:bb:cc:dd:ee:ff"})),
    bent_payloads({"state": "error", "player": {"volume": 5, "muted": True, "min_buffer_ms": 5, "state": "error"}}),
    bent_payloads({"controller": {"command": "volume", "volume": 5}}),
    bent_payloads({"player": {"codec": "flac", "bit_depth": 16}}),
    bent_payloads({"client_transmitted": 5}),
)
messages = st.builds(text, st.sampled_from(KINDS), payloads) | st.text(max_size=20) | values.map(json.dumps)
HELLO = text("client/hello", hello_payload())


@settings(max_examples=150)
@given(incoming=st.lists(messages | st.binary(max_size=12), max_size=6), is_hello_first=st.booleans())
def test_only_the_peers_error_comes_out_whatever_comes_in(incoming: list[str | bytes], is_hello_first: bool) -> None:
    connection, is_first, refused = new_connection(), True, None
    for message in [HELLO, *incoming] if is_hello_first else incoming:
        is_first = connection.hello is None
        try:
            events = receive(connection, message)
        except RemoteProtocolError as error:
            refused = error
            break
        for event in events:
            if isinstance(event, Ignored):
                assert len(event.reason) < 400
                assert event.reason.isprintable()
                event.reason.encode()
            if isinstance(event, StateChanged):
                assert event.state == connection.state
        if connection.state is not None:
            state = connection.state
            assert state.volume is None or 0 <= state.volume <= 100
            assert 0 <= state.output_delay_ms <= 5_000
            assert 0 <= state.required_lead_time_ms <= 30_000
            assert 0 < state.min_buffer_ms <= 30_000
        assert connection.preferred_format in {None, *(connection.hello.formats if connection.hello else ())}
    assert is_first or not isinstance(refused, RefusedError), "only what comes first is answered with a refusal"
    str(refused).encode()


def receive(connection: Connection, message: str | bytes) -> list[ConnectionEvent]:
    if isinstance(message, str):
        return connection.receive_text(message, at(0))
    return connection.receive_binary(message)


@dataclass
class Model:
    """What is allowed, told once more in the plainest words; the peer's end of it is a strict client."""

    roles: frozenset[str]
    client: StrictClient = field(default_factory=StrictClient)
    is_greeted: bool = False
    is_open: bool = False
    is_over: bool = False
    is_known: bool = False
    is_available: bool = True
    is_streaming: bool = False

    @property
    def can_send(self) -> bool:
        return self.is_open and not self.is_over

    @property
    def can_start(self) -> bool:
        return self.can_send and "player@v1" in self.roles and self.is_known and self.is_available

    @property
    def can_command(self) -> bool:
        return self.can_send and "player@v1" in self.roles and self.is_known


def attempt(model: Model, allowed: bool, send: Callable[[], str | None]) -> None:
    """Send; it must work exactly when it is allowed, and the client must then accept it."""
    if allowed:
        message = send()
        if message is not None:
            model.client.receive(message)
        else:
            model.client.audio()
    else:
        with pytest.raises(LocalProtocolError):
            send()


def client_hello(model: Model, connection: Connection) -> None:
    if not (model.is_greeted or model.is_over):
        connection.receive_text(text("client/hello", hello_payload(supported_roles=sorted(model.roles))), at(0))
        model.is_greeted = True


def client_state(model: Model, connection: Connection, *, available: bool) -> None:
    if model.is_greeted and not model.is_over:
        connection.receive_text(text("client/state", {"available": available}), at(0))
        model.is_known, model.is_available = True, available


def state_time_is_over(model: Model, connection: Connection) -> None:
    if model.is_greeted and not model.is_over and "player@v1" in model.roles:
        assert (connection.timeout_at is None) is model.is_known
        connection.handle_timer(at(5_000_000))
        model.is_known = True


def goodbye(model: Model, connection: Connection) -> None:
    if model.is_greeted and not model.is_over:
        (event,) = connection.receive_text(text("client/goodbye", {"reason": "restart"}), at(0))
        assert isinstance(event, GoodbyeReceived)
        model.is_over = True


def server_hello(model: Model, connection: Connection) -> None:
    allowed = model.is_greeted and not model.is_open and not model.is_over
    attempt(model, allowed, lambda: connection.server_hello(ConnectionReason.DISCOVERY))
    model.is_open = model.is_open or allowed


def stream_start(model: Model, connection: Connection, *, entry: StreamFormat, good: bool) -> None:
    header = HEADER if (entry == FLAC_48) is good else None
    assert connection.can_stream is model.can_start
    allowed = model.can_start and good
    attempt(model, allowed, lambda: connection.stream_start(entry, header, transmitted=at(0)))
    model.is_streaming = model.is_streaming or allowed


def stream_end(model: Model, connection: Connection) -> None:
    attempt(model, model.can_send and model.is_streaming, connection.stream_end)
    if model.can_send:
        model.is_streaming = False


def others(model: Model, connection: Connection) -> None:
    """Send everything that changes nothing."""
    streams = model.can_send and model.is_streaming
    attempt(model, streams, lambda: connection.stream_clear(transmitted=at(0)))
    attempt(model, streams, connection.check_audio)
    attempt(model, model.can_command, lambda: connection.player_volume(5))
    attempt(model, model.can_command, lambda: connection.player_mute(muted=True))
    attempt(model, False, lambda: connection.player_output_delay(5))
    time = TimeRequested(request=ClientTime(client_transmitted=-1), received_at=at(0))
    attempt(model, model.can_send, lambda: connection.time_reply(time, at(1)))
    group = GroupId("g")
    attempt(model, model.can_send, lambda: connection.group_update(is_playing=True, group_id=group, name="G"))
    controller = Controller(actions=frozenset({ControllerAction.PLAY}))
    is_controller = model.can_send and "controller@v1" in model.roles
    attempt(model, is_controller, lambda: connection.controller(controller))
    is_metadata = model.can_send and "metadata@v1" in model.roles
    attempt(model, is_metadata, lambda: connection.metadata(Metadata(timestamp=at(0))))


steps = st.one_of(
    *(st.just(step) for step in (client_hello, server_hello, stream_end, others)),
    st.sampled_from([True, False]).map(
        lambda available: lambda model, connection: client_state(model, connection, available=available)
    ),
    st.tuples(st.sampled_from(FORMATS), st.sampled_from([True, True, False])).map(
        lambda chosen: lambda model, connection: stream_start(model, connection, entry=chosen[0], good=chosen[1])
    ),
    st.just(state_time_is_over),
    st.sampled_from([goodbye, others, others, others]),
)
role_sets = st.frozensets(st.sampled_from(["player@v1", "metadata@v1", "controller@v1"]), min_size=1)


@settings(max_examples=150)
@given(
    roles=st.just(frozenset({"player@v1", "metadata@v1", "controller@v1"})) | role_sets,
    steps=st.lists(steps, max_size=20),
    is_started=st.booleans(),
)
def test_what_is_allowed_works_and_is_understood_and_nothing_else_leaves(
    roles: frozenset[str], steps: list[Callable[[Model, Connection], None]], is_started: bool
) -> None:
    model, connection = Model(roles), new_connection()
    for step in [client_hello, server_hello, *steps] if is_started else steps:
        step(model, connection)
        expected = model.client.stream_format
        assert connection.stream_format == expected
        assert model.is_streaming is (expected is not None)


def test_the_model_itself_sees_a_whole_session() -> None:
    model, connection = Model(frozenset({"player@v1", "metadata@v1", "controller@v1"})), new_connection()
    client_hello(model, connection)
    server_hello(model, connection)
    client_state(model, connection, available=True)
    stream_start(model, connection, entry=replace(PCM_48), good=True)
    others(model, connection)
    stream_end(model, connection)
    goodbye(model, connection)
    assert model.client.kinds[:2] == ["server/hello", "stream/start"]
    assert model.client.kinds[-1] == "stream/end"
    assert len(model.client.kinds) == 10
