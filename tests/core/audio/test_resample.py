"""Resampling: the same tests for both engines."""

from itertools import pairwise
from pathlib import Path
import subprocess
import sys
from typing import Any

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from core.audio import resample
from core.audio.resample import Engine, Resampler, available_engines, make_resampler
from core.errors import FormatError
from core.formats import Block

ENGINES = tuple(Engine)
RATES = ((44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (48_000, 16_000), (8_000, 192_000), (11_025, 48_000))
engines = pytest.mark.parametrize("engine", ENGINES)
rates = pytest.mark.parametrize(("in_rate", "out_rate"), RATES)


def noise(frame_count: int, lane_count: int = 2) -> Block:
    return np.random.default_rng(frame_count).uniform(-1, 1, (frame_count, lane_count)).astype(np.float32)


def tone(frequency_hz: float, sample_rate: int, frame_count: int) -> Block:
    phase = 2 * np.pi * frequency_hz * np.arange(frame_count) / sample_rate
    return np.column_stack([0.9 * np.sin(phase), 0.5 * np.cos(phase)]).astype(np.float32)


def run(resampler: Resampler, block: Block, cuts: list[int] | None = None) -> Block:
    parts = [resampler.process(block[a:b]) for a, b in pairwise([0, *(cuts or []), len(block)])]
    return np.concatenate([*parts, resampler.flush()])


def level_db(block: Block) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(block, dtype=np.float64))) + 1e-12))


@engines
@rates
def test_tones_arrive_exactly_and_in_time(engine: Engine, in_rate: int, out_rate: int) -> None:
    """Against the tone itself, sampled at the other rate: error below -100 dB, delay below 0.001 frames."""
    frequency_hz = 997
    resampled = run(make_resampler(in_rate, out_rate, 2, engine), tone(frequency_hz, in_rate, in_rate))
    expected = tone(frequency_hz, out_rate, out_rate)
    assert resampled.shape == expected.shape
    middle = slice(out_rate // 10, -out_rate // 10)
    assert level_db(resampled[middle] - expected[middle]) - level_db(expected[middle]) < -115
    step = 2 * np.pi * frequency_hz / out_rate
    late_frames = np.mean((expected - resampled)[middle, 0] * expected[middle, 1]) / (0.9 * 0.5 * 0.5 * step)
    assert abs(late_frames) < 0.001


@engines
@pytest.mark.parametrize(("in_rate", "out_rate"), [(44_100, 48_000), (48_000, 44_100)])
def test_flat_to_20_khz_without_images(engine: Engine, in_rate: int, out_rate: int) -> None:
    resampled = run(make_resampler(in_rate, out_rate, 2, engine), tone(20_000, in_rate, in_rate))
    middle = slice(out_rate // 10, -out_rate // 10)
    phase = 2 * np.pi * 20_000 * np.arange(out_rate)[middle] / out_rate
    waves = np.column_stack([np.sin(phase), np.cos(phase)])
    fitted, *_ = np.linalg.lstsq(waves, resampled[middle].astype(np.float64))
    assert 20 * np.log10(np.hypot(*fitted) / [0.9, 0.5]) == pytest.approx([0, 0], abs=0.05)
    assert level_db(resampled[middle] - waves @ fitted) < -110


@engines
def test_what_the_lower_rate_cannot_carry_is_gone(engine: Engine) -> None:
    resampled = run(make_resampler(48_000, 16_000, 2, engine), tone(10_000, 48_000, 48_000))
    assert level_db(resampled[1600:-1600]) < -110


@engines
@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    frame_count=st.integers(0, 4000),
    cuts=st.lists(st.integers(0, 4000), max_size=8).map(sorted),
)
def test_any_split_gives_the_same_bits_and_length(
    engine: Engine, rate: tuple[int, int], frame_count: int, cuts: list[int]
) -> None:
    block = noise(frame_count)
    resampler = make_resampler(*rate, 2, engine)
    whole = run(resampler, block)
    assert len(whole) == -(-frame_count * rate[1] // rate[0])
    resampler.reset()
    split = run(resampler, block, [min(cut, frame_count) for cut in cuts])
    assert np.array_equal(split, whole)


@engines
@rates
def test_held_frames_is_what_flush_gives(engine: Engine, in_rate: int, out_rate: int) -> None:
    resampler = make_resampler(in_rate, out_rate, 2, engine)
    assert resampler.held_frames == 0
    given_out = 0
    for frame_count in (1, 100, 1000, 1001, 5000):
        given_out += len(resampler.process(noise(frame_count)))
    held = resampler.held_frames
    assert held == -(-7102 * out_rate // in_rate) - given_out
    assert len(resampler.flush()) == held > 0
    assert resampler.held_frames == 0


@engines
@rates
def test_after_the_preroll_a_fresh_one_is_exact(engine: Engine, in_rate: int, out_rate: int) -> None:
    """One that starts on the common grid inside of noise agrees with one that heard it all, to -100 dB."""
    grid = in_rate // np.gcd(in_rate, out_rate)
    start = -(-4000 // grid) * grid
    block = noise(start + in_rate // 4)
    resampler = make_resampler(in_rate, out_rate, 2, engine)
    full = run(resampler, block)[start * out_rate // in_rate :]
    fresh = run(make_resampler(in_rate, out_rate, 2, engine), block[start:])
    first = -(-resampler.preroll_frames * out_rate // in_rate)
    assert len(fresh) == len(full)
    assert np.abs(fresh - full)[first:].max() < 1e-5
    assert np.abs(fresh - full)[: first // 4].max() > 1e-3  # so the comparison is worth something


@engines
def test_reset_leaves_no_trace(engine: Engine) -> None:
    block = noise(3000)
    fresh = run(make_resampler(44_100, 48_000, 2, engine), block)
    resampler = make_resampler(44_100, 48_000, 2, engine)
    run(resampler, noise(777))
    resampler.reset()
    resampler.process(noise(2000))
    resampler.reset()
    assert resampler.held_frames == 0
    assert np.array_equal(run(resampler, block), fresh)


@engines
@pytest.mark.parametrize("lane_count", range(1, 9))
def test_lanes_do_not_mix(engine: Engine, lane_count: int) -> None:
    block = noise(2000, lane_count)
    together = run(make_resampler(48_000, 44_100, lane_count, engine), block)
    for lane in range(lane_count):
        alone = run(make_resampler(48_000, 44_100, 1, engine), block[:, lane : lane + 1])
        assert together[:, lane] == pytest.approx(alone[:, 0], abs=1e-6)


@engines
def test_gives_what_others_can_use(engine: Engine) -> None:
    resampler = make_resampler(48_000, 44_100, 2, engine)
    for part in (resampler.process(noise(10)), resampler.process(noise(4000)), resampler.flush()):
        assert part.dtype == np.float32
        assert part.flags.c_contiguous
        assert part.shape[1] == 2


@engines
def test_takes_a_strided_block(engine: Engine) -> None:
    wide = noise(1000, 4)
    strided = run(make_resampler(48_000, 44_100, 2, engine), wide[:, ::2])
    assert np.array_equal(strided, run(make_resampler(48_000, 44_100, 2, engine), wide[:, ::2].copy()))


@engines
def test_refuses_other_blocks(engine: Engine) -> None:
    resampler = make_resampler(48_000, 44_100, 2, engine)
    wide: Any = noise(10).astype(np.float64)
    for block in (noise(10, 1), noise(10)[:, 0], wide):
        with pytest.raises(FormatError):
            resampler.process(block)


def test_soxr_is_taken_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_engines() == (Engine.SOXR, Engine.FFMPEG)
    block = noise(2000)
    best = run(make_resampler(48_000, 44_100, 2), block)
    assert np.array_equal(best, run(make_resampler(48_000, 44_100, 2, Engine.SOXR), block))
    monkeypatch.setattr(resample, "soxr", None)
    assert available_engines() == (Engine.FFMPEG,)
    fallback = run(make_resampler(48_000, 44_100, 2), block)
    assert np.array_equal(fallback, run(make_resampler(48_000, 44_100, 2, Engine.FFMPEG), block))
    with pytest.raises(FormatError):
        make_resampler(48_000, 44_100, 2, Engine.SOXR)


@pytest.mark.parametrize(("in_rate", "out_rate", "lane_count"), [(0, 48_000, 2), (48_000, -1, 2), (1, 2, 0), (1, 2, 9)])
def test_refuses_what_no_engine_does(in_rate: int, out_rate: int, lane_count: int) -> None:
    with pytest.raises(FormatError):
        make_resampler(in_rate, out_rate, lane_count)


def test_imports_without_soxr_and_ends_without_complaint() -> None:
    """In fresh interpreters: one that cannot import soxr, and one that ends with a resampler alive."""
    folder = str(Path(resample.__file__).parents[2])
    head = f"import sys; sys.path.append({folder!r})\n"
    body = "from core.audio.resample import *\nimport numpy as np\n"
    blocked = head + "sys.modules['soxr'] = None\n" + body + "print(*available_engines())"
    alive = head + body + "kept = make_resampler(48000, 44100, 2)\nkept.process(np.zeros((9999, 2), np.float32))"
    outputs = []
    for code in (blocked, alive):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not done.stderr
        outputs.append(done.stdout.split())
    assert outputs == [["ffmpeg"], []]
