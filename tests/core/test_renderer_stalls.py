"""Sources that fall behind: silence in their place, told once, and nothing of them lost."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings, strategies as st
import numpy as np
import pytest

from core.commands import Halt, Run
from core.formats import Block
from core.renderer import PREBUFFER_US
from core.step import Halted, TrackEnded, TrackStarted, TrackStarved, TrackTagged
from core.units import ServerTimeUs
from tests.fakes.rig import Heard, Material, Rig, player, ramp

SECOND = 1_000_000


def music(frame_count: int, start: int = 0) -> Block:
    """Return frames that tell their own index and are never silent."""
    values = (np.arange(start, start + frame_count) % 32_767 + 1).astype(np.float32) / 32_768
    return np.repeat(values[:, np.newaxis], 2, axis=1)


def playing(frame_count: int = 20 * 48_000, *, is_live: bool = True, there: int = 24_000) -> tuple[Rig, Material]:
    """Return a source of which so many frames are there, and heard."""
    rig = Rig(piece_frames=960)
    rig.set_players({"a": player()})
    track_id = rig.add(music(frame_count), replaces=True, is_live=is_live)
    source = rig.material[track_id]
    source.there = there
    rig.tell(Run())
    rig.run(100_000)
    return rig, source


def starved(rig: Rig) -> list[TrackStarved]:
    return [event for event in rig.events if isinstance(event, TrackStarved)]


def silences(heard: Heard) -> list[int]:
    """Return how long, in frames, each silence is that is heard between the music."""
    is_silent = ~heard.pcm()[:, 0].astype(bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_silent, [False]]).astype(int)))
    return [int(end - begin) for begin, end in edges.reshape(-1, 2)]


def assert_continuous(heard: Heard) -> None:
    for before, after in pairwise(heard.chunks):
        assert after.frame == before.frame + before.frame_count
        assert after.start == before.end


def test_a_live_source_that_trickles_shifts_once_and_has_something_in_hand_then() -> None:
    rig, source = playing()
    rig.run(SECOND)
    for _ in range(500):  # at the edge, a 50th at a time, from now on, but for what comes a little later together
        for pieces in (1, 1, 3, 1, 10):
            rig.run(20_000 * pieces)
            source.arrive(960 * pieces)
    (event,) = starved(rig)
    assert_continuous(rig.heard["a"])
    assert silences(rig.heard["a"]) == [pytest.approx(event.length_us * 0.048, abs=1)]
    assert event.position_us == 500_000
    begins_at = next(event.at for event in rig.events if isinstance(event, TrackStarted))
    assert event.at - begins_at == pytest.approx(500_000, abs=1)


def test_a_buffered_source_goes_on_as_soon_as_it_has_anything() -> None:
    lengths = []
    for is_live in (False, True):
        rig, source = playing(is_live=is_live)
        rig.run(SECOND)
        source.arrive(960)
        rig.run(SECOND)
        source.arrive(960_000 - 24_960)
        rig.run(SECOND)
        lengths.append(len(silences(rig.heard["a"])))
        (*_, last) = starved(rig)
        assert last.position_us == (520_000 if not is_live else 500_000)
    assert lengths == [2, 1]


@pytest.mark.parametrize("is_live", [True, False])
def test_silence_is_told_when_it_is_over_and_not_before(is_live: bool) -> None:
    rig, source = playing(is_live=is_live)
    rig.run(20 * SECOND)
    assert not starved(rig)
    source.arrive(9_600)
    rig.run(10_000)
    (event,) = starved(rig)
    assert event.length_us > 18 * SECOND
    assert 0 < event.at + event.length_us - rig.now < SECOND


def test_what_a_live_source_gave_before_its_end_is_heard_however_little() -> None:
    rig, source = playing(24_960)
    rig.run(SECOND)
    source.arrive(959)
    rig.run(SECOND)
    assert not starved(rig)
    source.arrive(1)
    rig.close_queue()
    rig.run()
    pcm = rig.heard["a"].pcm()
    assert np.array_equal(pcm[pcm[:, 0] != 0], music(24_960))
    assert len(starved(rig)) == len(silences(rig.heard["a"])) == 1
    assert sum(isinstance(event, TrackEnded) for event in rig.events) == 1


def test_a_halt_ends_the_silence_and_what_was_kept_back_is_heard_afterwards() -> None:
    rig, source = playing()
    rig.run(3 * SECOND)
    source.arrive(4_800)
    rig.run(100_000)
    rig.tell(Halt())
    rig.run(SECOND)
    (event,) = starved(rig)
    halted = next(event for event in rig.events if isinstance(event, Halted))
    assert event.at + event.length_us == halted.at
    assert halted.position_us == event.position_us == 500_000
    rig.tell(Run())
    source.arrive(48_000)
    rig.run(SECOND)
    pcm = rig.heard["a"].pcm()
    assert np.array_equal(pcm[pcm[:, 0] != 0][:40_000], music(40_000, 24_000))
    assert len(starved(rig)) == 1


def test_a_replacement_ends_the_silence() -> None:
    rig, _ = playing()
    rig.run(3 * SECOND)
    rig.add(ramp(48_000, 5), replaces=True)
    rig.close_queue()
    rig.run()
    (event,) = starved(rig)
    ended = next(event for event in rig.events if isinstance(event, TrackEnded))
    assert event.at + event.length_us == ended.at
    assert np.array_equal(rig.heard["a"].pcm(), ramp(48_000, 5))


def test_a_standstill_during_the_silence_makes_one_silence_of_both() -> None:
    rig, source = playing()
    rig.run(3 * SECOND)
    rig.now = ServerTimeUs(rig.now + 60 * SECOND)
    source.arrive(48_000)
    rig.run(SECOND)
    (event,) = starved(rig)
    assert event.length_us > 60 * SECOND
    pcm = rig.heard["a"].pcm()
    assert np.array_equal(pcm[pcm[:, 0] != 0][:40_000], music(40_000, 24_000))


def test_the_end_that_comes_with_a_standstill_during_the_silence_loses_nothing() -> None:
    rig, source = playing(24_960)
    rig.run(3 * SECOND)
    source.arrive(500)
    rig.run(100_000)
    rig.now = ServerTimeUs(rig.now + 60 * SECOND)
    source.arrive(460)
    rig.close_queue()
    rig.run()
    heard = rig.heard["a"]
    assert all(chunk.start > heard.sent_at[id(chunk)] for chunk in heard.chunks)
    music_frames = np.concatenate([heard.pcm(run) for run in range(len(heard.runs))])
    assert np.array_equal(music_frames[music_frames[:, 0] != 0], music(24_960))
    assert len(starved(rig)) == 1


def test_what_is_said_with_audio_that_was_kept_back_is_told_with_it() -> None:
    rig, source = playing()
    source.titles = {0: "one", 24_000: "two"}
    rig.run(3 * SECOND)
    for _ in range(20):
        source.arrive(4_800)
        rig.run(100_000)
    (event,) = starved(rig)
    tagged = [event.at for event in rig.events if isinstance(event, TrackTagged)]
    assert tagged == [event.at + event.length_us]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    arrivals=st.lists(st.tuples(st.integers(1, 2_000_000), st.integers(1, 96_000)), min_size=1, max_size=25),
    is_live=st.booleans(),
)
def test_whatever_the_stalls_nothing_is_lost_or_doubled_and_time_has_no_gap(
    arrivals: list[tuple[int, int]], is_live: bool
) -> None:
    frame_count = sum(count for _, count in arrivals) + 24_000
    rig, source = playing(frame_count, is_live=is_live)
    for wait_us, count in arrivals:
        rig.run(wait_us)
        source.arrive(count)
    rig.close_queue()
    rig.run()
    heard = rig.heard["a"]
    assert_continuous(heard)
    assert all(chunk.start > heard.sent_at[id(chunk)] for chunk in heard.chunks)
    pcm = heard.pcm()
    assert np.array_equal(pcm[pcm[:, 0] != 0], music(frame_count))
    assert [event.length_us * 0.048 for event in starved(rig)] == pytest.approx(silences(heard), abs=1)
    if is_live:
        ends_at = [event.at + event.length_us for event in starved(rig)]
        begins_at = [event.at for event in starved(rig)]
        assert all(begin - end >= PREBUFFER_US - 1 for end, begin in zip(ends_at, begins_at[1:], strict=False))
