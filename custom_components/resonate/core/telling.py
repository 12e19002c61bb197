"""What is told of the tracks as it is heard: starts, tags, silences, ends."""

from .mix.line import Line
from .mix.lineup import Lineup
from .mix.track import Track
from .step import Halted, TrackEnded, TrackEvent, TrackStarted, TrackStarved, TrackTagged
from .stream.timeline import Timeline
from .units import ServerTimeUs, TrackId


class Telling:
    """Collects what is to be told, in its order. Render pool only."""

    def __init__(self) -> None:
        """Nothing has been heard."""
        self._audible: set[TrackId] = set()
        """Tracks that have been told to be heard."""
        self._events: list[TrackEvent] = []

    def take(self) -> tuple[TrackEvent, ...]:
        """Return what is to be told, once."""
        events, self._events = tuple(self._events), []
        return events

    def heard(self, lineup: Lineup, timeline: Timeline, now: ServerTimeUs) -> None:
        """Tell which tracks became audible, say something else of themselves or have ended by now; those are past."""
        while lineup.line.tracks:
            track = lineup.line.tracks[0]
            if track.track_id not in self._audible:
                first_frame = max(track.start_frame, timeline.anchor_frame)
                starts_at = timeline.instant(first_frame)
                if starts_at > now:
                    return
                self._audible.add(track.track_id)
                position_us = track.position_us(first_frame)
                self._events.append(TrackStarted(track_id=track.track_id, at=starts_at, position_us=position_us))
            self._tags(track, timeline, now)
            if not track.is_ended:
                return
            ends_at = timeline.instant(track.end_frame)
            if ends_at > now:
                return
            self._events.append(TrackEnded(track_id=track.track_id, at=ends_at))
            self._audible.discard(track.track_id)
            lineup.pop_first()

    def next_at(self, line: Line, timeline: Timeline) -> ServerTimeUs | None:
        """Return when a track starts, says something else of itself or ends next."""
        if not line.tracks:
            return None
        track = line.tracks[0]
        if track.track_id not in self._audible:
            return timeline.instant(max(track.start_frame, timeline.anchor_frame))
        if track.tags_frame is not None:
            return timeline.instant(track.tags_frame)
        return timeline.instant(track.end_frame) if track.is_ended else None

    def starved(self, track: Track, begin: ServerTimeUs, end: ServerTimeUs, frame: int) -> None:
        """Tell that silence was heard for want of data; the track goes on at `frame`."""
        position_us = track.position_us(frame)
        self._events.append(
            TrackStarved(track_id=track.track_id, at=begin, length_us=end - begin, position_us=position_us)
        )

    def replaced(self, line: Line, now: ServerTimeUs) -> None:
        """Tell that what was heard has ended: something else takes its place."""
        self._events += [
            TrackEnded(track_id=gone.track_id, at=now) for gone in line.tracks if gone.track_id in self._audible
        ]
        self._audible.clear()

    def halted(self, line: Line, frame: int, now: ServerTimeUs) -> None:
        """Tell that nothing is heard any more; `frame` is to come next."""
        self._audible.clear()
        track = line.tracks[0] if line.tracks else None
        self._events.append(
            Halted(
                at=now,
                track_id=None if track is None else track.track_id,
                position_us=0 if track is None else track.position_us(frame),
            )
        )

    def _tags(self, track: Track, timeline: Timeline, now: ServerTimeUs) -> None:
        while (frame := track.tags_frame) is not None:
            tagged_at = timeline.instant(max(frame, timeline.anchor_frame))
            if tagged_at > now:
                return
            self._events.append(TrackTagged(track_id=track.track_id, at=tagged_at, tags=track.take_tags()))
