"""What a player hears, as a value: equal values are one channel, rendered once."""

from dataclasses import dataclass
from typing import Final, NewType

from .formats import STEREO, Layout

FeedId = NewType("FeedId", str)
MAIN_FEED: Final = FeedId("main")
"""The mix that always exists: serves everybody without a sound of its own, and all analysis. Any other feed is the same
mix, but for the media that bring something of their own for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Which feed, which lanes, how late."""

    feed: FeedId = MAIN_FEED
    layout: Layout = STEREO
    """The lanes it has; those of the tracks are mapped to them."""
    delay_frames: int = 0
    """How far behind the mix it is read, at the mix rate."""
