"""Demo music that anybody may play: chords, plucked notes, drums and a bed of noise, made by numbers.

Wide-band and never twice the same (the noise is drawn anew for every beat), so that two recordings of it correlate at
one place only; a tone would fit at every period.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
import numpy as np
import numpy.typing as npt

type Signal = npt.NDArray[np.float64]

_BEATS_PER_MINUTE: Final = 96
_BEATS_PER_BAR: Final = 4
_PROGRESSION: Final = ((57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67))  # Am F C G, MIDI notes
_CODECS: Final = {".flac": ("flac", "s16"), ".wav": ("pcm_s16le", "s16")}


def make_media(path: Path, seconds: float, sample_rate: int = 44100, *, seed: int = 1) -> Path:
    """Write `seconds` of music as 16-bit stereo, FLAC or WAV by the suffix of `path`, and return `path`."""
    codec, sample_format = _CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=sample_rate, layout="stereo")
        assert isinstance(stream, AudioStream)
        written = 0
        for block in music(seconds, sample_rate, seed=seed):
            samples = np.rint(np.clip(block, -1, 1) * 32767).astype("<i2")
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), sample_format, "stereo")
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, written, Fraction(1, sample_rate)
            written += len(samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def music(seconds: float, sample_rate: int, *, seed: int = 1) -> Iterator[Signal]:
    """Yield the music beat by beat, as (frame_count, 2)."""
    rng = np.random.default_rng(seed)
    total, beat_frames = round(seconds * sample_rate), sample_rate * 60 // _BEATS_PER_MINUTE
    for beat, begin in enumerate(range(0, total, beat_frames)):
        block = _beat(beat, beat_frames, sample_rate, rng)[: total - begin]
        ramp = np.minimum(np.arange(len(block)) / 64, 1) if beat == 0 else np.ones(len(block))
        yield block * ramp[:, None]


def _beat(beat: int, frame_count: int, sample_rate: int, rng: np.random.Generator) -> Signal:
    """Return one beat: the chord breathes once a beat, two notes of it are plucked, and the drums play."""
    times = np.arange(frame_count) / sample_rate
    notes = _PROGRESSION[beat // _BEATS_PER_BAR % len(_PROGRESSION)]
    swell = np.sin(np.pi * np.arange(frame_count) / frame_count) ** 0.5
    left, right = np.zeros(frame_count), np.zeros(frame_count)
    for index, note in enumerate(notes):
        pan = index / (len(notes) - 1)
        voice = _voice(_hertz(note), times) * swell * 0.05
        left += voice * (1 - pan / 2)
        right += voice * (0.5 + pan / 2)
    for half in (0, 1):
        begin = half * (frame_count // 2)
        pluck = _voice(_hertz(notes[(2 * beat + half) % 4] + 12), times[: frame_count - begin])
        pluck *= np.exp(-7 * times[: frame_count - begin]) * 0.12
        left[begin:] += pluck * (0.4 + 0.6 * half)
        right[begin:] += pluck * (1 - 0.6 * half)
    drums = _drums(beat, times, rng)
    bed = _pink(frame_count, rng) * 0.012
    return np.stack([left + drums + bed, right + drums * 0.9 + bed], axis=1)


def _hertz(note: int) -> float:
    return float(440 * 2 ** ((note - 69) / 12))


def _voice(hertz: float, times: Signal) -> Signal:
    """Return a soft note: eight partials, each weaker than the one below."""
    partials = np.arange(1, 9)[:, None]
    return np.asarray((np.sin(2 * np.pi * hertz * partials * times[None, :]) / partials**1.6).sum(axis=0))


def _drums(beat: int, times: Signal, rng: np.random.Generator) -> Signal:
    """Return a kick on one and three, a snare on two and four, and a hat on each eighth."""
    noise = rng.standard_normal(len(times))
    if beat % 2 == 0:
        hit = np.sin(2 * np.pi * (45 * times + 4 * (1 - np.exp(-30 * times)))) * np.exp(-9 * times) * 0.45
    else:
        hit = (0.5 * noise + np.sin(2 * np.pi * 190 * times)) * np.exp(-18 * times) * 0.2
    hat = np.diff(rng.standard_normal(len(times)), prepend=0) * np.exp(-40 * (times % (times[-1] / 2))) * 0.06
    return np.asarray(hit + hat)


def _pink(frame_count: int, rng: np.random.Generator) -> Signal:
    """Return noise whose power falls by 3 dB an octave, of unit strength."""
    spectrum = np.fft.rfft(rng.standard_normal(frame_count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, frame_count)
    return np.asarray(noise / noise.std())
