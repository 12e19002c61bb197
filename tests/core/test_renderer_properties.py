"""Whatever is done in whatever order: nobody gets a gap, a late chunk, more than it holds, or anything of another's."""

from collections.abc import Callable
from itertools import pairwise

from hypothesis import HealthCheck, given, settings, strategies as st

from core.commands import Halt, Run
from core.formats import StreamFormat
from core.stream.player_buffer import PACE
from core.stream.policy import SendPolicy
from core.stream.subscriber import BATCH_US
from core.units import ServerTimeUs
from tests.fakes.rig import FLAC_44, FLAC_48, LEAD_US, OPUS_48, PCM_44, PCM_48, Heard, Rig, noise, player

SECOND = 1_000_000
CAPACITIES = (30_000, 200_000, 1_000_000)
NAMES = ("b", "c", "d")

type Action = Callable[[Rig, dict[str, tuple[StreamFormat, int]]], None]

formats = st.sampled_from([PCM_48, PCM_44, FLAC_48, FLAC_44, OPUS_48])


def join(name: str, stream_format: StreamFormat, capacity: int) -> Action:
    """Come in, or change format and capacity."""

    def act(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
        players[name] = (stream_format, capacity)

    return act


def leave(name: str) -> Action:
    def act(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
        players.pop(name, None)

    return act


def halt(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
    rig.tell(Halt())


def run(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
    rig.tell(Run())


def replace(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
    rig.add(noise(9_999), replaces=True, is_endless=True)


def stall(length_us: int) -> Action:
    """Let the machine stand still for a while."""

    def act(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
        rig.now = ServerTimeUs(rig.now + length_us)

    return act


def hesitate(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
    """Let all sources give nothing for the time being, or give again."""
    for material in rig.material.values():
        material.is_held = not material.is_held


def follow(frame_count: int) -> Action:
    """Let a short medium, or an empty one, follow what ends."""

    def act(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
        for material in rig.material.values():
            material.is_endless = False
        rig.add(noise(frame_count))

    return act


def close(rig: Rig, players: dict[str, tuple[StreamFormat, int]]) -> None:
    rig.close_queue()


disturbances = st.lists(
    st.tuples(
        st.integers(1, 600_000),
        st.one_of(
            st.builds(join, st.sampled_from(NAMES), formats, st.sampled_from(CAPACITIES)),
            st.builds(leave, st.sampled_from(NAMES)),
        ),
    ),
    max_size=8,
)
anything = st.lists(
    st.tuples(
        st.integers(1, 600_000),
        st.one_of(
            st.builds(join, st.sampled_from(("a", *NAMES)), formats, st.sampled_from(CAPACITIES)),
            st.builds(leave, st.sampled_from(("a", *NAMES))),
            st.sampled_from([halt, run, replace]),
        ),
    ),
    max_size=10,
)
trouble = st.lists(
    st.tuples(
        st.integers(1, 600_000),
        st.one_of(
            st.builds(join, st.sampled_from(("a", *NAMES)), formats, st.sampled_from(CAPACITIES)),
            st.builds(leave, st.sampled_from(("a", *NAMES))),
            st.builds(stall, st.integers(1, 20_000_000)),
            st.builds(follow, st.sampled_from([0, 1, 999, 30_000, 100_000])),
            st.sampled_from([halt, run, replace, hesitate, hesitate, close]),
        ),
    ),
    max_size=14,
)
moderately = settings(suppress_health_check=[HealthCheck.too_slow])


def play(actions: list[tuple[int, Action]], policy: SendPolicy = SendPolicy.BALANCED) -> Rig:
    rig = Rig(policy=policy)
    players = {"a": (PCM_48, 1_000_000)}

    def configure() -> None:
        rig.set_players({name: player(what, capacity_bytes=size) for name, (what, size) in players.items()})

    configure()
    rig.add(noise(7_777), replaces=True, is_endless=True)
    rig.tell(Run())
    for wait_us, act in actions:
        rig.run(wait_us)
        act(rig, players)
        configure()
    rig.run(SECOND)
    return rig


def assert_sound(heard: Heard) -> None:
    for chunk in heard.chunks:
        assert chunk.start > heard.sent_at[id(chunk)]
    for run_ in heard.runs:
        for before, after in pairwise(run_):
            assert before.end <= after.start


@moderately
@given(actions=disturbances, policy=st.sampled_from(SendPolicy))
def test_others_change_nothing_byte_for_byte(actions: list[tuple[int, Action]], policy: SendPolicy) -> None:
    alone, among = play([(wait, lambda *_: None) for wait, _ in actions], policy), play(actions, policy)
    mine = [(chunk.start, chunk.data) for chunk in among.heard["a"].chunks]
    alike = [(chunk.start, chunk.data) for chunk in alone.heard["a"].chunks]
    assert all(one == other for one, other in zip(mine, alike, strict=False))
    # How much of the horizon was full when the test stopped looking: others wake it at other instants.
    assert abs(len(mine) - len(alike)) * 25_000 <= (PACE + 1) * BATCH_US
    assert len(among.heard["a"].starts) == 1
    for heard in among.heard.values():
        assert_sound(heard)


@moderately
@given(actions=anything, policy=st.sampled_from(SendPolicy))
def test_nothing_is_late_or_overlaps_and_every_run_begins_after_the_lead(
    actions: list[tuple[int, Action]], policy: SendPolicy
) -> None:
    rig = play(actions, policy)
    for heard in rig.heard.values():
        assert_sound(heard)
        for run_ in heard.runs:
            assert run_[0].start - heard.sent_at[id(run_[0])] >= LEAD_US
        assert len(heard.starts) >= 1


@moderately
@given(actions=trouble, policy=st.sampled_from(SendPolicy))
def test_whatever_sources_and_the_machine_do_nothing_is_late_or_overlaps_and_it_goes_on(
    actions: list[tuple[int, Action]], policy: SendPolicy
) -> None:
    rig = play(actions, policy)
    for heard in rig.heard.values():
        assert_sound(heard)
    for material in rig.material.values():
        material.is_held = False
    rig.tell(Run())
    rig.set_players({"z": player(PCM_48)})
    rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.step()  # even when all was over
    asked_at = rig.now
    rig.run(SECOND)
    assert rig.heard["z"].chunks[-1].end - asked_at > SECOND + LEAD_US
    assert_sound(rig.heard["z"])


@moderately
@given(one=st.dictionaries(st.sampled_from(NAMES), formats), other=st.dictionaries(st.sampled_from(NAMES), formats))
def test_there_and_back_again_leaves_the_same_pipelines(
    one: dict[str, StreamFormat], other: dict[str, StreamFormat]
) -> None:
    def keys(*topologies: dict[str, StreamFormat]) -> set[tuple[object, StreamFormat]]:
        rig = Rig()
        rig.add(noise(7_777), replaces=True, is_endless=True)
        rig.tell(Run())
        for players in topologies:
            rig.set_players({name: player(what) for name, what in players.items()})
            rig.step()
        return set(rig.renderer.pipelines)

    assert keys(one, other, one) == keys(one)
    assert {stream_format for _, stream_format in keys(one)} == set(one.values())
