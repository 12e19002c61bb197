"""stream/request-format, C>S: a player of the cleartext era asks for another format (protocol.md 18.6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import RemoteProtocolError
from ...formats import Codec, StreamFormat
from .envelope import JsonObject
from .fields import MAX_NUMBER, Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatRequest:
    """What a player wants changed; None keeps its value."""

    codec: Codec | None = None
    sample_rate: int | None = None
    """Hz."""
    channel_count: int | None = None
    bit_depth: int | None = None


def parse_request_format(payload: JsonObject, notes: list[str]) -> FormatRequest:
    """Return the player's request. Raises RemoteProtocolError when it is malformed or not for the player role."""
    player = Fields(payload, "stream/request-format", notes).nested("player")
    if player is None:
        raise RemoteProtocolError("stream/request-format for no role that we implement")
    return FormatRequest(
        codec=player.word("codec", Codec),
        sample_rate=player.integer("sample_rate", minimum=0, maximum=MAX_NUMBER),
        channel_count=player.integer("channels", minimum=0, maximum=MAX_NUMBER),
        bit_depth=player.integer("bit_depth", minimum=0, maximum=MAX_NUMBER),
    )


def resolve_format(request: FormatRequest, *, current: StreamFormat, listed: Sequence[StreamFormat]) -> StreamFormat:
    """Return the entry of the player's list that matches best what it asks for, and then what it has.

    Codec counts most, then rate, channels, depth; among equals the list's order. Entries that can be produced come
    before all others. `listed` is not empty.
    """

    def fitness(entry: StreamFormat) -> tuple[bool, int, int]:
        return entry.is_producible, _likeness(entry, request), _likeness(entry, _as_request(current))

    return max(listed, key=fitness)  # the first of equals


def _as_request(stream_format: StreamFormat) -> FormatRequest:
    return FormatRequest(
        codec=stream_format.codec,
        sample_rate=stream_format.sample_rate,
        channel_count=stream_format.channel_count,
        bit_depth=stream_format.bit_depth,
    )


def _likeness(entry: StreamFormat, wanted: FormatRequest) -> int:
    return (
        8 * (entry.codec is wanted.codec)
        + 4 * (entry.sample_rate == wanted.sample_rate)
        + 2 * (entry.channel_count == wanted.channel_count)
        + (entry.bit_depth == wanted.bit_depth)
    )
