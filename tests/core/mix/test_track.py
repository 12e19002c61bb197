"""A track's history: what was decoded, where it lies, what was put in for want of it."""

from hypothesis import given, strategies as st
import numpy as np

from core.formats import MONO, STEREO
from core.media.source import Passage
from core.media.tags import Tags
from core.mix.track import Track
from core.units import TrackId
from tests.fakes.rig import ramp


def track(start_frame: int = 0, position_us: int = 0) -> Track:
    return Track(TrackId(1), start_frame=start_frame, mix_rate=48_000, position_us=position_us)


@given(
    sizes=st.lists(st.integers(0, 700), max_size=12),
    start=st.integers(-500, 5_000),
    first=st.integers(-1_000, 9_000),
    count=st.integers(1, 3_000),
)
def test_any_split_reads_the_same_and_silence_around_it(sizes: list[int], start: int, first: int, count: int) -> None:
    whole = ramp(sum(sizes))
    it = track(start)
    at = 0
    for size in sizes:
        it.write(Passage(whole[at : at + size], STEREO))
        at += size
    padded = np.zeros((20_000, 2), np.float32)
    padded[2_000 + start : 2_000 + start + len(whole)] = whole
    block = it.read(first, count, STEREO)
    expected = padded[2_000 + first : 2_000 + first + count]
    if block is None:
        assert not expected.any()
        assert not sum(sizes) or first + count <= start or first >= start + len(whole)
    else:
        assert np.array_equal(block, expected)


def test_a_whole_passage_is_not_copied() -> None:
    it = track(100)
    block = ramp(50)
    it.write(Passage(block, STEREO))
    it.write(Passage(ramp(50, 50), STEREO))
    assert np.shares_memory(it.read(100, 50, STEREO), block)


def test_lanes_are_mapped_passage_by_passage() -> None:
    it = track()
    it.write(Passage(ramp(10), STEREO))
    it.write(Passage(ramp(10, 10)[:, :1].copy(), MONO))
    block = it.read(0, 20, STEREO)
    assert block is not None
    assert np.array_equal(block, ramp(20))


def test_silence_put_in_moves_the_medium_back_and_loses_nothing() -> None:
    it = track(1_000, position_us=5_000_000)
    it.write(Passage(ramp(480), STEREO))
    it.pad(960)
    it.write(Passage(ramp(480, 480), STEREO))
    assert it.end_frame == 1_000 + 480 + 960 + 480
    assert it.position_us(1_000) == 5_000_000
    assert it.position_us(1_000 + 480) == it.position_us(1_000 + 480 + 960) == 5_010_000
    assert it.position_us(1_000 + 480 + 960 + 240) == 5_015_000
    block = it.read(1_000 + 480, 960 + 480, STEREO)
    assert block is not None
    assert not block[:960].any()
    assert np.array_equal(block[960:], ramp(480, 480))


def test_position_stays_within_what_was_written() -> None:
    it = track(1_000)
    it.write(Passage(ramp(480), STEREO))
    assert it.position_us(0) == 0
    assert it.position_us(10**9) == 10_000


def test_moved_it_begins_elsewhere_with_everything_in_it() -> None:
    it = track(0)
    it.write(Passage(ramp(100), STEREO))
    it.pad(50)
    it.move(777)
    assert (it.start_frame, it.end_frame) == (777, 927)
    block = it.read(777, 100, STEREO)
    assert block is not None
    assert np.array_equal(block, ramp(100))
    assert it.position_us(777 + 150) == it.position_us(777 + 100)


def test_forgotten_is_only_what_lies_before() -> None:
    it = track()
    for start in (0, 100, 200):
        it.write(Passage(ramp(100, start), STEREO))
    it.forget_before(150)
    assert it.read(0, 100, STEREO) is None
    block = it.read(100, 200, STEREO)
    assert block is not None
    assert np.array_equal(block, ramp(200, 100))


def test_tags_hold_from_a_frame_on_and_go_where_the_track_goes() -> None:
    it = track(100)
    for frame_count, tags in ((0, Tags("none")), (10, None), (10, Tags("A")), (10, Tags("A")), (10, Tags("B"))):
        it.write(Passage(ramp(frame_count), STEREO, tags))
    it.pad(50)
    it.write(Passage(ramp(10), STEREO, Tags("B")))
    it.write(Passage(ramp(10), STEREO, Tags()))
    it.move(1_000)
    told = []
    while it.tags_frame is not None:
        told.append((it.tags_frame, it.take_tags()))
    assert told == [(1_010, Tags("A")), (1_030, Tags("B")), (1_100, Tags())]
