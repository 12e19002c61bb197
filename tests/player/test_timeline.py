"""The accounts: what is missing, sent twice or off the grid, by the timestamps alone."""

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from tests.fakes.player.decode import Block
from tests.fakes.player.timeline import Segment, Timeline

ANCHOR_US = 9_876_543_210
RATES = st.sampled_from([44_100, 48_000, 96_000])


def ramp(first: int, count: int) -> Block:
    """Return frames that carry their own number, in thousandths."""
    values = np.arange(first, first + count, dtype=np.float32) / 1000
    return np.stack([values, -values], axis=1)


def instant(frame: int, rate: int) -> int:
    return ANCHOR_US + frame * 1_000_000 // rate


def filled(plan: list[tuple[int, int]], rate: int) -> Timeline:
    """Return a timeline with chunks (first frame, frame_count) at their exact instants."""
    timeline = Timeline(2)
    timeline.begin("start")
    for first, count in plan:
        timeline.add(instant(first, rate), ramp(first, count), rate)
    return timeline


def faults(segment: Segment) -> tuple[int, int]:
    return segment.missing_frames, segment.overlapping_frames


@settings(max_examples=50)
@given(RATES, st.lists(st.integers(1, 5000), min_size=1, max_size=200))
def test_exact_timestamps_have_no_faults(rate: int, sizes: list[int]) -> None:
    firsts = [sum(sizes[:index]) for index in range(len(sizes))]
    segment = filled(list(zip(firsts, sizes, strict=True)), rate).segments[0]
    assert faults(segment) == (0, 0)
    assert segment.timestamp_error_us < 1
    assert (segment.frame_count, segment.chunk_count) == (sum(sizes), len(sizes))


@settings(max_examples=50)
@given(RATES, st.lists(st.tuples(st.integers(1000, 3000), st.integers(-900, 900)), min_size=1, max_size=30))
def test_every_gap_and_overlap_is_counted_to_the_frame(rate: int, steps: list[tuple[int, int]]) -> None:
    first = 0
    plan: list[tuple[int, int]] = []
    for count, gap in steps:
        first += gap if plan else 0
        plan.append((first, count))
        first += count
    segment = filled(plan, rate).segments[0]
    gaps = [gap for _, gap in steps[1:]]
    assert faults(segment) == (sum(max(gap, 0) for gap in gaps), sum(max(-gap, 0) for gap in gaps))


def test_a_chunk_that_comes_twice_overlaps_as_a_whole() -> None:
    segment = filled([(0, 100), (100, 100), (100, 100), (200, 100)], 48_000).segments[0]
    assert faults(segment) == (0, 100)


def test_a_slip_is_seen_before_it_is_a_frame() -> None:
    timeline = Timeline(2)
    timeline.begin("start")
    for number in range(4):  # 25 ms of 1103 frames are 25,011 µs
        timeline.add(ANCHOR_US + number * 25_009, ramp(0, 1103), 44_100)
    assert timeline.segments[0].timestamp_error_us == pytest.approx(7, abs=1)
    for number in range(4, 20):
        timeline.add(ANCHOR_US + number * 25_009, ramp(0, 1103), 44_100)
    assert timeline.segments[0].overlapping_frames >= 1


def test_a_new_segment_forgives_the_jump() -> None:
    timeline = filled([(0, 1000)], 48_000)
    timeline.begin("clear")
    timeline.add(instant(96_000, 48_000), ramp(0, 1000), 48_000)
    assert [faults(segment) for segment in timeline.segments] == [(0, 0), (0, 0)]
    assert [segment.begun_by for segment in timeline.segments] == ["start", "clear"]


def test_a_new_rate_continues_the_line() -> None:
    timeline = filled([(0, 44_100)], 44_100)
    timeline.add(ANCHOR_US + 1_000_000, ramp(0, 480), 48_000)
    timeline.add(ANCHOR_US + 1_010_005, ramp(0, 480), 48_000)
    timeline.add(ANCHOR_US + 1_020_105, ramp(0, 480), 48_000)
    assert faults(timeline.segments[0]) == (5, 0)


@pytest.mark.parametrize("plan", [[(0, 4000)], [(0, 1000), (1000, 1), (1001, 999), (2000, 2000)]])
def test_reading_goes_over_edges(plan: list[tuple[int, int]]) -> None:
    timeline = filled(plan, 48_000)
    read = timeline.read(ANCHOR_US + 20_010.0, 1e6 / 48_000 * 1.001, 1000)
    assert read is not None
    block, span = read
    expected = (20_010 * 0.048 + np.arange(1000) * 1.001) / 1000
    np.testing.assert_allclose(block[:, 0], expected, atol=1e-4)
    np.testing.assert_allclose(block[:, 1], -expected, atol=1e-4)
    assert span == range(1000)


def test_reading_is_silent_where_nothing_is() -> None:
    timeline = filled([(100, 200), (400, 100)], 48_000)
    read = timeline.read(float(ANCHOR_US), 1e6 / 48_000, 600)
    assert read is not None
    block, span = read
    heard = np.flatnonzero(block[:, 0])
    assert heard[0] == 100 or heard[0] == 101
    assert set(heard) & set(range(301, 400)) == set()
    assert (span.start in (100, 101), span.stop in (500, 501)) == (True, True)
    assert timeline.read(ANCHOR_US + 60_000_000.0, 20.0, 100) is None
    assert timeline.read(ANCHOR_US - 60_000_000.0, 20.0, 100) is None


def test_of_an_overlap_the_first_is_heard() -> None:
    timeline = filled([(0, 1000)], 48_000)
    timeline.add(instant(900, 48_000), np.full((1000, 2), 5, np.float32), 48_000)
    read = timeline.read(float(ANCHOR_US), 1e6 / 48_000, 1500)
    assert read is not None
    np.testing.assert_allclose(read[0][:980, 0], np.arange(980) / 1000, atol=0.2)
    assert read[0][950, 0] == pytest.approx(0.95, abs=0.05)
    np.testing.assert_allclose(read[0][1020:, 0], 5, atol=0.01)


def test_late_frames_are_absent() -> None:
    timeline = Timeline(2)
    timeline.begin("start")
    timeline.add(ANCHOR_US, ramp(1, 1000), 48_000, absent_count=300)
    timeline.add(instant(1000, 48_000), ramp(1001, 1000), 48_000)
    read = timeline.read(float(ANCHOR_US), 1e6 / 48_000, 2000)
    assert read is not None
    assert not read[0][:280].any()
    np.testing.assert_allclose(read[0][320:1980, 0], np.arange(321, 1981) / 1000, atol=1e-3)
    assert timeline.count_before(ANCHOR_US + 10_000.0) == 180


def test_what_is_played_is_forgotten_and_nothing_else() -> None:
    plan = [(first, 100) for first in range(0, 4000, 100)]
    timeline, kept = filled(plan, 48_000), filled(plan, 48_000)
    timeline.add(instant(5000, 48_000), ramp(5000, 100), 48_000)
    kept.add(instant(5000, 48_000), ramp(5000, 100), 48_000)
    for frame in (500, 1550, 4500):
        timeline.forget_before(float(instant(frame, 48_000)))
        reads = [line.read(float(instant(frame, 48_000)), 1e6 / 48_000, 700) for line in (timeline, kept)]
        assert reads[0] is not None
        assert reads[1] is not None
        np.testing.assert_array_equal(reads[0][0], reads[1][0])
    assert timeline.count_before(1e12) == 100
