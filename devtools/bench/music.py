"""What both sides play: a synthetic mix, 16 bit, 48 kHz, stereo, the same to the bit every time."""

from typing import Final

import numpy as np
import numpy.typing as npt

RATE: Final = 48_000
SECONDS: Final = 20
"""Then it begins again."""
_NOTES_HZ: Final = (110.0, 164.8, 220.0, 277.2, 329.6, 440.0)
_BEAT_S: Final = 0.5


def make_music(seed: int = 1) -> npt.NDArray[np.int16]:
    """Return `SECONDS` of it, shape (frame_count, 2): notes with overtones that die away, and noise 50 dB down.

    FLAC needs about half of PCM's bytes for it, as for most music. Another seed is another piece.
    """
    random = np.random.default_rng(seed)
    frame_count = RATE * SECONDS
    mix = random.normal(0.0, 0.003, (frame_count, 2))
    beat_frames = int(_BEAT_S * RATE)
    for begin in range(0, frame_count, beat_frames):
        frames = min(4 * beat_frames, frame_count - begin)
        t = np.arange(frames) / RATE
        pitch_hz = random.choice(_NOTES_HZ) * random.choice((1.0, 2.0))
        note = sum(np.sin(2 * np.pi * pitch_hz * k * t + random.uniform(0, 6)) / k**1.5 for k in range(1, 9))
        place = random.uniform(0.2, 0.8)
        mix[begin : begin + frames] += np.outer(note * np.exp(-3 * t), (place, 1 - place)) * 0.25
    return np.asarray(np.clip(mix, -1, 1) * 32767, dtype=np.int16)


def feed_index(client_id: str, feed_count: int) -> int:
    """Return which of the feeds a player hears: they go round by the number at the end of its id."""
    return int(client_id.rpartition("-")[2]) % feed_count
