"""Wishes the outside sends into a running renderer: frozen, accepted at the start of a step."""

from dataclasses import dataclass

from .channel import FeedId
from .stream.topology import Topology
from .units import ServerTimeUs, TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTopology:
    """These players, in these formats, from now on."""

    topology: Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTrack:
    """A track that follows the last one without a gap, or takes the place of all that is there."""

    track_id: TrackId
    replaces: bool = False
    """Everything else goes, as soon as this one has data: what players hold is cleared, it is heard after the lead."""
    position_us: int = 0
    """Where in its medium it begins."""
    is_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFollowing:
    """What follows a track goes, as far as players have been sent nothing of it; `StepResult.dropped` tells what."""

    track_id: TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSide:
    """What these feeds hear in the place of a track, once there is something; one after the other, the first counts."""

    track_id: TrackId
    beside: TrackId
    feeds: frozenset[FeedId]
    position_us: int
    """Where in the medium it begins; the track itself is heard before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeeds:
    """These feeds, and no others, hear a side; a side that none does goes."""

    track_id: TrackId
    feeds: frozenset[FeedId]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseQueue:
    """Nothing follows the last track: when it has ended, drain and finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Begin, or go on after `Halt`, at the first frame that has not been heard."""

    start_at: ServerTimeUs | None = None
    """When that frame is to be heard; never before the lead allows. None: as soon as possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Nothing more is heard from this instant on; what was not heard by then is kept for `Run`."""

    at: ServerTimeUs | None = None
    """None: now."""


type Command = SetTopology | AddTrack | DropFollowing | AddSide | SetFeeds | CloseQueue | Run | Halt
"""Everything a renderer can be told."""
