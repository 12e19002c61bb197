"""What is being played."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..channel import FeedId
from ..formats import StreamFormat
from ..units import ClientId
from .source import Source


class FeedChoice(NamedTuple):
    """What a player hears of a medium, in the place of its main source."""

    feed: FeedId
    position_us: int
    """From where in the medium on; the main source is heard before."""


type PlayerChannel = Callable[[ClientId, StreamFormat, int], FeedChoice | None]
"""Given a player, what it is sent and where in the medium it begins to hear it (µs): what it is to hear; None: main.

Called on the core's loop, when the player or the medium comes, at a seek, and when asked anew: must not wait. What it
raises is logged, and the player hears the main source.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStream:
    """A main source, which serves everybody without a sound of its own and all analysis, and perhaps others.

    Each source has a format of its own; frame k of all of them is heard at the same instant.
    """

    main: Source
    feeds: Mapping[FeedId, Source] = field(default_factory=dict)
    """Sources that some players hear instead, by name. They are opened when somebody does."""
    player_channel: PlayerChannel | None = None
    """Who hears which; None: everybody hears the main source."""
