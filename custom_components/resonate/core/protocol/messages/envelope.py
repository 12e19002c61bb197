"""The envelope of every JSON message: `{"type": string, "payload": object}` (protocol.md 3.1, 20.1)."""

from typing import Final, NamedTuple

import orjson

from ...errors import RemoteProtocolError

type JsonObject = dict[str, object]
"""A JSON object as parsed; what is in it is anybody's guess."""

MAX_MESSAGE_BYTES: Final = 1 << 20  # protocol.md 20.1


class Envelope(NamedTuple):
    """One JSON message, its payload still unread."""

    type: str
    payload: JsonObject


def parse_envelope(text: str) -> Envelope:
    """Return type and payload of a message. Raises RemoteProtocolError, and nothing else, whatever the text is."""
    data = text.encode("utf-8", "surrogatepass")  # orjson refuses what the encoder let pass
    if len(data) > MAX_MESSAGE_BYTES:
        raise RemoteProtocolError(f"message of {len(data)} bytes")
    try:
        message: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RemoteProtocolError(f"not JSON: {error.msg}") from error
    if not isinstance(message, dict):
        raise RemoteProtocolError("message is not a JSON object")
    kind = message.get("type")
    payload = message.get("payload")
    if not isinstance(kind, str):
        raise RemoteProtocolError("message without a type")
    if not isinstance(payload, dict):
        raise RemoteProtocolError("message without a payload object")
    return Envelope(kind, payload)


def serialise(kind: str, payload: JsonObject) -> str:
    """Return the text of a message of ours."""
    return orjson.dumps({"type": kind, "payload": payload}).decode()
