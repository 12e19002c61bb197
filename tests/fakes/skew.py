"""How far apart two players were: found by correlating what they made audible, not from what they believe.

Each recording is laid on the time axis of the clock that both processes share (a player's converter is an affine map
from its frames to it), both are read at a common rate, and in each window the delay is found that makes them the same:
coarsely by cross-correlation, then from the slope of the cross-spectrum's phase, far below a sample.
"""

from dataclasses import dataclass, field
import math
from pathlib import Path
from typing import Any, Final, NamedTuple
import wave

import numpy as np
import numpy.typing as npt

from .player.interpolate import interpolate

type Signal = npt.NDArray[np.float64]

SKIP_S: Final = 3.0
WINDOW_S: Final = 0.5
HOP_S: Final = 0.25
LARGEST_SKEW_S: Final = 0.05
_QUIET: Final = 1e-3  # -60 dB of full scale: nothing to correlate
_LEAST_CORRELATION: Final = 0.5
_LOWEST_HZ: Final = 100.0
_FINE_HZ: Final = (3000.0, 8000.0, 16_000.0, 16_000.0, 16_000.0)
_COARSE_HZ: Final = 4000.0
_COARSE_REACH: Final = 24
_READ_FRAMES: Final = 1 << 16


class Window(NamedTuple):
    """One place where both were compared."""

    at_s: float
    """Middle of the window, from the beginning of the common time."""
    skew_us: float | None
    """How much later the second was audible; None when it could not be told."""
    problem: str
    """Empty, or why it could not be told: silent (both), one-sided (only one is silent), uncorrelated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The distance between the instants at which the same frame was audible on the two."""

    p50_us: float
    """Median of the distances; infinite when no window could be measured."""
    max_us: float
    """Largest distance; infinite when no window could be measured."""
    median_us: float
    """Median with its sign: positive when the second is later."""
    windows: int
    """How many were measured."""
    invalid: int
    """How many could not be measured, `silent` ones among them."""
    silent: int
    """How many were silent on both: a pause, not a fault."""
    each: tuple[Window, ...] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as plain JSON values; null where nothing was measured."""
        numbers = {name: getattr(self, name) for name in ("p50_us", "max_us", "median_us")}
        return {name: round(value, 2) if math.isfinite(value) else None for name, value in numbers.items()} | {
            "windows": self.windows,
            "invalid": self.invalid,
            "silent": self.silent,
        }


@dataclass(frozen=True, slots=True)
class Heard:
    """What a player made audible: mono samples, and the instants (s, of the shared clock) of each."""

    samples: Signal
    t0_true: float
    seconds_per_sample: float

    @property
    def end_true(self) -> float:
        """The instant after the last sample."""
        return self.t0_true + len(self.samples) * self.seconds_per_sample


def measure(
    report_a: dict[str, Any], wav_a: Path, report_b: dict[str, Any], wav_b: Path, *, skip_s: float = SKIP_S
) -> Skew:
    """Compare the recordings of two players, each with its player's report."""
    return measure_heard(read_heard(report_a, wav_a), read_heard(report_b, wav_b), skip_s=skip_s)


def read_heard(report: dict[str, Any], wav: Path) -> Heard:
    """Read a 16-bit WAV file, with the time axis from its player's report."""
    with wave.open(str(wav), "rb") as file:
        data, channel_count = file.readframes(file.getnframes()), file.getnchannels()
    samples = np.frombuffer(data, dtype="<i2").reshape(-1, channel_count).mean(axis=1) / 32768
    return Heard(samples, report["dac"]["t0_true"], report["dac"]["seconds_per_sample"])


def measure_heard(
    first: Heard, second: Heard, *, skip_s: float = SKIP_S, window_s: float = WINDOW_S, hop_s: float = HOP_S
) -> Skew:
    """Compare two recordings, from `skip_s` after both have become audible until one falls silent for good."""
    rate = round(1 / min(first.seconds_per_sample, second.seconds_per_sample))
    spans = [_audible(heard) for heard in (first, second)]
    begin, end = max(span[0] for span in spans) + skip_s, min(span[1] for span in spans)
    each: list[Window] = []
    if end - begin >= window_s:
        reach, length, hop = (round(seconds * rate) for seconds in (LARGEST_SKEW_S, window_s, hop_s))
        count = round((end - begin) * rate)
        pieces = _read(first, begin, count, rate)
        around = _read(second, begin - reach / rate, count + 2 * reach, rate)
        for start in range(0, count - length + 1, hop):
            delay, problem = _delay(pieces[start : start + length], around[start : start + length + 2 * reach], rate)
            each.append(Window((start + length / 2) / rate, delay, problem))
    return _summarise(each)


def _summarise(each: list[Window]) -> Skew:
    delays = np.array([window.skew_us for window in each if window.skew_us is not None])
    return Skew(
        p50_us=float(np.median(np.abs(delays))) if len(delays) else math.inf,
        max_us=float(np.abs(delays).max()) if len(delays) else math.inf,
        median_us=float(np.median(delays)) if len(delays) else math.inf,
        windows=len(delays),
        invalid=len(each) - len(delays),
        silent=sum(window.problem == "silent" for window in each),
        each=tuple(each),
    )


def _audible(heard: Heard) -> tuple[float, float]:
    """Return the instants of the first and the last sample that is not quiet."""
    loud = np.flatnonzero(np.abs(heard.samples) > _QUIET)
    if not len(loud):
        return heard.end_true, heard.t0_true
    return heard.t0_true + loud[0] * heard.seconds_per_sample, heard.t0_true + loud[-1] * heard.seconds_per_sample


def _read(heard: Heard, begin_s: float, count: int, rate: int) -> Signal:
    """Return the recording at `count` instants from `begin_s` on, `rate` a second."""
    samples = heard.samples[:, None].astype(np.float32)
    first, step = (begin_s - heard.t0_true) / heard.seconds_per_sample, 1 / rate / heard.seconds_per_sample
    places = first + np.arange(count, dtype=np.float64) * step
    pieces = (places[start : start + _READ_FRAMES] for start in range(0, count, _READ_FRAMES))
    return np.concatenate([interpolate(samples, piece)[:, 0] for piece in pieces]).astype(np.float64)


def _delay(piece: Signal, around: Signal, rate: int) -> tuple[float | None, str]:
    """Return by how many µs the second is later, or why not; `around` is longer by the reach at both ends."""
    reach = (len(around) - len(piece)) // 2
    quiet = [float(np.sqrt(np.mean(part**2))) < _QUIET for part in (piece, around[reach : reach + len(piece)])]
    if any(quiet):
        return None, "silent" if all(quiet) else "one-sided"
    middle = _middle(rate)
    filtered: list[Signal] = [np.convolve(part, middle, "valid").astype(np.float64) for part in (piece, around)]
    shift = _coarse(*filtered)
    fine, alike = _fine(piece, around[shift : shift + len(piece)], rate)
    if alike < _LEAST_CORRELATION:
        return None, "uncorrelated"
    return (shift - reach + fine) * 1e6 / rate, ""


def _middle(rate: int) -> Signal:
    """Return a filter for what can be placed without a doubt: low notes fit elsewhere too, high ones a wave off."""
    taps = np.arange(-_COARSE_REACH, _COARSE_REACH + 1)
    low_pass: Signal = np.sinc(2 * _COARSE_HZ / rate * taps) * np.hanning(len(taps))
    return np.diff(low_pass)


def _coarse(piece: Signal, around: Signal) -> int:
    """Return where in `around` the piece fits best, by the correlation coefficient at every place."""
    size = 1 << (len(around) + len(piece) - 1).bit_length()
    cross = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)), size)
    places = len(around) - len(piece) + 1
    energy = np.concatenate([[0.0], np.cumsum(around**2)])
    local = energy[len(piece) :] - energy[: len(energy) - len(piece)]
    return int(np.argmax(cross[:places] / np.sqrt(np.maximum(local, 1e-9))))


def _fine(first: Signal, second: Signal, rate: int) -> tuple[float, float]:
    """Return what is left of the delay, in samples, and how much the two are alike (1: the same but for level).

    The slope is taken again after each correction: noise pulls it towards none, so only a slope of none is unbiased.
    """
    window = np.hanning(len(first))
    ours, theirs = first * window, second * window
    alike = float(ours @ theirs / np.sqrt(max((ours @ ours) * (theirs @ theirs), 1e-18)))
    used = slice(*(round(hertz * len(ours) / rate) for hertz in (_LOWEST_HZ, _FINE_HZ[-1])))
    cross = (np.fft.rfft(ours) * np.conj(np.fft.rfft(theirs)))[used]
    radians = 2 * np.pi * np.fft.rfftfreq(len(ours))[used]
    delay = 0.0
    for limit in _FINE_HZ:  # low ones first: their phase cannot have gone round
        low = radians <= 2 * np.pi * limit / rate
        strength = np.abs(cross[low]) * radians[low]
        phase = np.angle(cross[low] * np.exp(-1j * radians[low] * delay))
        delay += float(strength @ phase) / max(float(strength @ radians[low]), 1e-18)
    return delay, alike
