"""The blocking half of a group: commands, tracks, mix, channels, streamer; one `step` at a time.

A step, in this order: commands are obeyed, new blocks are taken, a replacement that has data takes over, a standstill
is noticed, a wait that is over ends, what has become audible is told, starving tracks are padded, pipelines are fed up
to the horizon, players are sent what they can take. Render pool only: never waits, never looks at a clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from .audio.resample import make_resampler
from .channel import Channel
from .codecs.registry import make_encoder
from .commands import AddSide, AddTrack, CloseQueue, Command, DropFollowing, Halt, Run, SetFeeds, SetTopology
from .formats import StreamFormat
from .mix.line import Line
from .mix.lineup import Lineup, feed_ends, lacking, lacking_soon
from .mix.stall import Stall
from .mix.track import Track
from .step import StepResult, TrackInput
from .stream.chunk import PlayerOutput
from .stream.policy import SendPolicy
from .stream.stem import MakeResampler
from .stream.streamer import Limits, MakeEncoder, Streamer
from .stream.subscriber import BATCH_US
from .stream.timeline import Timeline
from .stream.topology import Topology
from .telling import Telling
from .units import US_PER_S, ClientId, ServerTimeUs, TrackId, us_to_frames

MOST_PER_STEP_US: Final = 200_000
"""Longer steps would keep the interpreter from the loops' threads for too long at a time,"""
FEW_PIPELINES: Final = 4
"""unless there are fewer pipelines than this: one alone catches up in steps four times as long. Fewer hops, and no step
longer than one of four pipelines."""
FIRST_STEP_US: Final = 50_000
"""Shorter at a start or a seek: what is heard first is to leave first."""
PREBUFFER_US: Final = 200_000
"""What a track must have before it is begun, and a live one that fell behind before it goes on: less, and a slow
source would stutter at once."""
STARVED_US: Final = 100_000
"""How long before it would be missed silence takes the place of what a source has not given."""
KEPT_US: Final = US_PER_S
"""History before now: more than the longest preroll."""
PATIENCE_US: Final = 500_000
"""How long a start waits for what some channels hear in the place of the main mix; then they begin without."""
LATE_US: Final = 50_000
"""How late a step may be without what begins at an instant beginning later: what it replaces ends so much sooner."""
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
        self._least_most_frames = us_to_frames(MOST_PER_STEP_US, mix_rate)
        self._first_frames = us_to_frames(FIRST_STEP_US, mix_rate)
        self._batch_frames = us_to_frames(BATCH_US, mix_rate)
        self._prebuffer_frames = us_to_frames(PREBUFFER_US, mix_rate)
        self._streamer = Streamer(mix_rate=mix_rate, make_encoder=make_encoder, make_resampler=make_resampler)
        self._set_topology(Topology())
        self._lineup = Lineup()
        self._telling = Telling()
        self._is_closed = False
        self._timeline: Timeline | None = None
        """None while nothing runs."""
        self._head_frame = 0
        """The first frame that has not been fed to the pipelines."""
        self._run: Run | None = None
        """Wanted, but its data or its time has not come."""
        self._dry_at: ServerTimeUs | None = None
        """Since when there has been nothing to be heard though it runs."""
        self._stall: Stall | None = None
        """Silence that is heard, or about to be, for want of data."""
        self._halt_at: ServerTimeUs | None = None
        self._patient_until: ServerTimeUs | None = None
        """Until when the start waits for sides, though its tracks are there."""
        self._outputs: dict[ClientId, PlayerOutput] = {}
        self._dropped: frozenset[TrackId] = frozenset()

    @property
    def _line(self) -> Line:
        return self._lineup.line

    @property
    def pipelines(self) -> Collection[tuple[Channel, StreamFormat]]:
        """What is being rendered: one for each channel and format in use."""
        return self._streamer.pipelines.keys()

    def step(self, inputs: Mapping[TrackId, TrackInput], commands: Sequence[Command], now: ServerTimeUs) -> StepResult:
        """Do all that is due at `now`. Blocking; one step at a time; nothing else may be called meanwhile.

        After the end a further step may bring something to go on with.
        """
        self._outputs, self._dropped = {}, frozenset()
        for command in commands:
            self._obey(command, now)
        for track_id, given in inputs.items():
            self._lineup.write(track_id, given.passages, is_ended=given.is_ended, is_broken=given.is_broken)
        if self._halt_at is not None and self._halt_at <= now:
            self._halt(now)
        self._replace(now)
        if self._timeline is not None:
            self._notice_standstill(self._timeline, now)
        spare_us = self._spare_us(now)
        self._begin(now)
        if self._timeline is None:
            wake_at = _soonest(self._halt_at, _if_later(self._patient_until, now))
        else:
            wake_at = self._advance(self._timeline, now)
        is_finished = self._is_closed and not self._line.tracks and self._lineup.coming is None
        if is_finished:
            self._finish()
        self._forget(now)
        return StepResult(
            outputs=self._outputs,
            events=self._telling.take(),
            wanted={} if is_finished else self._wanted(now),
            hungry=frozenset() if is_finished else self._hungry(),
            wake_at=wake_at,
            dropped=self._dropped,
            spare_us=spare_us,
            horizon_us=self._horizon_us,
            is_finished=is_finished,
            work=self._streamer.work,
            held_bytes=self._streamer.held_bytes(now),
            held_until=self._streamer.held_until(),
        )

    @property
    def _most_frames(self) -> int:
        """How far a step may bring pipelines."""
        return self._least_most_frames * max(1, FEW_PIPELINES // max(1, len(self._streamer.pipelines)))

    # Commands

    def _obey(self, command: Command, now: ServerTimeUs) -> None:
        match command:
            case SetTopology(topology=topology):
                self._set_topology(topology)
                if self._timeline is not None or self._run is not None:
                    self._streamer.configure(topology, now)
            case AddTrack():
                self._add(command)
            case DropFollowing(track_id=track_id):
                self._is_closed = False  # whoever says so says what follows instead
                self._dropped |= self._lineup.drop_following(track_id, self._head_frame)
            case AddSide(beside=beside, track_id=track_id, feeds=feeds, position_us=position_us):
                self._lineup.add_side(beside, track_id, feeds, position_us)
            case SetFeeds(track_id=track_id, feeds=feeds):
                self._lineup.set_feeds(track_id, feeds)
            case CloseQueue():
                self._is_closed = True
            case Run():
                self._halt_at = None
                if self._timeline is None:
                    self._streamer.configure(self._topology, now)
                if self._timeline is None or self._lineup.coming is not None:
                    self._run = command
            case Halt(at=at):
                if at is None or at <= now:
                    self._halt(now)
                else:
                    self._halt_at = at
            case _:
                assert_never(command)

    def _set_topology(self, topology: Topology) -> None:
        players = topology.players.values()
        self._topology = topology
        self._lead_us = topology.lead_us
        self._horizon_us = self._policy.horizon_us(self._lead_us)
        self._starved_us = STARVED_US + max((player.output_delay_us for player in players), default=0)
        self._kept_frames = us_to_frames(KEPT_US, self.mix_rate)
        self._kept_frames += max((player.channel.delay_frames for player in players), default=0)
        self._ahead_frames = us_to_frames(self._horizon_us + AHEAD_US, self.mix_rate)

    def _add(self, command: AddTrack) -> None:
        self._is_closed = False
        if command.replaces:
            self._lineup.coming, self._patient_until = Line(self._head_frame), None
        line = self._lineup.last
        line.append(
            Track(
                command.track_id,
                start_frame=line.start_frame,
                mix_rate=self.mix_rate,
                position_us=command.position_us,
                is_live=command.is_live,
            )
        )
        if line is self._line:
            self._streamer.go_on()

    def _halt(self, now: ServerTimeUs) -> None:
        self._halt_at = self._dry_at = self._run = self._patient_until = None
        if self._timeline is not None:
            self._end_stall(now)
            self._rewind(self._timeline, now)
            self._timeline = None
        self._merge(self._streamer.stop())
        self._telling.halted(self._line, self._head_frame, now)

    def _rewind(self, timeline: Timeline, now: ServerTimeUs) -> None:
        """Let the head be the first frame that has not been heard."""
        self._telling.heard(self._lineup, timeline, now)
        self._head_frame = min(max(timeline.frame_at(now), timeline.anchor_frame), self._head_frame)

    # Data

    def _has_enough(self, line: Line, from_frame: int, now: ServerTimeUs) -> bool:
        """Whether a line can begin at a frame: with less, a slow source would stutter at once."""
        frame_count = line.available_frame - from_frame
        if frame_count < self._prebuffer_frames and not (self._is_closed and line.unended is None):
            return False
        frame = from_frame + min(frame_count, self._prebuffer_frames)
        if all(end >= frame for end in feed_ends(line).values()):
            return True
        if self._patient_until is None:
            self._patient_until = ServerTimeUs(now + PATIENCE_US)
        return self._patient_until <= now

    def _replace(self, now: ServerTimeUs) -> None:
        """Let what is coming take over once there is enough of it, and its time has come."""
        coming = self._lineup.coming
        if coming is None:
            return
        replace_at = self._replace_at()
        if replace_at is not None and replace_at > now:
            return
        if not self._has_enough(coming, coming.start_frame, now):
            return
        timeline, start_at = self._timeline, None if self._run is None else self._run.start_at
        if timeline is not None:
            self._end_stall(now)
            self._rewind(timeline, now)
        self._telling.replaced(self._line, now)
        self._lineup.replace(coming, self._head_frame)
        if timeline is not None:
            self._start(now, start_at)
        elif self._run is None:
            self._patient_until = None
            self._telling.halted(self._line, self._head_frame, now)

    def _replace_at(self) -> ServerTimeUs | None:
        """Return when to stop what plays so that what comes starts at its time; None when that is at once."""
        if self._lineup.coming is None or self._timeline is None or self._run is None or self._run.start_at is None:
            return None
        return ServerTimeUs(self._run.start_at - self._lead_us - self._streamer.start_delay_us - LATE_US)

    def _notice_standstill(self, timeline: Timeline, now: ServerTimeUs) -> None:
        """Wait for data as if nothing ran when players have run dry: nothing is made for the past.

        Nothing is lost but the part of a chunk that encoders had not given out.
        """
        dry_at = timeline.instant(self._head_frame)
        if dry_at > now or (self._line.unended is None and self._line.available_frame <= self._head_frame):
            return
        self._telling.heard(self._lineup, timeline, dry_at)
        self._timeline = None
        self._run = self._run or Run()
        self._dry_at = dry_at
        if self._stall is not None:
            # One silence, whatever it was for.
            self._dry_at = min(self._stall.began_at, dry_at)
            self._drop_stall(self._stall)

    def _begin(self, now: ServerTimeUs) -> None:
        """End the wait for data."""
        if self._timeline is not None or self._run is None or self._lineup.coming is not None or not self._line.tracks:
            return
        # The line may be heard in part already; what counts is what lies ahead.
        if not self._has_enough(self._line, self._head_frame, now):
            return
        timeline = self._start(now, self._run.start_at)
        if self._dry_at is not None:
            track = self._line.tracks[0]
            self._telling.starved(track, self._dry_at, timeline.anchor, self._head_frame)
            self._dry_at = None

    def _start(self, now: ServerTimeUs, start_at: ServerTimeUs | None) -> Timeline:
        """Let the head be heard as soon as the slowest player allows, or at its time."""
        self._streamer.configure(self._topology, now)
        soonest = now + self._lead_us + self._streamer.start_delay_us
        anchor = ServerTimeUs(soonest if start_at is None else max(soonest, start_at))
        self._run = self._patient_until = None
        self._timeline = Timeline(anchor=anchor, anchor_frame=self._head_frame, mix_rate=self.mix_rate)
        self._merge(self._streamer.start(self._timeline, self._head_frame))
        return self._timeline

    def _finish(self) -> None:
        self._merge(self._streamer.stop())
        if self._timeline is not None:
            self._timeline, self._run = None, Run()  # whatever is still added is to be heard

    # Playing

    def _advance(self, timeline: Timeline, now: ServerTimeUs) -> ServerTimeUs | None:
        """Bring pipelines and players up to the horizon; return when there is more to do."""
        if self._stall is not None and self._stall.is_over:
            self._end_stall(timeline.instant(self._stall.goes_on_frame))
        self._telling.heard(self._lineup, timeline, now)
        self._pad_starved(timeline, now)
        due_at = self._render(timeline, now)
        sent, retry_at = self._streamer.send(now, self._horizon_us)
        self._merge(sent)
        return _soonest(
            due_at,
            retry_at,
            self._waiting_at(timeline),
            self._telling.next_at(self._line, timeline),
            self._halt_at,
            _if_later(self._replace_at(), now),
            _if_later(self._patient_until, now),
        )

    def _render(self, timeline: Timeline, now: ServerTimeUs) -> ServerTimeUs | None:
        """Feed the pipelines; return when to go on, or None when only data can help."""
        target_frame = timeline.frame_at(ServerTimeUs(now + self._horizon_us))
        available_frame = self._line.available_frame
        is_all_there = self._line.unended is None
        ready_frames = min(target_frame, available_frame) - self._head_frame
        is_last = is_all_there and available_frame <= target_frame
        is_urgent = is_last or self._hurry_at(timeline) <= now
        if ready_frames >= self._batch_frames or (ready_frames > 0 and is_urgent):
            is_first = self._head_frame == timeline.anchor_frame
            self._head_frame += min(ready_frames, self._first_frames if is_first else self._most_frames)
        needed_frame = timeline.frame_at(ServerTimeUs(now + self._starved_us))
        limits = Limits(feed_ends(self._line), needed_frame, needed_frame + self._batch_frames)
        demands = self._streamer.demand(self._head_frame, self._most_frames, limits)
        self._streamer.prepare({demand: self._lineup.read(*demand) for demand in demands}, self._most_frames)
        if self._streamer.is_behind(self._head_frame, limits):
            return now
        if is_all_there and self._head_frame >= available_frame:
            if self._is_closed or self._lineup.coming is not None:
                self._streamer.finish(self._head_frame)
            return None
        next_frame = self._head_frame + self._batch_frames
        if is_all_there:
            next_frame = min(next_frame, available_frame)
        if next_frame <= available_frame:
            return ServerTimeUs(timeline.instant(next_frame) - self._horizon_us)
        if self._head_frame < available_frame:
            return self._hurry_at(timeline)
        return ServerTimeUs(timeline.instant(self._head_frame) - self._starved_us)

    def _hurry_at(self, timeline: Timeline) -> ServerTimeUs:
        """Return when to do with less than a batch, if there is no more."""
        return ServerTimeUs(timeline.instant(self._head_frame) - self._lead_us - BATCH_US)

    def _waiting_at(self, timeline: Timeline) -> ServerTimeUs | None:
        """Return when a channel that waits for its side can wait no longer."""
        frame = self._streamer.least_frame
        if frame is None or frame >= self._head_frame:
            return None
        return ServerTimeUs(timeline.instant(frame) - self._starved_us)

    def _pad_starved(self, timeline: Timeline, now: ServerTimeUs) -> None:
        """Put silence where a source has nothing in time, so that whatever else there is goes on."""
        track = self._line.unended
        if track is None or track.end_frame > self._head_frame:
            return
        needed_frame = timeline.frame_at(ServerTimeUs(now + self._starved_us))
        if needed_frame < self._head_frame:
            return
        if self._stall is None:
            began_at = timeline.instant(track.end_frame)
            self._stall = Stall(track, began_at=began_at, spare_frames=self._prebuffer_frames)
        self._stall.pad(needed_frame + self._batch_frames)
        self._line.settle()

    def _end_stall(self, at: ServerTimeUs) -> None:
        """Let what fell behind go on, or be no longer waited for, from this instant on."""
        stall = self._stall
        if stall is None:
            return
        if at > stall.began_at:
            self._telling.starved(stall.track, stall.began_at, at, stall.goes_on_frame)
        self._drop_stall(stall)

    def _drop_stall(self, stall: Stall) -> None:
        stall.end()
        self._line.settle()
        self._stall = None

    # State

    def _spare_us(self, now: ServerTimeUs) -> int | None:
        timeline = self._timeline
        if timeline is None or timeline.anchor > now:
            return None
        if self._line.available_frame <= self._head_frame + self._batch_frames:
            return None
        return timeline.instant(self._head_frame) - now

    def _wanted(self, now: ServerTimeUs) -> dict[TrackId, int]:
        from_frame = self._head_frame
        if self._timeline is not None:
            from_frame = max(self._timeline.frame_at(now), self._timeline.anchor_frame)
        wanted = lacking(self._line, from_frame + self._ahead_frames)
        if (coming := self._lineup.coming) is not None:
            wanted |= lacking(coming, coming.start_frame + self._ahead_frames)
        return wanted

    def _hungry(self) -> frozenset[TrackId]:
        """Return the tracks without whose next data there is nothing to do soon."""
        hungry = lacking_soon(self._line, self._head_frame + self._prebuffer_frames)
        if (coming := self._lineup.coming) is not None:
            hungry |= lacking_soon(coming, coming.start_frame + self._prebuffer_frames)
        return hungry

    def _forget(self, now: ServerTimeUs) -> None:
        frame = self._head_frame
        if self._timeline is not None:
            frame = min(frame, self._timeline.frame_at(now))
        self._lineup.forget_before(frame - self._kept_frames)

    def _merge(self, outputs: Mapping[ClientId, PlayerOutput]) -> None:
        """Add what players are to be sent behind what this step has for them already: an end or a clear, or less."""
        for player_id, output in outputs.items():
            before = self._outputs.get(player_id)
            if before is not None and not output.end:
                output = replace(output, end=before.end, clear=before.clear)
            self._outputs[player_id] = output


def _soonest(*instants: ServerTimeUs | None) -> ServerTimeUs | None:
    return min((at for at in instants if at is not None), default=None)


def _if_later(at: ServerTimeUs | None, now: ServerTimeUs) -> ServerTimeUs | None:
    """Return an instant that is still to come: after it only data helps, and to be called again at once does not."""
    return None if at is None or at <= now else at
