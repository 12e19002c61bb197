"""Reading between the samples."""

from hypothesis import given, settings, strategies as st
import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.player.interpolate import REACH, interpolate

NOISE = np.random.default_rng(1).uniform(-1, 1, (400, 2)).astype(np.float32)


def places(first: float, count: int, step: float = 1.0) -> npt.NDArray[np.float64]:
    return first + np.arange(count, dtype=np.float64) * step


def test_whole_places_are_the_samples() -> None:
    np.testing.assert_allclose(interpolate(NOISE, places(50, 200)), NOISE[50:250], atol=1e-6)


@pytest.mark.parametrize(("hertz", "limit_db"), [(100, -75), (1000, -75), (10_000, -70), (18_000, -60)])
def test_sine_stays_a_sine(hertz: float, limit_db: float) -> None:
    radians = 2 * np.pi * hertz / 48_000
    wave = np.sin(radians * np.arange(10_000)).astype(np.float32)[:, None]
    at = places(100.37, 9000, 1.00005)
    error = interpolate(wave, at)[:, 0] - np.sin(radians * at)
    assert 20 * np.log10(np.std(error) * 2**0.5) < limit_db


@settings(max_examples=50)
@given(st.floats(-80, 450), st.lists(st.integers(0, 60), min_size=1, max_size=8), st.floats(0.9, 1.1))
def test_any_split_gives_the_same(first: float, sizes: list[int], step: float) -> None:
    at = places(first, sum(sizes), step)
    pieces = np.split(at, np.cumsum(sizes)[:-1])
    whole = interpolate(NOISE, at)
    np.testing.assert_allclose(np.concatenate([interpolate(NOISE, piece) for piece in pieces]), whole, atol=1e-6)


def test_around_the_signal_is_silence() -> None:
    assert not interpolate(NOISE, places(-200, 100)).any()
    assert not interpolate(NOISE, places(len(NOISE) + REACH, 50)).any()
    padded = np.concatenate([np.zeros((100, 2), np.float32), NOISE, np.zeros((100, 2), np.float32)])
    at = places(-60.3, 500)
    np.testing.assert_allclose(interpolate(NOISE, at), interpolate(padded, at + 100), atol=1e-6)
    assert interpolate(NOISE, places(0, 0)).shape == (0, 2)
