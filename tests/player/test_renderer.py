"""The converter and its steering, with a clock that is known."""

from hypothesis import given, settings, strategies as st
import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.player import MemoryRecorder
from tests.fakes.player.renderer import DEAD_BAND_US, RESYNC_US, Renderer
from tests.fakes.player.timefilter import TimeFilter
from tests.fakes.player.timeline import Timeline

OFFSET_US = 1_000_000
NOISE = np.random.default_rng(5).uniform(-0.5, 0.5, (48_000, 2)).astype(np.float32)
FIRST_US = OFFSET_US + 100_000


def known_clock(offset_us: float = OFFSET_US) -> TimeFilter:
    clock = TimeFilter()
    clock.add(offset_us, 1, 0)
    return clock


def make(signal: npt.NDArray[np.float32] = NOISE) -> tuple[Renderer, MemoryRecorder]:
    """Return a converter that starts at 0 and has a second of noise, due 100 ms later."""
    recorder, timeline = MemoryRecorder(), Timeline(2)
    timeline.begin("start")
    for begin in range(0, len(signal), 960):
        piece = signal[begin : begin + 960]
        timeline.add(FIRST_US + begin * 1_000_000 // 48_000, piece, 48_000)
    renderer = Renderer(sample_rate=48_000, channel_count=2, start_us=0, recorder=recorder, timeline=timeline)
    renderer.begin_stream()
    return renderer, recorder


def test_output_is_the_input_at_its_place() -> None:
    renderer, recorder = make()
    renderer.render_until(1_200_000, known_clock(), 0, 1.0)
    assert len(recorder.frames) == 57_600
    np.testing.assert_allclose(recorder.frames[4800:52_800], NOISE, atol=1e-5)
    assert not recorder.frames[:4800].any()
    assert not recorder.frames[52_800:].any()
    record = renderer.record
    assert (record.first_heard_frame, record.last_heard_frame) == (4800, 52_799)
    assert record.silent_frames == 4800
    assert record.hard_resyncs == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 90_000), min_size=3, max_size=60))
def test_any_split_gives_the_same(steps: list[int]) -> None:
    whole, pieces = make(), make()
    end_us = sum(steps)
    whole[0].render_until(end_us, known_clock(), 0, 0.5)
    for now_us in np.cumsum(steps):
        pieces[0].render_until(float(now_us), known_clock(), 0, 0.5)
    np.testing.assert_allclose(whole[1].frames, pieces[1].frames, atol=1e-3)
    assert whole[0].record.last_heard_frame == pieces[0].record.last_heard_frame


def test_without_a_clock_or_a_stream_there_is_silence() -> None:
    renderer, recorder = make()
    renderer.render_until(300_000, None, 0, 1.0)
    renderer.end_stream()
    renderer.render_until(600_000, known_clock(), 0, 1.0)
    assert len(recorder.frames) == 28_800
    assert not recorder.frames.any()
    assert renderer.record.silent_frames == 0


@pytest.mark.parametrize("step_us", [DEAD_BAND_US - 1, 60, 2000, RESYNC_US + 1])
def test_small_errors_stay_and_larger_ones_are_closed(step_us: float) -> None:
    """After 700 ms: nothing within the dead band, a good half by pulling, everything by a jump."""
    ramp = (np.arange(48_000)[:, None].repeat(2, axis=1) / 48_000).astype(np.float32)
    renderer, recorder = make(ramp)
    renderer.render_until(200_000, known_clock(), 0, 1.0)
    renderer.render_until(900_000, known_clock(OFFSET_US + step_us), 0, 1.0)
    frames = recorder.frames[:, 0] * 1e6
    expected = np.arange(len(frames)) * 1e6 / 48_000 - 100_000
    moved = float(frames[43_000] - expected[43_000])
    assert renderer.record.hard_resyncs == (step_us > RESYNC_US)
    if step_us < DEAD_BAND_US:
        assert moved == pytest.approx(0, abs=1)
    elif step_us > RESYNC_US:
        assert moved == pytest.approx(step_us, abs=1)
    else:
        assert 0.4 * step_us < moved < 0.6 * step_us
    speeds = (frames[9000:43_000] - frames[8000:42_000]) * 0.048 / 1000  # over 1000 frames: the ramp is not that fine
    assert (speeds.max() > 1.006) == (step_us > RESYNC_US)


def test_gain_changes_without_a_step() -> None:
    renderer, recorder = make(np.full((48_000, 2), 0.8, np.float32))
    renderer.render_until(500_000, known_clock(), 0, 1.0)
    renderer.render_until(600_000, known_clock(), 0, 0.25)
    renderer.render_until(700_000, known_clock(), 0, 0.25)
    frames = recorder.frames[5000:, 0]
    assert np.abs(np.diff(frames)).max() < 0.003
    assert frames[-1] == pytest.approx(0.2, abs=1e-4)
