"""What is being played."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..channel import FeedId
from .source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStream:
    """A main source, and sources of its own for some feeds."""

    main: Source
    feeds: Mapping[FeedId, Source] = field(default_factory=dict)
