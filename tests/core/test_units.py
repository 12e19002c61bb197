"""Frames and microseconds: where rounding happens, and which way."""

from hypothesis import given, strategies as st
import pytest

from core.units import db_to_gain, frames_to_us, us_to_frames

rates = st.sampled_from([8_000, 11_025, 44_100, 48_000, 192_000])


@given(frame_count=st.integers(0, 10**12), rate=rates)
def test_there_and_back_again_is_the_same_frame(frame_count: int, rate: int) -> None:
    assert us_to_frames(frames_to_us(frame_count, rate), rate) == frame_count


@given(frame_count=st.integers(0, 10**12), rate=rates)
def test_a_length_is_rounded_down_to_the_microsecond(frame_count: int, rate: int) -> None:
    assert 0 <= frame_count * 1_000_000 - frames_to_us(frame_count, rate) * rate < rate


@given(length_us=st.integers(-(10**12), 10**12), rate=rates)
def test_frames_within_a_length_are_rounded_up(length_us: int, rate: int) -> None:
    assert 0 <= us_to_frames(length_us, rate) * 1_000_000 - length_us * rate < 1_000_000


@pytest.mark.parametrize(("gain_db", "gain"), [(0, 1), (20, 10), (-20, 0.1), (-6.0206, 0.5)])
def test_gain(gain_db: float, gain: float) -> None:
    assert db_to_gain(gain_db) == pytest.approx(gain, rel=1e-5)
