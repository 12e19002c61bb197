"""What the outside sees of the server: one frozen picture, made anew whenever something in it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from ..events import LossReason
from ..formats import StreamFormat
from ..queue import Queue
from ..units import ClientId, EntryId, GroupId, ServerTimeUs


class PlaybackState(StrEnum):
    """What a group does, as it is heard."""

    IDLE = "idle"
    BUFFERING = "buffering"
    """Something was asked for; its first frame is not audible yet."""
    PLAYING = "playing"
    PAUSED = "paused"


AUDIBLE_STATES: Final = (PlaybackState.PLAYING, PlaybackState.BUFFERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSnapshot:
    """One known client, connected or not."""

    client_id: ClientId
    name: str
    group_id: GroupId
    is_connected: bool
    is_available: bool
    """Connected, and not used by something else."""
    is_player: bool
    loss_reason: LossReason | None = None
    """Why it is not connected."""
    address: str | None = None
    product_name: str | None = None
    manufacturer: str | None = None
    software_version: str | None = None
    mac_address: str | None = None
    """Lower case with colons."""
    volume: int | None = None
    """0-100 as the client reports it."""
    is_muted: bool | None = None
    output_delay_ms: int | None = None
    can_set_volume: bool = False
    can_mute: bool = False
    can_set_output_delay: bool = False
    formats: tuple[StreamFormat, ...] = ()
    """What it lists and we can make, most preferred first."""
    format_problem: str | None = None
    """Why it cannot be played to, to be put behind its name; None when it can."""
    is_ready: bool = False
    """It can be played to right now."""
    stream_format: StreamFormat | None = None
    """What it is being sent; None when nothing."""
    sent_bytes: int = field(default=0, compare=False)
    """Audio written to it since it connected; not kept up to date by the chunk, only when something else changes."""
    is_out_of_sync: bool = False
    """It says so itself; it goes on receiving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumSnapshot:
    """What a group plays."""

    media_id: str
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    year: int | None = None
    track: int | None = None
    """Its number on the album, from 1 on."""
    mime_type: str | None = None
    duration_us: int | None = None
    is_live: bool = False
    is_seekable: bool = False
    artwork_digest: str | None = None
    """Stands for its picture, which the server gives out; None without one, or while it is looked for."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What goes on once nothing more is heard in between."""

    state: PlaybackState
    entry_id: EntryId | None
    """What was heard, or paused; None: nothing."""
    position_us: int
    """Where in that it goes on; a live source at its edge."""
    was_heard: bool = False
    """That it started was told."""

    @property
    def is_to_play(self) -> bool:
        """Whether it was heard, or about to be."""
        return self.state in AUDIBLE_STATES


class GroupVolume(NamedTuple):
    """How loud the members of a group are together."""

    level: int | None
    """0-100, the mean of those that take one; what they were told counts until they confirm it."""
    is_muted: bool | None
    """Whether all are that can be muted."""
    can_set_volume: bool
    can_mute: bool


NO_VOLUME: Final = GroupVolume(None, is_muted=None, can_set_volume=False, can_mute=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSnapshot:
    """One group."""

    group_id: GroupId
    name: str
    members: tuple[ClientId, ...]
    is_named: bool = False
    """It stays when nobody is in it."""
    excused: tuple[ClientId, ...] = ()
    """Whom it is for and who were taken elsewhere since it began to play; nobody while it is idle."""
    state: PlaybackState = PlaybackState.IDLE
    medium: MediumSnapshot | None = None
    queue: Queue = field(default_factory=Queue)
    """What it plays one after another; what is heard need not be in it any more."""
    position_us: int | None = None
    """Position in the medium at `position_at`; it goes on from there while the state is PLAYING."""
    position_at: ServerTimeUs | None = None
    interrupted: Interrupted | None = None
    """What `queue` goes on with behind what is heard in between, which has no place in it; None while nothing is."""
    volume: int | None = None
    """This and what follows as in `GroupVolume`."""
    is_muted: bool | None = None
    can_set_volume: bool = False
    can_mute: bool = False

    @property
    def is_on(self) -> bool:
        """Whether the queue is heard, or about to be, or will be again behind what is heard in between."""
        return (self.state if self.interrupted is None else self.interrupted.state) in AUDIBLE_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSnapshot:
    """Everything."""

    port: int | None = None
    """Where the server listens; None while it does not."""
    clients: Mapping[ClientId, ClientSnapshot] = field(default_factory=dict)
    groups: Mapping[GroupId, GroupSnapshot] = field(default_factory=dict)
