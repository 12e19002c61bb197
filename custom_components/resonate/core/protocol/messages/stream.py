"""stream/start, stream/clear and stream/end, S>C (protocol.md 8.4, 8.7, 18.5).

Clear and end name no roles where the player's stream is the only one: all generations of clients take that, while each
wants its own spelling of a role. Beside another stream they must, since without roles every stream is meant.
"""

from base64 import b64encode
from collections.abc import Sequence

from ...formats import Codec, StreamFormat
from ...units import ServerTimeUs
from .envelope import JsonObject, serialise


def player_stream_start(stream_format: StreamFormat, codec_header: bytes | None, *, transmitted: ServerTimeUs) -> str:
    """Return the message that begins a player's stream or changes its format: complete, since old clients demand it."""
    player: JsonObject = {
        "codec": stream_format.codec.value,
        "sample_rate": stream_format.sample_rate,
        "channels": stream_format.channel_count,
        "bit_depth": 16 if stream_format.codec is Codec.OPUS else stream_format.bit_depth,
    }
    if codec_header is not None:
        player["codec_header"] = b64encode(codec_header).decode()
    return serialise("stream/start", {"server_transmitted": transmitted, "player": player})


def stream_clear(*roles: str, transmitted: ServerTimeUs) -> str:
    """Return the message that empties the client's buffers, of all roles or these, and leaves its streams open."""
    return serialise("stream/clear", {"server_transmitted": transmitted} | _roles(roles))


def stream_end(*roles: str) -> str:
    """Return the message that ends the client's streams, of all roles or these, and cuts what it still holds."""
    return serialise("stream/end", _roles(roles))


def _roles(roles: Sequence[str]) -> JsonObject:
    return {"roles": list(roles)} if roles else {}
