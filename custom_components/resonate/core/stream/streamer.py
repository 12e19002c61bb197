"""Channels to players: `configure` takes the topology, `prepare` makes chunks once for all, `send` fills buffers."""

from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from ..channel import Channel, FeedId
from ..codecs.base import Encoder
from ..errors import FormatError
from ..formats import Block, Codec, StreamFormat
from ..units import ClientId, ServerTimeUs
from .chunk import Batch, PlayerOutput
from .pipeline import Pipeline
from .stem import MakeResampler, Stem
from .subscriber import Subscriber
from .timeline import Timeline, convert_index
from .topology import PlayerConfig, Topology
from .work import Work

type MakeEncoder = Callable[[StreamFormat], Encoder]

START_MARGIN_US: Final = 3_000
"""What a step may take from its `now` until the first chunk is on the wire, on top of the player's lead."""


class Demand(NamedTuple):
    """Frames of a channel that stems want next."""

    channel: Channel
    start_frame: int
    frame_count: int


class Limits(NamedTuple):
    """How far channels may be rendered whose feed waits for data of its own."""

    frames: Mapping[FeedId, int] = MappingProxyType({})
    """By feed: the first frame that is not there yet."""
    needed_frame: int = 0
    """Who has got no further than here can wait no longer,"""
    given_up_frame: int = 0
    """and goes on to here with what there is."""

    def of(self, stem: Stem, head_frame: int) -> int:
        """Return how far a stem may be brought on its way to `head_frame`."""
        frame = self.frames.get(stem.channel.feed, head_frame)
        if frame <= stem.next_frame <= self.needed_frame:
            frame = self.given_up_frame
        return min(frame, head_frame)


class Streamer:
    """Adapts channels to players. Render pool only; never waits, never looks at a clock.

    Order of calls: `configure`, `start`, then `demand`, `prepare`, `send` again and again, `configure` in between when
    the topology changes, `start` to go on elsewhere; `stop`, after which all begins again with `configure`.
    """

    def __init__(self, *, mix_rate: int, make_encoder: MakeEncoder, make_resampler: MakeResampler) -> None:
        self._mix_rate = mix_rate
        self._make_encoder = make_encoder
        self._make_resampler = make_resampler
        self._stems: list[Stem] = []
        """One per channel and rate in use; a second one only while a pipeline wants what the first began too late for.
        """
        self._pipelines: dict[tuple[Channel, StreamFormat], Pipeline] = {}
        self._subscribers: dict[ClientId, Subscriber] = {}
        self._timeline: Timeline | None = None
        self._gone = Work()

    @property
    def pipelines(self) -> Mapping[tuple[Channel, StreamFormat], Pipeline]:
        """What is being rendered: one per channel and format in use."""
        return self._pipelines

    @property
    def work(self) -> Work:
        """The work done so far, what is gone included."""
        resampled = sum((stem.work for stem in self._stems), self._gone)
        return sum((pipeline.work for pipeline in self._pipelines.values()), resampled)

    @property
    def start_delay_us(self) -> int:
        """How much later than a player's lead the first frame has to be heard, so that no chunk starts too early."""
        return START_MARGIN_US + max((pipeline.delay_us for pipeline in self._pipelines.values()), default=0)

    def start(self, timeline: Timeline, frame: int) -> dict[ClientId, PlayerOutput]:
        """Begin to stream, or go on elsewhere: `frame` comes next, when the timeline says.

        What players hold is dropped; their formats stay.
        """
        self._timeline = timeline
        for stem in self._stems:
            stem.reset(convert_index(frame, self._mix_rate, stem.rate))
        for pipeline in self._pipelines.values():
            pipeline.forget_all()
            pipeline.reset(pipeline.stem.end_index)
        for subscriber in self._subscribers.values():
            subscriber.buffer.clear()
            subscriber.attach(subscriber.pipeline, ServerTimeUs(timeline.instant(frame) - subscriber.pipeline.delay_us))
        return {
            player_id: PlayerOutput(clear=True)
            for player_id, subscriber in self._subscribers.items()
            if subscriber.has_stream
        }

    def stop(self) -> dict[ClientId, PlayerOutput]:
        """End every stream and forget every player; encoders go."""
        ended = {
            player_id: PlayerOutput(end=True)
            for player_id, subscriber in self._subscribers.items()
            if subscriber.has_stream
        }
        self._timeline = None
        self._subscribers.clear()
        self._drop_unused()
        return ended

    def configure(self, topology: Topology, now: ServerTimeUs) -> None:
        """Take a new topology. Players whose channel and format stay the same notice nothing.

        The others are told their format before the next chunk they get, which goes on where their last one ended;
        players that are new start at the first chunk they can still play in time. Pipelines without players go.
        """
        for player_id in self._subscribers.keys() - topology.players.keys():
            del self._subscribers[player_id]
        for player_id, config in topology.players.items():
            self._configure_player(player_id, config, now)
        self._drop_unused()

    def demand(self, head_frame: int, most_frames: int, limits: Limits = Limits()) -> tuple[Demand, ...]:
        """Return which frames `prepare` wants, to bring stems to `head_frame` by at most `most_frames`.

        Those whose feed waits for data go no further than `limits` say.
        """
        wanted = {
            Demand(stem.channel, stem.next_frame, min(lacking, most_frames))
            for stem in self._stems
            if (lacking := limits.of(stem, head_frame) - stem.next_frame) > 0
        }
        return tuple(sorted(wanted, key=lambda demand: demand.start_frame))

    def prepare(self, blocks: Mapping[Demand, Block], most_frames: int) -> None:
        """Resample, cut and encode what was demanded: each piece of work once for all players that share it.

        A pipeline that comes to a stem late takes no more than about `most_frames` of what is there already.
        """
        timeline = self._timeline
        if timeline is None:
            return
        for demand, given in blocks.items():
            if given.shape != (demand.frame_count, len(demand.channel.layout)):
                raise FormatError(f"a block {given.shape} is not the {demand.frame_count} frames of {demand.channel}")
        by_place = {(demand.channel, demand.start_frame): block for demand, block in blocks.items()}
        for stem in self._stems:
            if (block := by_place.get((stem.channel, stem.next_frame))) is not None:
                stem.take(block)
        for pipeline in self._pipelines.values():
            pipeline.prepare(timeline, most_frames * pipeline.stem.rate // self._mix_rate)
        self._join_stems()

    def finish(self, frame: int) -> None:
        """Encode what is still held: nothing follows `frame`."""
        if self._timeline is None:
            return
        for stem in self._stems:
            if not stem.is_finished and stem.next_frame == frame:
                stem.finish()
        for pipeline in self._pipelines.values():
            lacking = pipeline.stem.end_index - pipeline.next_index
            if pipeline.stem.is_finished and not pipeline.is_finished and lacking >= 0:
                pipeline.prepare(self._timeline, lacking)
                pipeline.finish(self._timeline)

    def go_on(self) -> None:
        """Take up again what was finished: something follows after all."""
        for stem in self._stems:
            if stem.is_finished:
                stem.go_on()
        for pipeline in self._pipelines.values():
            if pipeline.is_finished:
                pipeline.go_on()
                for subscriber in self._subscribers.values():
                    # Whoever decodes is told of a new encoder; PCM has none.
                    if subscriber.pipeline is pipeline and pipeline.format.codec is not Codec.PCM:
                        subscriber.knows_format = False

    def send(self, now: ServerTimeUs, horizon_us: int) -> tuple[dict[ClientId, PlayerOutput], ServerTimeUs | None]:
        """Return what every player can take now, and when one of those that cannot take all of it could take more."""
        outputs = {}
        wake_at: ServerTimeUs | None = None
        shared: dict[tuple[Pipeline, int], PlayerOutput] = {}
        for player_id, subscriber in self._subscribers.items():
            # Nearly always players are sent all that is new in their pipeline: one output for all of them.
            place = (subscriber.pipeline, subscriber.number)
            if (all_new := shared.get(place)) is None:
                all_new = shared[place] = PlayerOutput(chunks=_all_new(*place, now + horizon_us))
            if subscriber.take(all_new.chunks, now):
                outputs[player_id] = all_new
                continue
            output, retry_at = subscriber.fill(now, horizon_us)
            if output is not None:
                outputs[player_id] = output
            if retry_at is not None:
                wake_at = retry_at if wake_at is None else min(wake_at, retry_at)
        self._forget_before(now)
        return outputs, wake_at

    def is_behind(self, head_frame: int, limits: Limits = Limits()) -> bool:
        """Whether something has not got to `head_frame` yet, or to the limit of its feed."""
        return any(stem.next_frame < limits.of(stem, head_frame) for stem in self._stems) or any(
            pipeline.is_behind for pipeline in self._pipelines.values()
        )

    @property
    def least_frame(self) -> int | None:
        """The frame that the stem wants next that has got least far; None without any."""
        return min((stem.next_frame for stem in self._stems), default=None)

    def held_bytes(self, now: ServerTimeUs) -> dict[ClientId, int]:
        """Return what each player holds."""
        return {player_id: subscriber.buffer.held_bytes(now) for player_id, subscriber in self._subscribers.items()}

    def held_until(self) -> dict[ClientId, ServerTimeUs]:
        """Return when the last of what each player holds ends."""
        ends = {player_id: subscriber.buffer.sent_until for player_id, subscriber in self._subscribers.items()}
        return {player_id: end for player_id, end in ends.items() if end is not None}

    def _configure_player(self, player_id: ClientId, config: PlayerConfig, now: ServerTimeUs) -> None:
        subscriber = self._subscribers.get(player_id)
        if subscriber is None:
            earliest = ServerTimeUs(now + config.lead_us + START_MARGIN_US)
            subscriber = Subscriber(config, self._pipeline(config, earliest))
            self._subscribers[player_id] = subscriber
            subscriber.attach(subscriber.pipeline, earliest)
            return
        changed = (config.channel, config.format) != (subscriber.config.channel, subscriber.config.format)
        subscriber.adopt(config)
        if changed:
            goes_on = subscriber.buffer.sent_until
            if goes_on is None or goes_on <= now:
                goes_on = ServerTimeUs(now + config.lead_us + START_MARGIN_US)
            subscriber.attach(self._pipeline(config, goes_on), goes_on)
            subscriber.knows_format = False

    def _pipeline(self, config: PlayerConfig, first_at: ServerTimeUs) -> Pipeline:
        """Return the pipeline of this channel and format; a new one starts where it is needed first."""
        key = (config.channel, config.format)
        pipeline = self._pipelines.get(key)
        if pipeline is None:
            encoder = self._make_encoder(config.format)
            index = self._first_index(first_at, config.format.sample_rate, encoder.delay_frames)
            pipeline = Pipeline(self._stem(config.channel, config.format.sample_rate, index), config.format, encoder)
            pipeline.reset(index)
            self._pipelines[key] = pipeline
        return pipeline

    def _first_index(self, first_at: ServerTimeUs, rate: int, delay_frames: int) -> int:
        """Return what to begin with for a first chunk that starts at `first_at`; any number before `start`."""
        timeline = self._timeline
        if timeline is None:
            return 0
        index = convert_index(timeline.frame_at(first_at), self._mix_rate, rate) + delay_frames
        return max(index, convert_index(timeline.anchor_frame, self._mix_rate, rate))

    def _stem(self, channel: Channel, rate: int, index: int) -> Stem:
        """Return the first stem of this channel and rate that has, or will have, `index`; a new one begins there."""
        for stem in self._stems:
            if stem.key == (channel, rate):
                if stem.is_fresh and index < stem.first_index:
                    stem.reset(index)
                if stem.first_index <= index:
                    return stem
        stem = Stem(channel, rate, mix_rate=self._mix_rate, make_resampler=self._make_resampler)
        stem.reset(index)
        self._stems.append(stem)
        return stem

    def _join_stems(self) -> None:
        """Let pipelines use the stem that was there first, once it has what they want, and the others go."""
        for pipeline in self._pipelines.values():
            first = next(stem for stem in self._stems if stem.key == pipeline.stem.key)
            if first is not pipeline.stem and first.first_index <= pipeline.next_index:
                pipeline.stem = first
                self._drop_unused()

    def _forget_before(self, now: ServerTimeUs) -> None:
        """Drop what can no longer be sent."""
        if self._timeline is None:
            return
        for pipeline in self._pipelines.values():
            pipeline.forget_before(now)
        frame = self._timeline.frame_at(now)
        for stem in self._stems:
            wanted = [pipeline.next_index for pipeline in self._pipelines.values() if pipeline.stem is stem]
            stem.forget_before(min(convert_index(frame, self._mix_rate, stem.rate), *wanted))

    def _drop_unused(self) -> None:
        """Let pipelines without players go, and stems without pipelines."""
        used = {(subscriber.config.channel, subscriber.config.format) for subscriber in self._subscribers.values()}
        for key in self._pipelines.keys() - used:
            self._gone += self._pipelines.pop(key).work
        stems = {pipeline.stem for pipeline in self._pipelines.values()}
        self._gone = sum((stem.work for stem in self._stems if stem not in stems), self._gone)
        self._stems = [stem for stem in self._stems if stem in stems]


def _all_new(pipeline: Pipeline, number: int, horizon: int) -> Batch:
    """Return all chunks from `number` on, none unless all of them are due."""
    if number < pipeline.first_number or not pipeline.chunks or pipeline.chunks[-1].start > horizon:
        return Batch()
    return Batch(islice(pipeline.chunks, number - pipeline.first_number, None))
