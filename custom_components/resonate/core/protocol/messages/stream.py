"""stream/start, stream/clear and stream/end, S>C (protocol.md 8.4, 8.7, 18.5).

Clear and end name no roles: all generations of clients take that, while each wants its own spelling of a role. It then
means every stream of the client, so this holds as long as the player's is the only one.
"""

from base64 import b64encode

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


def stream_clear(*, transmitted: ServerTimeUs) -> str:
    """Return the message that empties the client's buffers and leaves its streams open."""
    return serialise("stream/clear", {"server_transmitted": transmitted})


def stream_end() -> str:
    """Return the message that ends the client's streams and cuts what it still holds."""
    return serialise("stream/end", {})
