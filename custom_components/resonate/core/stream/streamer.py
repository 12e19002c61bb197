"""Channels to players: `configure` takes the topology, `prepare` makes chunks once for all, `send` fills buffers."""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from ..channel import Channel, FeedId
from ..errors import FormatError
from ..formats import Block, Codec, StreamFormat
from ..units import ClientId, ServerTimeUs
from .chunk import Batch, Chunk, PlayerOutput, StreamStart
from .pipeline import MakeEncoder, MakeResampler, Pipeline, Work
from .player_buffer import PlayerBuffer
from .timeline import Timeline
from .topology import PlayerConfig, Topology

START_MARGIN_US = 3_000
"""What a step may take from its `now` until the first chunk is on the wire, on top of the player's lead."""
BATCH_US = 200_000
"""Chunks are sent in batches of about this length: wake-ups and writes cost more than the chunks in them."""


class Demand(NamedTuple):
    """Frames of a channel that pipelines want next."""

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

    def of(self, pipeline: Pipeline, head_frame: int) -> int:
        """Return how far a pipeline may be brought on its way to `head_frame`."""
        frame = self.frames.get(pipeline.channel.feed, head_frame)
        if frame <= pipeline.next_frame <= self.needed_frame:
            frame = self.given_up_frame
        return min(frame, head_frame)


class _Subscriber:
    """One player: which pipeline it hears, how far it has been sent, what it holds."""

    def __init__(self, config: PlayerConfig, pipeline: Pipeline) -> None:
        self.config = config
        self.pipeline = pipeline
        self.buffer = PlayerBuffer(
            capacity_bytes=config.capacity_bytes,
            header_bytes=config.chunk_header_bytes,
            output_delay_us=config.output_delay_us,
        )
        self.number = 0
        """Number of the pipeline's chunk that it is sent next."""
        self.not_before: ServerTimeUs | None = None
        """It is sent no chunk that starts earlier; None once it has had one."""
        self.has_stream = False
        """It has been told a format, this one or an earlier one."""
        self.knows_format = False
        """It has been told the format of what comes."""

    def adopt(self, config: PlayerConfig) -> None:
        self.config = config
        self.buffer.capacity_bytes = config.capacity_bytes
        self.buffer.header_bytes = config.chunk_header_bytes
        self.buffer.output_delay_us = config.output_delay_us

    def attach(self, pipeline: Pipeline, not_before: ServerTimeUs) -> None:
        self.pipeline = pipeline
        self.number = pipeline.first_number
        self.not_before = not_before

    def take(self, batch: Batch, now: ServerTimeUs) -> bool:
        """Go past all these chunks if they can be sent just so; return whether that is so."""
        if not batch or not self.knows_format or self.not_before is not None:
            return False
        if batch[0].start <= now + self.config.output_delay_us or not self.buffer.add_all(batch, now):
            return False
        self.number += len(batch)
        return True

    def next_chunk(self, now: ServerTimeUs) -> Chunk | None:
        """Return the chunk to be sent next, stepping over those too early or too late for it, and too large."""
        chunks, first_number = self.pipeline.chunks, self.pipeline.first_number
        earliest = now + self.config.output_delay_us + 1
        if self.not_before is not None:
            earliest = max(earliest, self.not_before)
        self.number = max(self.number, first_number)
        while (at := self.number - first_number) < len(chunks):
            chunk = chunks[at]
            if chunk.start >= earliest and self.buffer.can_ever_hold(chunk):
                return chunk
            self.number += 1
        return None


class Streamer:
    """Adapts channels to players. Render pool only; never waits, never looks at a clock.

    Order of calls: `configure`, `start`, then `demand`, `prepare`, `send` again and again, `configure` in between when
    the topology changes, `start` to go on elsewhere; `stop`, after which all begins again with `configure`.
    """

    def __init__(self, *, mix_rate: int, make_encoder: MakeEncoder, make_resampler: MakeResampler) -> None:
        self._mix_rate = mix_rate
        self._make_encoder = make_encoder
        self._make_resampler = make_resampler
        self._pipelines: dict[tuple[Channel, StreamFormat], Pipeline] = {}
        self._subscribers: dict[ClientId, _Subscriber] = {}
        self._timeline: Timeline | None = None
        self._gone = Work()

    @property
    def pipelines(self) -> Mapping[tuple[Channel, StreamFormat], Pipeline]:
        """What is being rendered: one per channel and format in use."""
        return self._pipelines

    @property
    def work(self) -> Work:
        """The work done so far, pipelines that are gone included."""
        return sum((pipeline.work for pipeline in self._pipelines.values()), self._gone)

    @property
    def start_delay_us(self) -> int:
        """How much later than a player's lead the first frame has to be heard, so that no chunk starts too early."""
        return START_MARGIN_US + max((pipeline.delay_us for pipeline in self._pipelines.values()), default=0)

    def start(self, timeline: Timeline, frame: int) -> dict[ClientId, PlayerOutput]:
        """Begin to stream, or go on elsewhere: `frame` comes next, when the timeline says.

        What players hold is dropped; their formats stay.
        """
        self._timeline = timeline
        for pipeline in self._pipelines.values():
            pipeline.forget_all()
            pipeline.reset(frame)
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
        """Return which frames `prepare` wants, to bring pipelines to `head_frame` by at most `most_frames`.

        Those whose feed waits for data go no further than `limits` say.
        """
        wanted = {
            Demand(pipeline.channel, pipeline.next_frame, min(lacking, most_frames))
            for pipeline in self._pipelines.values()
            if (lacking := limits.of(pipeline, head_frame) - pipeline.next_frame) > 0
        }
        return tuple(sorted(wanted, key=lambda demand: demand.start_frame))

    def prepare(self, blocks: Mapping[Demand, Block]) -> None:
        """Resample, cut and encode what was demanded: each piece of work once for all players that share it."""
        timeline = self._timeline
        if timeline is None:
            return
        for demand, given in blocks.items():
            if given.shape != (demand.frame_count, len(demand.channel.layout)):
                raise FormatError(f"a block {given.shape} is not the {demand.frame_count} frames of {demand.channel}")
        by_place = {(demand.channel, demand.start_frame): block for demand, block in blocks.items()}
        for pipeline in self._pipelines.values():
            if (block := by_place.get((pipeline.channel, pipeline.next_frame))) is not None:
                pipeline.prepare(block, timeline)

    def finish(self, frame: int) -> None:
        """Encode what pipelines still hold: nothing follows `frame`."""
        if self._timeline is None:
            return
        for pipeline in self._pipelines.values():
            if not pipeline.is_finished and pipeline.next_frame == frame:
                pipeline.finish(self._timeline)

    def go_on(self) -> None:
        """Take up again what was finished: something follows after all."""
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
            output, retry_at = _fill(subscriber, now, horizon_us)
            if output is not None:
                outputs[player_id] = output
            if retry_at is not None:
                wake_at = retry_at if wake_at is None else min(wake_at, retry_at)
        for pipeline in self._pipelines.values():
            pipeline.forget_before(now)
        return outputs, wake_at

    def is_behind(self, head_frame: int, limits: Limits = Limits()) -> bool:
        """Whether a pipeline has not got to `head_frame` yet, or to the limit of its feed."""
        return any(pipeline.next_frame < limits.of(pipeline, head_frame) for pipeline in self._pipelines.values())

    @property
    def least_frame(self) -> int | None:
        """The frame that the pipeline wants next that has got least far; None without any."""
        return min((pipeline.next_frame for pipeline in self._pipelines.values()), default=None)

    def held_bytes(self, now: ServerTimeUs) -> dict[ClientId, int]:
        """Return what each player holds."""
        return {player_id: subscriber.buffer.held_bytes(now) for player_id, subscriber in self._subscribers.items()}

    def _configure_player(self, player_id: ClientId, config: PlayerConfig, now: ServerTimeUs) -> None:
        subscriber = self._subscribers.get(player_id)
        if subscriber is None:
            earliest = ServerTimeUs(now + config.lead_us + START_MARGIN_US)
            subscriber = _Subscriber(config, self._pipeline(config, earliest))
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
            pipeline = Pipeline(
                config.channel,
                config.format,
                mix_rate=self._mix_rate,
                make_encoder=self._make_encoder,
                make_resampler=self._make_resampler,
            )
            self._pipelines[key] = pipeline
            if self._timeline is not None:
                first_at = ServerTimeUs(first_at + pipeline.delay_us)
                pipeline.reset(max(self._timeline.frame_at(first_at), self._timeline.anchor_frame))
        return pipeline

    def _drop_unused(self) -> None:
        used = {(subscriber.config.channel, subscriber.config.format) for subscriber in self._subscribers.values()}
        for key in self._pipelines.keys() - used:
            self._gone += self._pipelines.pop(key).work


def _fill(
    subscriber: _Subscriber, now: ServerTimeUs, horizon_us: int
) -> tuple[PlayerOutput | None, ServerTimeUs | None]:
    """Send a player what it can take; return also when it can take more of what is there already."""
    chunks: list[Chunk] = []
    retry_at: ServerTimeUs | None = None
    while (chunk := subscriber.next_chunk(now)) is not None:
        ready_at = max(subscriber.buffer.ready_at(chunk, now), chunk.start - horizon_us)
        if ready_at > now:
            # Not one by one as each fits, unless the player would run dry meanwhile.
            last_call = chunk.start - subscriber.config.lead_us
            retry_at = ServerTimeUs(max(ready_at, min(now + BATCH_US, last_call)))
            break
        subscriber.buffer.add(chunk, now)
        subscriber.number += 1
        subscriber.not_before = None
        chunks.append(chunk)
    if not chunks:
        return None, retry_at
    start: StreamStart | None = None
    if not subscriber.knows_format:
        subscriber.knows_format = subscriber.has_stream = True
        start = subscriber.pipeline.start_payload
    return PlayerOutput(start=start, chunks=Batch(chunks)), retry_at


def _all_new(pipeline: Pipeline, number: int, horizon: int) -> Batch:
    """Return all chunks from `number` on, none unless all of them are due."""
    if number < pipeline.first_number or not pipeline.chunks or pipeline.chunks[-1].start > horizon:
        return Batch()
    return Batch(islice(pipeline.chunks, number - pipeline.first_number, None))
