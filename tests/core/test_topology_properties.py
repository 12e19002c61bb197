"""Any players, coming, going and changing in any order: what each is sent, judged by what a player can know.

Nothing here asks the core for its own account: bytes, pace, lead, gaps and content are counted from what was sent
(`Ear`), encoders and resamplers where PyAV and libsoxr are called (`watched_libraries`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings, strategies as st
import numpy as np
import pytest

from core.channel import Channel
from core.commands import Run
from core.formats import LAYOUT_BY_COUNT, Codec, StreamFormat
from core.step import StepResult, TrackStarted
from core.stream.policy import SendPolicy
from core.stream.topology import PlayerConfig
from core.units import ServerTimeUs
from tests.fakes.ear import Ear, tones
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, PCM_48_24, Rig, player
from tests.fakes.seams import Seams, watched_libraries

SECOND = 1_000_000
MIX_RATE = 48_000
TOLERANCE = 0.012
"""Of ±0.7: the tones move by 0.006 in a µs, to which instants are rounded, and by 0.12 in a frame."""


def pcm(sample_rate: int, channel_count: int = 2, bit_depth: int = 16) -> StreamFormat:
    return StreamFormat(codec=Codec.PCM, sample_rate=sample_rate, channel_count=channel_count, bit_depth=bit_depth)


FORMATS = (
    *(PCM_48, PCM_44, PCM_48_24, FLAC_48, FLAC_44, OPUS_48),
    *(pcm(16_000, 1), pcm(96_000, 2, 24), pcm(22_050, 1, 32)),
    StreamFormat(codec=Codec.FLAC, sample_rate=44_100, channel_count=2, bit_depth=24),
    StreamFormat(codec=Codec.OPUS, sample_rate=48_000, channel_count=1),
)
NAMES = ("b", "c", "d", "e")
CAPACITIES = (60_000, 250_000, 2_000_000)
DELAYS_US = (0, 20_000, 90_000)

type Players = dict[str, PlayerConfig]
type Action = Callable[[Hall], None]


class Hall(Rig):
    """A rig in which every player is an `Ear`."""

    def __init__(
        self,
        players: Players,
        *,
        seams: Seams,
        policy: SendPolicy = SendPolicy.BALANCED,
        piece_frames: int | Sequence[int] = 24_000,
        mix_rate: int = MIX_RATE,
        keeps: int | None = None,
    ) -> None:
        """`keeps`: how many chunks are remembered for each player; None: all."""
        super().__init__(policy=policy, piece_frames=piece_frames, mix_rate=mix_rate)
        self.seams = seams
        self.keeps = keeps
        self.players = dict(players)
        self.ears: dict[str, list[Ear]] = {}
        """One for each time that it came."""
        self._shared: dict[tuple[object, ServerTimeUs], bytes] = {}
        self.add(tones(mix_rate), replaces=True, is_endless=True)
        self.configure()
        self.tell(Run())

    def configure(self) -> None:
        """Tell the renderer who is there."""
        self.set_players(self.players)
        for name, config in self.players.items():
            if name in self.ears and self.ears[name][-1].is_there:
                self.ears[name][-1].configure(config)
            else:
                self.ears.setdefault(name, []).append(self._ear(config))
        for name, ears in self.ears.items():
            ears[-1].is_there = name in self.players
        keys = {(config.channel, config.format) for config in self.players.values()}
        self._shared = {place: data for place, data in self._shared.items() if place[0] in keys}

    def step(self) -> StepResult:
        result = super().step()
        for player_id, output in result.outputs.items():
            config = self.players[player_id]
            self.ears[player_id][-1].hear(output, self.now)
            for chunk in output.chunks:
                place = ((config.channel, config.format), chunk.start)
                assert self._shared.setdefault(place, chunk.data) is chunk.data, "equal players, not the same object"
        if self.keeps is not None:
            self.heard.clear()
            self._shared = {place: data for place, data in self._shared.items() if place[1] > self.now}
        return result

    def _ear(self, config: PlayerConfig) -> Ear:
        keeps = {} if self.keeps is None else {"keeps": self.keeps}
        return Ear(config, self.now, mix_rate=self.renderer.mix_rate, **keeps)

    def judge(self, *, is_settled: bool = False) -> None:
        """Look at encoders and resamplers, which must be just those in use.

        Unless all is settled, a rate may have a second resampler for what the first one began too late for.
        """
        used = {(config.channel, config.format) for config in self.players.values()}
        formats = [stream_format for _, stream_format in used]
        packed = [it for it in formats if it.codec is not Codec.PCM]
        names = {Codec.FLAC: "flac", Codec.OPUS: "libopus"}
        assert self.seams.open_encoders == Counter((names[it.codec], it.sample_rate) for it in packed)
        rates = {(channel, it.sample_rate) for channel, it in used if it.sample_rate != self.renderer.mix_rate}
        resampled = Counter((self.renderer.mix_rate, rate) for _, rate in rates)
        if is_settled:
            assert self.seams.open_resamplers == resampled
        assert resampled <= self.seams.open_resamplers <= resampled + resampled

    def listen(self) -> None:
        """Look at what everybody heard: all of it lies on one timeline."""
        (anchor,) = [event.at for event in self.events if isinstance(event, TrackStarted)]
        for name, ears in self.ears.items():
            for ear in ears:
                assert ear.error(anchor) < TOLERANCE, name


def join(name: str, config: PlayerConfig) -> Action:
    """Come, or come back changed in any way."""

    def act(hall: Hall) -> None:
        hall.players[name] = config

    return act


def leave(name: str) -> Action:
    def act(hall: Hall) -> None:
        hall.players.pop(name, None)

    return act


def change(name: str, **values: object) -> Action:
    """Change format, capacity or output delay, if it is there."""

    def act(hall: Hall) -> None:
        if (config := hall.players.get(name)) is not None:
            hall.players[name] = replace(config, **values)  # type: ignore[arg-type]

    return act


def change_format(name: str, stream_format: StreamFormat) -> Action:
    channel = Channel(layout=LAYOUT_BY_COUNT[stream_format.channel_count])
    return change(name, format=stream_format, channel=channel)


def change_channel(name: str, delay_frames: int) -> Action:
    """Hear something else in the same format: here, the same later."""

    def act(hall: Hall) -> None:
        if (config := hall.players.get(name)) is not None:
            hall.players[name] = replace(config, channel=replace(config.channel, delay_frames=delay_frames))

    return act


def reconnect(name: str) -> Action:
    """Be gone and back in one breath, with nothing of what it had."""

    def act(hall: Hall) -> None:
        if (config := hall.players.pop(name, None)) is not None:
            hall.configure()
            hall.players[name] = config

    return act


def player_of(stream_format: StreamFormat, capacity_bytes: int, output_delay_us: int) -> PlayerConfig:
    return player(stream_format, capacity_bytes=capacity_bytes, output_delay_us=output_delay_us)


formats = st.sampled_from(FORMATS)
names = st.sampled_from(NAMES)
configs = st.builds(player_of, formats, st.sampled_from(CAPACITIES), st.sampled_from(DELAYS_US))
actions = st.one_of(
    st.builds(join, names, configs),
    st.builds(leave, names),
    st.builds(change_format, names, formats),
    st.builds(lambda name, value: change(name, output_delay_us=value), names, st.sampled_from(DELAYS_US)),
    st.builds(lambda name, value: change(name, capacity_bytes=value), names, st.sampled_from(CAPACITIES)),
    st.builds(change_channel, names, st.sampled_from([0, 1, 4_801])),
    st.builds(reconnect, names),
)
changes = st.lists(st.tuples(st.integers(0, 700_000), st.lists(actions, min_size=1, max_size=4)), max_size=8)
sizes = st.lists(st.integers(1, 30_000).map(lambda size: size + 200), min_size=1, max_size=5)
moderately = settings(max_examples=settings().max_examples // 4, suppress_health_check=[HealthCheck.too_slow])


def play(
    hall: Hall, steps: Sequence[tuple[int, Sequence[Action]]], *, rest_us: int = SECOND, judged: bool = True
) -> Hall:
    for wait_us, acts in steps:
        hall.run(wait_us)
        for act in acts:
            act(hall)
        hall.configure()
        if judged:
            hall.step()
            hall.judge()
    hall.run(rest_us)
    hall.judge(is_settled=True)
    return hall


@moderately
@given(
    mine=configs,
    others=st.dictionaries(names, configs),
    steps=changes,
    pieces=sizes,
    policy=st.sampled_from(SendPolicy),
)
def test_everybody_hears_the_same_instant_in_time_and_within_its_means_and_others_change_nothing(
    mine: PlayerConfig,
    others: Players,
    steps: list[tuple[int, list[Action]]],
    pieces: list[int],
    policy: SendPolicy,
) -> None:
    with watched_libraries() as seams:
        among = play(Hall(others | {"a": mine}, seams=seams, policy=policy, piece_frames=pieces), steps)
        among.listen()
        (ear,) = among.ears["a"]
        assert ear.start_count == 1
        assert among.events  # it was heard at all
    (alone_at,) = [event.at for event in among.events if isinstance(event, TrackStarted)]
    with watched_libraries() as seams:
        alone = Hall(others | {"a": mine}, seams=seams, policy=policy)
        play(alone, [(wait_us, ()) for wait_us, _ in steps], judged=False)
    assert [event.at for event in alone.events if isinstance(event, TrackStarted)] == [alone_at]
    both = list(zip(ear.chunks, alone.ears["a"][0].chunks, strict=False))
    assert len(both) > 10
    assert all((one.start, one.data) == (other.start, other.data) for one, other in both)


lossless = st.builds(player_of, st.sampled_from([PCM_48, FLAC_48, PCM_48_24]), st.just(2_000_000), st.just(0))


@moderately
@given(
    one=st.dictionaries(names, lossless, min_size=1),
    other=st.dictionaries(names, configs),
    wait_us=st.integers(0, 900_000),
)
def test_there_and_back_again_gives_the_same_pipelines_payloads_and_samples(
    one: Players, other: Players, wait_us: int
) -> None:
    def go(*topologies: Players) -> Hall:
        hall = Hall(topologies[0], seams=seams)
        for players in topologies[1:]:
            hall.run(wait_us)
            hall.players = dict(players)
            hall.configure()
        hall.run(2 * SECOND)
        hall.judge(is_settled=True)
        return hall

    with watched_libraries() as seams:
        direct = go(one, one, one)
    with watched_libraries() as seams:
        indirect = go(one, other, one)
    assert set(indirect.renderer.pipelines) == set(direct.renderer.pipelines)
    for name in one:
        alike, mine = direct.ears[name][-1], indirect.ears[name][-1]
        assert mine.stretches[-1].start == alike.stretches[-1].start
        (straight,) = alike.stretches
        back = mine.stretches[-1]
        from_frame = back.chunks[0].frame - straight.chunks[0].frame
        expected, heard = straight.decoded()[from_frame:], back.decoded()
        length = min(len(expected), len(heard))
        assert length > MIX_RATE
        assert np.array_equal(expected[:length], heard[:length])


SPARE = (pcm(8_000, 1), pcm(11_025, 1))
long_actions = st.one_of(
    st.builds(join, names, st.builds(player_of, st.sampled_from(SPARE), st.sampled_from([20_000, 60_000]), st.just(0))),
    st.builds(leave, names),
    st.builds(change_format, names, st.sampled_from(SPARE)),
    st.builds(reconnect, names),
)


@settings(moderately, max_examples=max(1, moderately.max_examples // 12))
@given(
    steps=st.lists(
        st.tuples(st.integers(30, 600).map(lambda s: s * SECOND + 123_457), st.lists(long_actions)), max_size=6
    )
)
@pytest.mark.timeout(240)
def test_after_an_hour_of_coming_and_going_nothing_has_moved(steps: list[tuple[int, list[Action]]]) -> None:
    with watched_libraries() as seams:
        steady = {"a": player(SPARE[0], capacity_bytes=60_000), "z": player(SPARE[1], capacity_bytes=60_000)}
        hall = Hall(steady, seams=seams, mix_rate=8_000, keeps=40)
        play(hall, steps)
        hall.run(3_700 * SECOND - (hall.now - 1_000_000_000))
        hall.listen()
        for name, rate in (("a", 8_000), ("z", 11_025)):
            (ear,) = hall.ears[name]
            (stretch,) = ear.stretches
            (anchor,) = [event.at for event in hall.events if isinstance(event, TrackStarted)]
            last = stretch.chunks[-1]
            assert abs(last.start - anchor - last.frame * SECOND / rate) < 1
            assert last.end > hall.now + SECOND


def test_a_late_joiner_costs_no_packet_that_nobody_can_play() -> None:
    with watched_libraries() as seams:
        hall = Hall({"a": player(PCM_48)}, seams=seams)
        hall.run(10 * SECOND)
        assert not seams.opened
        hall.players["b"] = player(FLAC_44)
        hall.configure()
        hall.run(SECOND)
        (ear,) = hall.ears["b"]
        # At most one packet at each edge: the first may begin before its lead, the last may not be complete.
        assert len(ear.chunks) <= seams.encoded["flac", 44_100] <= len(ear.chunks) + 2
        assert seams.open_encoders == {("flac", 44_100): 1}
        hall.listen()
