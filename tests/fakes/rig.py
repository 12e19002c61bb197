"""Renders by hand: a renderer, tracks of given samples, and what every player is sent, in virtual time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle

import numpy as np

from core.channel import Channel, FeedId
from core.commands import AddSide, AddTrack, CloseQueue, Command, SetTopology
from core.formats import LAYOUT_BY_COUNT, STEREO, Block, Codec, StreamFormat
from core.media.source import Passage
from core.media.tags import Tags
from core.renderer import Renderer
from core.step import StepResult, TrackEvent, TrackInput
from core.stream.chunk import Chunk, StreamStart
from core.stream.policy import SendPolicy
from core.stream.topology import PlayerConfig, Topology
from core.units import ClientId, ServerTimeUs, TrackId

PCM_48 = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2, bit_depth=16)
PCM_44 = StreamFormat(codec=Codec.PCM, sample_rate=44_100, channel_count=2, bit_depth=16)
PCM_48_24 = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2, bit_depth=24)
FLAC_48 = StreamFormat(codec=Codec.FLAC, sample_rate=48_000, channel_count=2, bit_depth=16)
FLAC_44 = StreamFormat(codec=Codec.FLAC, sample_rate=44_100, channel_count=2, bit_depth=16)
OPUS_48 = StreamFormat(codec=Codec.OPUS, sample_rate=48_000, channel_count=2)
LEAD_US = 250_000


def player(stream_format: StreamFormat = PCM_48, **changes: object) -> PlayerConfig:
    """Return a player with a megabyte of buffer and a lead of a quarter of a second."""
    values: dict[str, object] = {
        "channel": Channel(layout=LAYOUT_BY_COUNT[stream_format.channel_count]),
        "format": stream_format,
        "capacity_bytes": 1_000_000,
        "lead_us": LEAD_US,
    }
    return PlayerConfig(**(values | changes))  # type: ignore[arg-type]


def topology(**players: PlayerConfig) -> Topology:
    """Return the topology of these players."""
    return Topology(players={ClientId(name): config for name, config in players.items()})


def noise(frame_count: int, *, seed: int = 1, lanes: int = 2) -> Block:
    """Return white noise that lies on the grid of 16 bits."""
    generator = np.random.default_rng(seed)
    return (generator.integers(-20_000, 20_000, (frame_count, lanes)) / 32_768).astype(np.float32)


def ramp(frame_count: int, start: int = 0) -> Block:
    """Return frames that tell their own index, modulo 2^15, on both lanes."""
    values = (np.arange(start, start + frame_count) % 32_768).astype(np.float32) / 32_768
    return np.repeat(values[:, np.newaxis], 2, axis=1)


@dataclass
class Heard:
    """What one player was sent."""

    starts: list[StreamStart] = field(default_factory=list)
    """One for each stream/start."""
    runs: list[list[Chunk]] = field(default_factory=list)
    """The chunks, a list for each start from empty (start, clear)."""
    sent_at: dict[int, ServerTimeUs] = field(default_factory=dict)
    """When each chunk was sent, by the chunk's id()."""
    ends: list[ServerTimeUs] = field(default_factory=list)
    clears: list[ServerTimeUs] = field(default_factory=list)
    is_empty: bool = True
    """It holds nothing that is still to be heard."""

    @property
    def chunks(self) -> list[Chunk]:
        """All chunks."""
        return [chunk for run in self.runs for chunk in run]

    def pcm(self, run: int = -1) -> Block:
        """Return what the chunks of one run hold, as 16-bit stereo."""
        data = b"".join(chunk.data for chunk in self.runs[run])
        return (np.frombuffer(data, "<i2").reshape(-1, 2) / 32_768).astype(np.float32)


@dataclass
class Material:
    """Samples that a track still has to give."""

    block: Block
    given: int = 0
    is_endless: bool = False
    is_held: bool = False
    """Gives nothing for the time being."""
    is_broken: bool = False
    """Breaks where it would end."""
    titles: Mapping[int, str] = field(default_factory=dict)
    """By the frame from which on they hold."""
    there: int | None = None
    """How many frames have come in so far, of a source that is live; None: all of them."""

    def arrive(self, frame_count: int) -> None:
        """Let so many more frames come in."""
        self.there = (self.there or 0) + frame_count


class Rig:
    """Steps a renderer like a playback does, but in virtual time and with nothing else around it."""

    def __init__(
        self,
        *,
        mix_rate: int = 48_000,
        policy: SendPolicy = SendPolicy.BALANCED,
        start_us: int = 1_000_000_000,
        piece_frames: int | Sequence[int] = 24_000,
    ) -> None:
        """`piece_frames`: how long the passages are that tracks give, one size or several in turn."""
        self.renderer = Renderer(mix_rate=mix_rate, policy=policy)
        self.now = ServerTimeUs(start_us)
        self.heard: dict[str, Heard] = {}
        self.events: list[TrackEvent] = []
        self.result = StepResult()
        self.step_count = 0
        self.material: dict[TrackId, Material] = {}
        self._piece_frames = cycle([piece_frames] if isinstance(piece_frames, int) else piece_frames)
        self._commands: list[Command] = []
        self._track_ids = count(1)

    def tell(self, *commands: Command) -> None:
        """Have the next step obey these."""
        self._commands += commands

    def set_players(self, players: Mapping[str, PlayerConfig]) -> None:
        """Have the next step take these players; one that comes back has nothing of what it had."""
        for name, heard in self.heard.items():
            heard.is_empty = heard.is_empty or name not in players
        self.tell(SetTopology(topology=topology(**players)))

    def add(self, block: Block, *, replaces: bool = False, is_endless: bool = False, **values: object) -> TrackId:
        """Add a track of these samples."""
        track_id = TrackId(next(self._track_ids))
        self.material[track_id] = Material(block, is_endless=is_endless)
        self.tell(AddTrack(track_id=track_id, replaces=replaces, **values))  # type: ignore[arg-type]
        return track_id

    def add_side(
        self, beside: TrackId, block: Block, *feeds: str, position_us: int = 0, is_broken: bool = False
    ) -> TrackId:
        """Add samples that these feeds hear in the place of a track."""
        track_id = TrackId(next(self._track_ids))
        self.material[track_id] = Material(block, is_broken=is_broken)
        names = frozenset(map(FeedId, feeds))
        self.tell(AddSide(track_id=track_id, beside=beside, feeds=names, position_us=position_us))
        return track_id

    def close_queue(self) -> None:
        """Say that nothing follows."""
        self.tell(CloseQueue())

    def step(self) -> StepResult:
        """Do one step now."""
        inputs = {
            track_id: given
            for track_id, wanted in self.result.wanted.items()
            if (given := self._give(track_id, wanted))
        }
        commands, self._commands = self._commands, []
        self.result = self.renderer.step(inputs, commands, self.now)
        self.step_count += 1
        self.events += self.result.events
        for player_id, output in self.result.outputs.items():
            heard = self.heard.setdefault(player_id, Heard())
            if output.end:
                heard.ends.append(self.now)
            if output.start is not None:
                heard.starts.append(output.start)
            if output.clear:
                heard.clears.append(self.now)
            if output.end or output.clear:
                heard.is_empty = True
            if output.chunks and heard.is_empty:
                heard.runs.append([])
                heard.is_empty = False
            if output.chunks:
                heard.runs[-1] += output.chunks
            heard.sent_at |= {id(chunk): self.now for chunk in output.chunks}
        return self.result

    def run(self, length_us: int | None = None) -> None:
        """Step as often as there is something to do, for so long, or until all has been heard."""
        until = None if length_us is None else self.now + length_us
        idle_steps = 0
        while not self.result.is_finished:
            before = (self.now, self.step_count)
            self.step()
            if self._commands or any(self._has_news(track_id) for track_id in self.result.hungry):
                idle_steps += 1
                assert idle_steps < 10_000, "turns in circles"
                continue
            wake_at = self.result.wake_at
            if wake_at is None or (until is not None and wake_at > until):
                assert until is not None or self.result.is_finished, "waits for ever"
                break
            idle_steps = idle_steps + 1 if wake_at <= before[0] else 0
            assert idle_steps < 10_000, "turns in circles"
            self.now = ServerTimeUs(max(self.now, wake_at))
        if until is not None and not self.result.is_finished:
            self.now = ServerTimeUs(until)

    def _has_news(self, track_id: TrackId) -> bool:
        material = self.material[track_id]
        has_more = material.there is None or material.there > material.given
        return not material.is_held and has_more and self.result.wanted.get(track_id, 0) > 0

    def _give(self, track_id: TrackId, wanted: int) -> TrackInput | None:
        material = self.material[track_id]
        if material.is_held:
            return None
        passages = []
        while wanted > 0:
            at = material.given % len(material.block) if material.is_endless else material.given
            piece = material.block[at : at + next(self._piece_frames)]
            if material.there is not None:
                piece = piece[: material.there - material.given]
            if not len(piece):
                break
            title = next((material.titles[at] for at in sorted(material.titles)[::-1] if at <= material.given), None)
            piece = piece[: min((at - material.given for at in material.titles if at > material.given), default=None)]
            material.given += len(piece)
            wanted -= len(piece)
            passages.append(Passage(piece, STEREO, Tags(title) if material.titles else None))
        is_ended = not material.is_endless and material.given >= len(material.block)
        return TrackInput(passages=tuple(passages), is_ended=is_ended, is_broken=is_ended and material.is_broken)
