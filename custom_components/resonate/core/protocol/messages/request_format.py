"""stream/request-format, C>S: a client of the cleartext era asks for another format (protocol.md 18.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...errors import RemoteProtocolError
from ...formats import Codec, StreamFormat
from .artwork import ArtworkRequest, parse_artwork_request
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


class Requests(NamedTuple):
    """What each role asks for; None: nothing."""

    player: FormatRequest | None
    artwork: ArtworkRequest | None


def parse_request_format(payload: JsonObject, notes: list[str]) -> Requests:
    """Return what is asked. Raises RemoteProtocolError when it is malformed or for no role that we implement."""
    fields = Fields(payload, "stream/request-format", notes)
    player, artwork = fields.nested("player"), fields.nested("artwork")
    if player is None and artwork is None:
        raise RemoteProtocolError("stream/request-format for no role that we implement")
    return Requests(
        None if player is None else _parse_player(player),
        None if artwork is None else parse_artwork_request(artwork),
    )


def _parse_player(player: Fields) -> FormatRequest:
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
