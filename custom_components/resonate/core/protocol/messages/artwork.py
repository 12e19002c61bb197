"""What displays declare, and what they are told of it (protocol.md 11.1, 11.2, 18.2, 18.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ...errors import RemoteProtocolError
from ...images import MAX_SIDE, ImageFormat, ImageSpec
from ...units import ServerTimeUs
from ..binary import MAX_ARTWORK_CHANNELS
from .envelope import JsonObject, serialise
from .fields import Fields, whole_number
from .text import shown

# What the second generation of clients calls them comes last: it counts where both are sent.
_WIDTH_KEYS: Final = ("width", "media_width")
_HEIGHT_KEYS: Final = ("height", "media_height")


class ArtworkSource(StrEnum):
    """Which picture a channel shows."""

    ALBUM = "album"
    ARTIST = "artist"
    NONE = "none"
    """None at present: the display is used for something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkChannel:
    """One picture of a display."""

    source: ArtworkSource
    image: ImageSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkRequest:
    """What a display wants changed of a channel; None keeps its value."""

    channel: int
    source: ArtworkSource | None = None
    format: ImageFormat | None = None
    width: int | None = None
    height: int | None = None


NO_CHANNEL: Final = ArtworkChannel(
    source=ArtworkSource.NONE, image=ImageSpec(width=1, height=1, format=ImageFormat.JPEG)
)
"""Complete all the same, since the cleartext era's clients expect every field of every channel."""


def parse_channels(support: Fields) -> tuple[ArtworkChannel, ...]:
    """Return the channels in a declaration; what cannot be read is a channel without pictures, for places count.

    Raises RemoteProtocolError when there are none, or more than four.
    """
    entries = support.entries("channels")
    if not entries or len(entries) > MAX_ARTWORK_CHANNELS:
        raise RemoteProtocolError(f"artwork declared with {len(entries or ())} channels")
    return tuple(_parse_channel(support, entry) for entry in entries)


def parse_artwork_request(artwork: Fields) -> ArtworkRequest:
    """Return what a display asks for in `stream/request-format`. Raises RemoteProtocolError when it is malformed."""
    channel = artwork.integer("channel", minimum=-1, maximum=MAX_ARTWORK_CHANNELS)
    if channel is None or not 0 <= channel < MAX_ARTWORK_CHANNELS:
        raise RemoteProtocolError("stream/request-format for no artwork channel")
    return ArtworkRequest(
        channel=channel,
        source=artwork.word("source", ArtworkSource),
        format=artwork.word("format", ImageFormat),
        width=_side(artwork, _WIDTH_KEYS),
        height=_side(artwork, _HEIGHT_KEYS),
    )


def resolve_channel(request: ArtworkRequest, current: ArtworkChannel) -> ArtworkChannel:
    """Return a channel as it is after a request."""
    image = replace(
        current.image,
        width=request.width or current.image.width,
        height=request.height or current.image.height,
        format=request.format or current.image.format,
    )
    return ArtworkChannel(source=request.source or current.source, image=image)


def artwork_stream_start(channels: Sequence[ArtworkChannel], *, transmitted: ServerTimeUs) -> str:
    """Return the message that begins a display's stream or changes it.

    Every field of every channel: one that is incomplete voids the whole message for some clients (protocol.md 11.2).
    """
    declared = [
        {
            "source": channel.source.value,
            "format": channel.image.format.value,
            "width": channel.image.width,
            "height": channel.image.height,
        }
        for channel in channels
    ]
    return serialise("stream/start", {"server_transmitted": transmitted, "artwork": {"channels": declared}})


def _parse_channel(support: Fields, entry: object) -> ArtworkChannel:
    if not isinstance(entry, dict):
        support.note("channels", f"{shown(entry)} taken as none")
        return NO_CHANNEL
    source, image_format = entry.get("source"), entry.get("format")
    if source == ArtworkSource.NONE:
        return NO_CHANNEL
    width, height = (_first_side(entry, keys) for keys in (_WIDTH_KEYS, _HEIGHT_KEYS))
    if source not in list(ArtworkSource) or image_format not in list(ImageFormat) or not (width and height):
        support.note("channels", f"{shown(source)} as {shown(image_format)} without sensible numbers taken as none")
        return NO_CHANNEL
    return ArtworkChannel(
        source=ArtworkSource(source), image=ImageSpec(width=width, height=height, format=ImageFormat(image_format))
    )


def _first_side(entry: JsonObject, keys: Sequence[str]) -> int | None:
    """Return the last of these that is a number of pixels, within what we make; None when there is none."""
    numbers = [number for key in keys if (number := whole_number(entry.get(key))) is not None and number > 0]
    return min(numbers[-1], MAX_SIDE) if numbers else None


def _side(artwork: Fields, keys: Sequence[str]) -> int | None:
    sides = [artwork.integer(key, minimum=1, maximum=MAX_SIDE) for key in keys if key in artwork]
    return sides[-1] if sides else None
