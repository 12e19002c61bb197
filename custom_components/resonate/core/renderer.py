"""The blocking half of a group: commands, tracks, mix, channels, streamer; one `step` at a time.

A step, in this order: commands are obeyed, new blocks are taken, a replacement that has data takes over, a wait that
is over ends, what has become audible is told, starving tracks are padded, pipelines are fed up to the horizon, players
are sent what they can take. Render pool only: never waits, never looks at a clock.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final, assert_never

from .audio.resample import make_resampler
from .channel import Channel
from .codecs.registry import make_encoder
from .commands import AddTrack, CloseQueue, Command, Halt, Run, SetTopology
from .formats import Block, StreamFormat
from .mix.mixer import mix
from .mix.track import Track
from .step import Halted, StepResult, TrackEnded, TrackEvent, TrackInput, TrackStarted, TrackStarved
from .stream.chunk import PlayerOutput
from .stream.pipeline import MakeEncoder, MakeResampler
from .stream.policy import SendPolicy
from .stream.streamer import BATCH_US, Demand, Streamer
from .stream.timeline import Timeline
from .stream.topology import Topology
from .units import US_PER_S, ClientId, ServerTimeUs, TrackId, us_to_frames

MOST_PER_STEP_US: Final = 200_000
"""Longer steps would keep the interpreter from the loops' threads for too long at a time."""
PREBUFFER_US: Final = 200_000
"""What a track must have before it is begun: less, and a slow source would stutter at once."""
STARVED_US: Final = 100_000
"""How long before it would be missed silence takes the place of what a source has not given."""
KEPT_US: Final = US_PER_S
"""History before now: more than the longest preroll."""
AHEAD_US: Final = US_PER_S
"""Decoded audio beyond the horizon, for players that join and for sources that hesitate."""


class Renderer:
    """Everything between decoded blocks and players' chunks, for one playing of a group."""

    def __init__(
        self,
        *,
        mix_rate: int,
        policy: SendPolicy,
        make_encoder: MakeEncoder = make_encoder,
        make_resampler: MakeResampler = make_resampler,
    ) -> None:
        """`mix_rate` stays for the whole playing."""
        self.mix_rate = mix_rate
        self._policy = policy
        self._streamer = Streamer(mix_rate=mix_rate, make_encoder=make_encoder, make_resampler=make_resampler)
        self._topology = Topology()
        self._tracks: list[Track] = []
        """One after the other without a gap; the first is heard now."""
        self._past: list[Track] = []
        """Heard, and still needed by whatever settles before it starts."""
        self._audible: set[TrackId] = set()
        """Tracks that have been told to be heard."""
        self._coming: list[Track] = []
        """Take the place of all of them once the first has something to be heard."""
        self._is_closed = False
        self._timeline: Timeline | None = None
        """None while nothing runs."""
        self._head_frame = 0
        """The first frame that has not been fed to the pipelines."""
        self._is_flushed = False
        self._run: Run | None = None
        """Wanted, but its data or its time has not come."""
        self._halt_at: ServerTimeUs | None = None
        self._events: list[TrackEvent] = []
        self._outputs: dict[ClientId, PlayerOutput] = {}

    @property
    def pipelines(self) -> Collection[tuple[Channel, StreamFormat]]:
        """What is being rendered: one for each channel and format in use."""
        return self._streamer.pipelines.keys()

    def step(self, inputs: Mapping[TrackId, TrackInput], commands: Sequence[Command], now: ServerTimeUs) -> StepResult:
        """Do all that is due at `now`. Blocking; one step at a time; nothing else may be called meanwhile."""
        self._events, self._outputs = [], {}
        for command in commands:
            self._obey(command, now)
        self._take(inputs)
        if self._halt_at is not None and self._halt_at <= now:
            self._halt(now)
        self._replace(now)
        self._begin(now)
        wake_at = None if self._timeline is None else self._advance(self._timeline, now)
        is_finished = self._is_drained(now)
        if is_finished:
            self._merge(self._streamer.stop())
        self._forget(now)
        return StepResult(
            outputs=self._outputs,
            events=tuple(self._events),
            wanted={} if is_finished else self._wanted(now),
            hungry=frozenset() if is_finished else self._hungry(),
            wake_at=self._halt_at if wake_at is None else wake_at,
            is_finished=is_finished,
            work=self._streamer.work,
            held_bytes=self._streamer.held_bytes(now),
        )

    # Commands

    def _obey(self, command: Command, now: ServerTimeUs) -> None:
        match command:
            case SetTopology(topology=topology):
                self._topology = topology
                if self._timeline is not None or self._run is not None:
                    self._streamer.configure(topology, now)
            case AddTrack():
                self._add(command)
            case CloseQueue():
                self._is_closed = True
            case Run():
                if self._timeline is None:
                    self._run = command
                    self._streamer.configure(self._topology, now)
            case Halt(at=at):
                self._halt_at = now if at is None else at
            case _:
                assert_never(command)

    def _add(self, command: AddTrack) -> None:
        track = Track(
            command.track_id,
            start_frame=self._head_frame,
            mix_rate=self.mix_rate,
            position_us=command.position_us,
            feed=command.feed,
            is_live=command.is_live,
        )
        self._is_closed = False
        if command.replaces:
            self._coming = [track]
            return
        line = self._coming or self._tracks
        if line:
            track.move(line[-1].end_frame)
        line.append(track)
        if self._is_flushed:
            self._is_flushed = False
            self._streamer.go_on(self._head_frame)

    def _halt(self, now: ServerTimeUs) -> None:
        self._halt_at = None
        self._run = None
        if self._timeline is not None:
            self._tell_heard(self._timeline, now)
            self._head_frame = self._first_unheard(self._timeline, now)
            self._timeline = None
        self._merge(self._streamer.stop())
        self._is_flushed = False
        self._audible.clear()
        track = self._tracks[0] if self._tracks else None
        self._events.append(
            Halted(
                at=now,
                track_id=None if track is None else track.track_id,
                position_us=0 if track is None else track.position_us(self._head_frame),
            )
        )

    # Data

    def _take(self, inputs: Mapping[TrackId, TrackInput]) -> None:
        for track in [*self._tracks, *self._coming]:
            if (given := inputs.get(track.track_id)) is not None:
                for passage in given.passages:
                    track.write(passage)
                track.is_ended = track.is_ended or given.is_ended
        for line in (self._tracks, self._coming):
            for before, after in pairwise(line):
                after.move(before.end_frame)

    def _replace(self, now: ServerTimeUs) -> None:
        """Let what is coming take over once it has something to be heard."""
        if not self._coming or not self._has_enough(self._coming[0]):
            return
        if self._timeline is not None:
            self._tell_heard(self._timeline, now)
            self._head_frame = self._first_unheard(self._timeline, now)
        self._events += [
            TrackEnded(track_id=gone.track_id, at=now) for gone in self._tracks if gone.track_id in self._audible
        ]
        self._audible.clear()
        self._tracks, self._coming, self._past = self._coming, [], []
        self._tracks[0].move(self._head_frame)
        self._take({})
        self._is_flushed = False
        if self._timeline is not None:
            self._timeline = self._anchored(now, None)
            self._merge(self._streamer.restart(self._timeline, self._head_frame))

    def _begin(self, now: ServerTimeUs) -> None:
        """End the wait for data."""
        if self._run is None or not self._tracks:
            return
        ahead = self._available_frame() - self._head_frame
        if ahead < us_to_frames(PREBUFFER_US, self.mix_rate) and not self._is_all_there():
            return
        self._timeline = self._anchored(now, self._run.start_at)
        self._run = None
        self._streamer.start(self._timeline, self._head_frame)

    def _anchored(self, now: ServerTimeUs, start_at: ServerTimeUs | None) -> Timeline:
        """Return the timeline on which the head is heard as soon as the slowest player allows."""
        soonest = now + self._topology.lead_us + self._streamer.start_delay_us
        anchor = ServerTimeUs(soonest if start_at is None else max(soonest, start_at))
        return Timeline(anchor=anchor, anchor_frame=self._head_frame, mix_rate=self.mix_rate)

    # Playing

    def _advance(self, timeline: Timeline, now: ServerTimeUs) -> ServerTimeUs | None:
        """Bring pipelines and players up to the horizon; return when there is more to do."""
        self._tell_heard(timeline, now)
        horizon_us = self._policy.horizon_us(self._topology.lead_us)
        self._pad_starved(timeline, now)
        due_at = self._render(timeline, now, horizon_us)
        sent, retry_at = self._streamer.send(now, horizon_us)
        self._merge(sent)
        instants = (due_at, retry_at, self._next_boundary(timeline), self._halt_at)
        return min((at for at in instants if at is not None), default=None)

    def _render(self, timeline: Timeline, now: ServerTimeUs, horizon_us: int) -> ServerTimeUs | None:
        """Feed the pipelines; return when to go on, or None when only data can help."""
        most_frames = us_to_frames(MOST_PER_STEP_US, self.mix_rate)
        batch_frames = us_to_frames(BATCH_US, self.mix_rate)
        target_frame = timeline.frame_at(ServerTimeUs(now + horizon_us))
        available_frame = self._available_frame()
        ready_frames = min(target_frame, available_frame) - self._head_frame
        is_last = self._unended is None and available_frame <= target_frame
        hurry_at = ServerTimeUs(timeline.instant(self._head_frame) - self._topology.lead_us - BATCH_US)
        if ready_frames >= batch_frames or (ready_frames > 0 and (is_last or hurry_at <= now)):
            self._head_frame += min(ready_frames, most_frames)
        demands = self._streamer.demand(self._head_frame, most_frames)
        self._streamer.prepare({demand: self._mix(demand) for demand in demands})
        if self._streamer.is_behind(self._head_frame) or ready_frames > most_frames:
            return now
        if self._unended is None and self._head_frame >= available_frame:
            if self._is_closed and not self._is_flushed:
                self._is_flushed = True
                self._streamer.finish()
            return None
        next_frame = self._head_frame + batch_frames
        if self._unended is None:
            next_frame = min(next_frame, available_frame)
        if next_frame <= available_frame:
            return ServerTimeUs(timeline.instant(next_frame) - horizon_us)
        if self._head_frame < available_frame and hurry_at > now:
            return hurry_at
        return ServerTimeUs(timeline.instant(self._head_frame) - self._starved_us)

    def _mix(self, demand: Demand) -> Block:
        channel = demand.channel
        start_frame = demand.start_frame - channel.delay_frames
        return mix([*self._past, *self._tracks], channel.feed, channel.layout, start_frame, demand.frame_count)

    def _pad_starved(self, timeline: Timeline, now: ServerTimeUs) -> None:
        """Put silence where a source has nothing in time, so that whatever else there is goes on."""
        track = self._unended
        needed_frame = timeline.frame_at(ServerTimeUs(now + self._starved_us))
        if track is None or self._available_frame() > self._head_frame or needed_frame < self._head_frame:
            return
        frame_count = needed_frame + us_to_frames(BATCH_US, self.mix_rate) - self._head_frame
        at = timeline.instant(track.end_frame)
        length_us = timeline.instant(track.end_frame + frame_count) - at
        track.pad(frame_count)
        position_us = track.position_us(track.end_frame)
        self._events.append(TrackStarved(track_id=track.track_id, at=at, length_us=length_us, position_us=position_us))
        self._take({})

    def _tell_heard(self, timeline: Timeline, now: ServerTimeUs) -> None:
        """Tell which tracks became audible or have ended by now."""
        while self._tracks:
            track = self._tracks[0]
            first_frame = max(track.start_frame, timeline.anchor_frame)
            starts_at = timeline.instant(first_frame)
            if track.track_id not in self._audible:
                if starts_at > now:
                    return
                self._audible.add(track.track_id)
                position_us = track.position_us(first_frame)
                self._events.append(TrackStarted(track_id=track.track_id, at=starts_at, position_us=position_us))
            ends_at = timeline.instant(track.end_frame)
            if not track.is_ended or ends_at > now:
                return
            self._events.append(TrackEnded(track_id=track.track_id, at=ends_at))
            self._audible.discard(track.track_id)
            self._past.append(self._tracks.pop(0))

    def _next_boundary(self, timeline: Timeline) -> ServerTimeUs | None:
        """Return when a track starts or ends next."""
        if not self._tracks:
            return None
        track = self._tracks[0]
        if track.track_id not in self._audible:
            return timeline.instant(max(track.start_frame, timeline.anchor_frame))
        return timeline.instant(track.end_frame) if track.is_ended else None

    # State

    @property
    def _starved_us(self) -> int:
        delays = (player.output_delay_us for player in self._topology.players.values())
        return STARVED_US + max(delays, default=0)

    @property
    def _unended(self) -> Track | None:
        """The track that more is to come for."""
        return next((track for track in self._tracks if not track.is_ended), None)

    def _has_enough(self, track: Track) -> bool:
        return track.is_ended or track.frame_count >= us_to_frames(PREBUFFER_US, self.mix_rate)

    def _is_all_there(self) -> bool:
        """Whether everything that will ever be heard is known."""
        return self._is_closed and all(track.is_ended for track in self._tracks)

    def _is_drained(self, now: ServerTimeUs) -> bool:
        return self._timeline is not None and self._is_closed and not self._tracks and not self._coming

    def _available_frame(self) -> int:
        """Return the first frame that no track has anything for yet."""
        frame = self._head_frame
        for track in self._tracks:
            frame = track.end_frame
            if not track.is_ended:
                break
        return frame

    def _first_unheard(self, timeline: Timeline, now: ServerTimeUs) -> int:
        return min(max(timeline.frame_at(now), timeline.anchor_frame), self._head_frame)

    def _wanted(self, now: ServerTimeUs) -> dict[TrackId, int]:
        ahead_us = self._policy.horizon_us(self._topology.lead_us) + AHEAD_US
        ahead_frames = us_to_frames(ahead_us, self.mix_rate)
        from_frame = self._head_frame
        if self._timeline is not None:
            from_frame = max(self._timeline.frame_at(now), self._timeline.anchor_frame)
        wanted = {
            track.track_id: from_frame + ahead_frames - track.end_frame for track in self._tracks if not track.is_ended
        }
        for track in self._coming:
            if not track.is_ended:
                wanted[track.track_id] = ahead_frames - (track.end_frame - self._coming[0].start_frame)
        return {track_id: frame_count for track_id, frame_count in wanted.items() if frame_count > 0}

    def _hungry(self) -> frozenset[TrackId]:
        """Return the tracks without whose next data there is nothing to do soon."""
        hungry = {self._coming[0].track_id} if self._coming else set()
        enough_frames = us_to_frames(2 * BATCH_US if self._run is None else PREBUFFER_US, self.mix_rate)
        if (track := self._unended) is not None and self._available_frame() - self._head_frame < enough_frames:
            hungry.add(track.track_id)
        return frozenset(hungry)

    def _forget(self, now: ServerTimeUs) -> None:
        frame = self._head_frame
        if self._timeline is not None:
            frame = min(frame, self._timeline.frame_at(now))
        frame -= us_to_frames(KEPT_US, self.mix_rate)
        self._past = [track for track in self._past if track.end_frame > frame]
        for track in self._tracks:
            track.forget_before(frame)

    def _merge(self, outputs: Mapping[ClientId, PlayerOutput]) -> None:
        """Add what players are to be sent behind what this step has for them already."""
        for player_id, output in outputs.items():
            if (before := self._outputs.get(player_id)) is not None:
                output = PlayerOutput(end=before.end, start=output.start, clear=before.clear, chunks=output.chunks)
            self._outputs[player_id] = output
