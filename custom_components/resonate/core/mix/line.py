"""Tracks one after the other."""

from ..units import TrackId
from .track import Track


class Line:
    """Tracks that follow each other without a gap, whatever is written to them."""

    def __init__(self, start_frame: int) -> None:
        """Begin at this frame of the timeline, empty."""
        self.start_frame = start_frame
        """Where the first track begins, or would."""
        self.tracks: list[Track] = []

    @property
    def unended(self) -> Track | None:
        """The track that more is to come for, the first if several; None when all that are there are complete."""
        for track in self.tracks:
            if not track.is_ended:
                return track
        return None

    @property
    def available_frame(self) -> int:
        """The first frame that nothing is there for yet."""
        frame = self.start_frame
        for track in self.tracks:
            frame = track.end_frame
            if not track.is_ended:
                break
        return frame

    def append(self, track: Track) -> None:
        """Let a track follow the last one."""
        self.tracks.append(track)
        self.settle()

    def pop_first(self) -> Track:
        """Take out the first track; the others stay where they are."""
        self.start_frame = self.tracks[0].end_frame
        return self.tracks.pop(0)

    def drop_following(self, track_id: TrackId, from_frame: int) -> list[Track]:
        """Take out what follows a track, from the first one on that begins nowhere before a frame; return that."""
        for index, track in enumerate(self.tracks):
            if track.track_id == track_id:
                behind = self.tracks[index + 1 :]
                dropped = [later for later in behind if later.start_frame >= from_frame]
                self.tracks = [later for later in self.tracks if later not in dropped]
                return dropped
        return []

    def move(self, start_frame: int) -> None:
        """Let everything begin elsewhere; only while nothing of it has been heard."""
        self.start_frame = start_frame
        self.settle()

    def settle(self) -> None:
        """Put the tracks in their places, after something was written to one."""
        frame = self.start_frame
        for track in self.tracks:
            track.move(frame)
            frame = track.end_frame
