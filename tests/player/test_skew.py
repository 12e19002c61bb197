"""The measure itself, on recordings whose distance is known."""

import math
from pathlib import Path
import wave

import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.player.interpolate import interpolate
from tests.fakes.player.media import music
from tests.fakes.skew import Heard, measure, measure_heard

RATE = 48_000
BEGIN_S = 5_000.0
SECONDS = 9
MUSIC = np.concatenate(list(music(SECONDS, RATE))).mean(axis=1).astype(np.float32)[:, None]


def heard(
    rate: int, drift_ppm: float, delay_s: float, *, lead_s: float = 0.5, noise: float = 0.0, gain: float = 1.0
) -> Heard:
    """Return the music as a converter of that rate and drift makes it audible, `delay_s` late."""
    step_s = 1 / (rate * (1 + drift_ppm * 1e-6))
    begin_s = BEGIN_S - lead_s
    count = round((SECONDS + 1) / step_s)
    places = (begin_s - BEGIN_S - delay_s + np.arange(count, dtype=np.float64) * step_s) * RATE
    samples: npt.NDArray[np.float64] = interpolate(MUSIC, places)[:, 0].astype(np.float64) * gain
    return Heard(samples + np.random.default_rng(count).standard_normal(count) * noise, begin_s, step_s)


@pytest.mark.parametrize("delay_us", [0, 37.5, 250, -1300, 20_000])
@pytest.mark.parametrize("rates", [(48_000, 48_000), (44_100, 48_000), (44_100, 44_100)])
def test_known_distances(delay_us: float, rates: tuple[int, int]) -> None:
    skew = measure_heard(
        heard(rates[0], 43, 0), heard(rates[1], -37, delay_us / 1e6, lead_s=0.1234567, gain=0.3), skip_s=1
    )
    assert skew.windows > 20
    assert skew.invalid == 0
    assert all(window.skew_us == pytest.approx(delay_us, abs=0.05) for window in skew.each)
    assert skew.p50_us == pytest.approx(abs(delay_us), abs=0.05)
    assert skew.max_us == pytest.approx(abs(delay_us), abs=0.05)
    assert skew.median_us == pytest.approx(delay_us, abs=0.05)


@pytest.mark.parametrize("delay_us", [0, 37.5, 250, -1300])
def test_noise_costs_little(delay_us: float) -> None:
    """Noise of its own on each, 20 dB below the music."""
    skew = measure_heard(heard(44_100, 43, 0, noise=0.01), heard(48_000, -50, delay_us / 1e6, noise=0.01), skip_s=1)
    assert skew.invalid == 0
    assert all(window.skew_us == pytest.approx(delay_us, abs=5) for window in skew.each)


def test_a_distance_that_changes_is_followed() -> None:
    skew = measure_heard(heard(RATE, 0, 0), Heard(heard(RATE, 0, 0).samples, BEGIN_S - 0.5, 1.00001 / RATE), skip_s=1)
    slope = np.polyfit([window.at_s for window in skew.each], [window.skew_us or 0 for window in skew.each], 1)[0]
    assert slope == pytest.approx(10, abs=0.2)
    assert skew.max_us > skew.p50_us + 15


def test_one_bad_window_shows_in_the_maximum() -> None:
    late = heard(RATE, 0, 0)
    late.samples[4 * RATE : 5 * RATE] = heard(RATE, 0, 0.0009).samples[4 * RATE : 5 * RATE]
    skew = measure_heard(heard(RATE, 0, 0), late, skip_s=1)
    assert skew.p50_us < 1
    assert skew.max_us == pytest.approx(900, abs=2)


def test_windows_that_cannot_be_told_are_counted() -> None:
    first, second = heard(RATE, 0, 0), heard(RATE, 0, 0)
    for samples in (first.samples, second.samples):
        samples[3 * RATE : 4 * RATE] = 0
    second.samples[5 * RATE : 6 * RATE] = 0
    second.samples[7 * RATE : 8 * RATE] = np.random.default_rng(3).standard_normal(RATE) * 0.1
    skew = measure_heard(first, second, skip_s=1)
    problems = [window.problem for window in skew.each if window.skew_us is None]
    assert skew.invalid == len(problems)
    assert skew.silent == problems.count("silent") >= 2
    assert problems.count("one-sided") >= 2
    assert problems.count("uncorrelated") >= 2
    assert skew.windows == len(skew.each) - len(problems)
    assert skew.max_us < 20


def test_nothing_in_common_is_infinite() -> None:
    silent = Heard(np.zeros(10 * RATE), BEGIN_S, 1 / RATE)
    skew = measure_heard(heard(RATE, 0, 0), silent)
    assert (skew.windows, skew.p50_us, skew.max_us) == (0, math.inf, math.inf)
    assert skew.as_json()["p50_us"] is None


def test_files_are_read(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    reports = []
    for path, recording in zip(paths, (heard(44_100, 20, 0), heard(RATE, -20, 0.000123)), strict=True):
        rate = 44_100 if path == paths[0] else RATE
        with wave.open(str(path), "wb") as file:
            file.setframerate(rate)
            file.setnchannels(2)
            file.setsampwidth(2)
            samples = np.rint(recording.samples * 32767).astype("<i2")
            file.writeframes(np.stack([samples, samples], axis=1).tobytes())
        reports.append({"dac": {"t0_true": recording.t0_true, "seconds_per_sample": recording.seconds_per_sample}})
    skew = measure(reports[0], paths[0], reports[1], paths[1])
    assert skew.median_us == pytest.approx(123, abs=1)
    assert skew.as_json()["windows"] == skew.windows > 15
