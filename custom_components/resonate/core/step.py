"""What goes into a step of the renderer and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .media.source import Passage
from .media.tags import Tags
from .stream.chunk import PlayerOutput
from .stream.work import Work
from .units import ClientId, ServerTimeUs, TrackId


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInput:
    """What the media pool has read for a track since the last step."""

    passages: tuple[Passage, ...] = ()
    is_ended: bool = False
    """Nothing follows them."""
    is_broken: bool = False
    """Nothing follows them, though something should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStarted:
    """The first frame of a track became audible, or the first one after a halt or a wait."""

    track_id: TrackId
    at: ServerTimeUs
    position_us: int
    """What of its medium is heard at `at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEnded:
    """The last frame of a track was audible, or another took its place."""

    track_id: TrackId
    at: ServerTimeUs


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStarved:
    """A track had nothing to give in time: silence of this length is heard at `at` and its medium goes on after it."""

    track_id: TrackId
    at: ServerTimeUs
    length_us: int
    position_us: int
    """Where the medium goes on after the silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackTagged:
    """The first frame became audible from which on a medium says this of itself."""

    track_id: TrackId
    at: ServerTimeUs
    tags: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """Nothing is heard any more; this is where it goes on."""

    at: ServerTimeUs
    track_id: TrackId | None
    position_us: int


type TrackEvent = TrackStarted | TrackEnded | TrackStarved | TrackTagged | Halted
"""What a step tells of tracks, in the order in which it was heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """Everything a step has to say."""

    outputs: Mapping[ClientId, PlayerOutput] = field(default_factory=dict)
    events: tuple[TrackEvent, ...] = ()
    wanted: Mapping[TrackId, int] = field(default_factory=dict)
    """How many frames each track could take now."""
    hungry: frozenset[TrackId] = frozenset()
    """The tracks whose next data is worth a step at once; others' can wait for `wake_at`."""
    wake_at: ServerTimeUs | None = None
    """When to step again, if no command and no data of a hungry track comes before; None: only then."""
    spare_us: int | None = None
    """How much was rendered ahead of what is heard as the step began; None where that was all there was to render."""
    horizon_us: int = 0
    """How much is to be."""
    dropped: frozenset[TrackId] = frozenset()
    """The tracks that a `DropFollowing` took out."""
    is_finished: bool = False
    """All has been heard, every stream has ended: no further step."""
    work: Work = field(default_factory=Work)
    """The work done since the renderer was made."""
    held_bytes: Mapping[ClientId, int] = field(default_factory=dict)
    """What each player holds."""
    held_until: Mapping[ClientId, ServerTimeUs] = field(default_factory=dict)
    """When the last of it ends."""
