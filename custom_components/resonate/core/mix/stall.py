"""A source that had nothing in time."""

from ..units import ServerTimeUs
from .track import Track


class Stall:
    """Silence in a track from the first frame that was missed on, until its source gives again.

    One that is live gives no faster than it is heard: it goes on once it has something in hand, or it would fall behind
    again at once. What it gives until then is kept back.
    """

    def __init__(self, track: Track, *, began_at: ServerTimeUs, spare_frames: int) -> None:
        """Begin at the end of what the track has, which is heard at `began_at`; nothing is padded yet."""
        self.track = track
        self.began_at = began_at
        self.goes_on_frame = track.end_frame
        """The first frame after the silence, as far as that is known."""
        self._spare_frames = spare_frames
        if track.is_live:
            track.hold()

    @property
    def is_over(self) -> bool:
        """Whether there is enough to go on with, or nothing more to come."""
        return (
            self.track.is_ended
            or self.track.end_frame > self.goes_on_frame
            or self.track.held_frames >= self._spare_frames
        )

    def pad(self, end_frame: int) -> None:
        """Let the silence reach to this frame."""
        self.track.pad(end_frame - self.goes_on_frame)
        self.goes_on_frame = end_frame

    def end(self) -> None:
        """Let the medium go on."""
        self.track.release()
