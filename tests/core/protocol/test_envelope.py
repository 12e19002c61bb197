"""The envelope, and what is no envelope."""

import json

from hypothesis import given, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.protocol.messages.envelope import MAX_MESSAGE_BYTES, parse_envelope, serialise


def test_type_and_payload_in_any_order() -> None:
    assert parse_envelope('{"payload": {"a": 1}, "type": "x", "more": 2}') == ("x", {"a": 1})
    assert json.loads(serialise("x", {"a": None})) == {"type": "x", "payload": {"a": None}}


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "x", "[]", "null", "1", '"type"', "{}", "\ufeff{}"),
        *('{"type": "x"}', '{"payload": {}}', '{"type": 1, "payload": {}}', '{"type": null, "payload": {}}'),
        *('{"type": "x", "payload": []}', '{"type": "x", "payload": null}', '{"type": "x", "payload": "{}"}'),
        *('{"type": "x", "payload": {"a": NaN}}', '{"type": "x", "payload": {"a": Infinity}}'),
        *('{"type": "x", "payload": {"a": 1e999}}', '{"type": "x", "payload": {"a": ' + "9" * 5000 + "}}"),
        *('{"type": "\\ud800", "payload": {}}', '{"type": "\ud800", "payload": {}}', "\udcff"),
        *('{"type": "x", "payload": {"a": ' + "[" * n + "]" * n + "}}" for n in (2_000, 200_000)),
        *("[" * 500_000, '{"a":' * 100_000),
    ],
)
def test_anything_else_is_the_peers_fault(wrong: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_envelope(wrong)


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f50a"])
def test_a_message_is_limited_in_bytes_not_in_characters(letter: str) -> None:
    frame = '{"type":"x","payload":{"a":"%s"}}'
    room = MAX_MESSAGE_BYTES - len(frame) + 2
    fits = frame % (letter * (room // len(letter.encode())) + "a" * (room % len(letter.encode())))
    assert len(fits.encode()) == MAX_MESSAGE_BYTES == 1024 * 1024
    assert parse_envelope(fits).type == "x"
    with pytest.raises(RemoteProtocolError, match="1048577 bytes"):
        parse_envelope(fits + " ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.text() | json_values.map(json.dumps) | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_nothing_but_its_own_error_comes_out(anything: str) -> None:
    try:
        envelope = parse_envelope(anything)
    except RemoteProtocolError:
        return
    assert isinstance(envelope.type, str)
    assert isinstance(envelope.payload, dict)


@given(st.text(), st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1)))
def test_what_is_serialised_is_parsed(kind: str, payload: dict[str, object]) -> None:
    assert parse_envelope(serialise(kind, payload)) == (kind, payload)
