"""The tracks of a playing: what was heard, what is heard and follows, and what is to take the place of all that."""

from collections.abc import Iterator, Sequence

from ..channel import Channel, FeedId
from ..formats import Block
from ..media.source import Passage
from ..units import TrackId
from .line import Line
from .mixer import mix
from .side import Side
from .track import Track


class Lineup:
    """Knows which tracks there are and what each lacks; when they are heard is for others to say."""

    def __init__(self) -> None:
        """Begin without a track, at frame 0."""
        self.line = Line(0)
        """What is heard now, and what follows it."""
        self.coming: Line | None = None
        """Takes the place of all that once there is enough of it."""
        self._past: list[Track] = []
        """Heard, and still needed by whatever settles before it starts."""

    @property
    def tracks(self) -> Iterator[Track]:
        """All of them."""
        yield from self._past
        yield from self.line.tracks
        if self.coming is not None:
            yield from self.coming.tracks

    @property
    def last(self) -> Line:
        """Where the next track goes."""
        return self.line if self.coming is None else self.coming

    def add_side(self, beside: TrackId, track_id: TrackId, feeds: frozenset[FeedId], position_us: int) -> None:
        """Let feeds hear something else in the place of a track, if that is still there."""
        for track in self.tracks:
            if track.track_id == beside:
                track.sides.append(Side(track_id, start_offset=track.side_start(position_us), feeds=feeds))

    def drop_following(self, track_id: TrackId, from_frame: int) -> frozenset[TrackId]:
        """Take out what follows a track and begins nowhere before a frame; return which tracks that were."""
        dropped: list[Track] = []
        for line in (self.line, self.coming):
            if line is not None:
                dropped += line.drop_following(track_id, from_frame if line is self.line else line.start_frame)
        return frozenset(track.track_id for track in dropped)

    def set_feeds(self, track_id: TrackId, feeds: frozenset[FeedId]) -> None:
        """Have these feeds and no others hear a side; one that none does goes."""
        for track in self.tracks:
            for side in track.sides:
                if side.track_id == track_id:
                    side.feeds = feeds
            track.sides = [side for side in track.sides if side.feeds]

    def write(self, track_id: TrackId, passages: Sequence[Passage], *, is_ended: bool, is_broken: bool) -> None:
        """Give a track or a side what its source gave, if it is still there."""
        for line in (self.line, self.coming):
            if line is None:
                continue
            for it in _of_line(line):
                if it.track_id == track_id:
                    for passage in passages:
                        it.write(passage)
                    if isinstance(it, Track) and (is_ended or is_broken):
                        it.release()
                    it.is_ended = it.is_ended or is_ended or is_broken
                    if isinstance(it, Side):
                        it.is_broken = it.is_broken or is_broken
            line.settle()

    def replace(self, line: Line, frame: int) -> None:
        """Let `line` take the place of everything, from this frame on."""
        self.line, self.coming, self._past = line, None, []
        self.line.move(frame)

    def pop_first(self) -> None:
        """Let the first track of the line be past."""
        self._past.append(self.line.pop_first())

    def read(self, channel: Channel, start_frame: int, frame_count: int) -> Block:
        """Return what a channel hears; perhaps a track's own: not to be changed."""
        heard = [*self._past, *self.line.tracks]
        return mix(heard, channel.feed, channel.layout, start_frame - channel.delay_frames, frame_count)

    def forget_before(self, frame: int) -> None:
        """Drop what lies before `frame` entirely."""
        self._past = [track for track in self._past if track.end_frame > frame]
        for track in (*self._past, *self.line.tracks):
            track.forget_before(frame)


def feed_ends(line: Line) -> dict[FeedId, int]:
    """Return, for feeds that have a side of their own which more is to come for, the first frame not there yet."""
    ends: dict[FeedId, int] = {}
    for track in line.tracks:
        for side in track.sides:
            frame = track.side_end_frame(side)
            if side.is_ended or (track.is_ended and frame >= track.end_frame):
                continue
            for feed in side.feeds:
                ends[feed] = min(ends.get(feed, frame), frame)
    return ends


def lacking(line: Line, end_frame: int) -> dict[TrackId, int]:
    """Return how many frames tracks and sides lack up to `end_frame`."""
    counts = {track.track_id: end_frame - track.end_frame for track in line.tracks if not track.is_ended}
    for track in line.tracks:
        counts |= {side.track_id: track.side_lacks(side, end_frame) for side in track.sides if not side.is_ended}
    return {track_id: count for track_id, count in counts.items() if count > 0}


def lacking_soon(line: Line, end_frame: int) -> frozenset[TrackId]:
    """Return the tracks and sides without whose next data there is nothing to do at `end_frame`."""
    track = line.unended
    late = set() if track is None or line.available_frame >= end_frame else {track.track_id}
    for track in line.tracks:
        late |= {side.track_id for side in track.sides if not side.is_ended and track.side_end_frame(side) < end_frame}
    return frozenset(late)


def _of_line(line: Line) -> Iterator[Track | Side]:
    for track in line.tracks:
        yield track
        yield from track.sides
