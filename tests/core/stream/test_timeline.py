"""Frames to instants: exact, and never summed."""

from itertools import pairwise

from hypothesis import given, strategies as st

from core.stream.timeline import Timeline, convert_index
from core.units import ServerTimeUs

rates = st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000])
frames = st.integers(-(10**9), 10**12)


@given(rate=rates, sizes=st.lists(st.integers(1, 5000), min_size=2))
def test_spans_join_without_gap_or_drift(rate: int, sizes: list[int]) -> None:
    line = Timeline(anchor=ServerTimeUs(0), anchor_frame=0, mix_rate=rate)
    ends = [sum(sizes[:at]) for at in range(len(sizes) + 1)]
    spans = [(line.instant(first), line.instant(last) - line.instant(first)) for first, last in pairwise(ends)]
    assert all(start + length == following for (start, length), (following, _) in pairwise(spans))
    assert abs(sum(length for _, length in spans) - ends[-1] * 1_000_000 / rate) < 1


@given(mix_rate=rates, rate=rates, anchor=st.integers(0, 2**50), anchor_frame=frames, index=frames)
def test_an_instant_is_exact_to_the_microsecond_at_any_rate(
    mix_rate: int, rate: int, anchor: int, anchor_frame: int, index: int
) -> None:
    line = Timeline(anchor=ServerTimeUs(anchor), anchor_frame=anchor_frame, mix_rate=mix_rate)
    # Compared in units of 1 / (mix_rate * rate) µs, so that no rounding of ours can hide in the expectation.
    exact = anchor * mix_rate * rate + (index * mix_rate - anchor_frame * rate) * 1_000_000
    assert 0 <= exact - line.instant(index, rate) * mix_rate * rate < mix_rate * rate


@given(mix_rate=rates, anchor=st.integers(0, 2**50), anchor_frame=frames, at=st.integers(-(10**12), 2**50))
def test_frame_at_is_the_first_one_heard_at_or_after(mix_rate: int, anchor: int, anchor_frame: int, at: int) -> None:
    line = Timeline(anchor=ServerTimeUs(anchor), anchor_frame=anchor_frame, mix_rate=mix_rate)
    frame = line.frame_at(ServerTimeUs(at))
    assert line.instant(frame) >= at > line.instant(frame - 1)


@given(frame=frames, from_rate=rates, to_rate=rates)
def test_convert_index_is_the_first_frame_at_or_after(frame: int, from_rate: int, to_rate: int) -> None:
    index = convert_index(frame, from_rate, to_rate)
    assert index * from_rate >= frame * to_rate > (index - 1) * from_rate
