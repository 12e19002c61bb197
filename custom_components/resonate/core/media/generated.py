"""Sources that make their audio: a tone, silence."""

import numpy as np

from ..formats import DEFAULT_SAMPLE_RATE, MONO, STEREO, Block, Layout
from ..units import db_to_gain, us_to_frames
from .source import Passage, SourceInfo


class SilenceSource:
    """Silence, endless or of a given length, at whatever rate is asked for."""

    def __init__(self, *, layout: Layout = STEREO, duration_us: int | None = None) -> None:
        """Prepare for `duration_us` of silence; None: without an end."""
        self._layout = layout
        self._duration_us = duration_us
        self._mix_rate = DEFAULT_SAMPLE_RATE
        self._next = 0

    def open(self) -> SourceInfo:
        """Tell what it is; there is nothing to open."""
        return SourceInfo(
            sample_rate=self._mix_rate, layout=self._layout, duration_us=self._duration_us, is_seekable=True
        )

    def start(self, mix_rate: int, position_us: int) -> None:
        """Say at which rate, and from which position on, `read` is to give frames."""
        self._mix_rate = mix_rate
        self.seek(position_us)

    def read(self, frame_count: int) -> Passage | None:
        """Return the next `frame_count` frames, fewer only before the end; None at the end."""
        if self._duration_us is not None:
            frame_count = min(frame_count, us_to_frames(self._duration_us, self._mix_rate) - self._next)
        if frame_count <= 0:
            return None
        block = self._make(self._next, frame_count)
        self._next += frame_count
        return Passage(block, self._layout)

    def seek(self, position_us: int) -> None:
        """Go on at the first frame at or after `position_us`."""
        self._next = us_to_frames(position_us, self._mix_rate)

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _make(self, begin: int, frame_count: int) -> Block:
        return np.zeros((frame_count, len(self._layout)), dtype=np.float32)


class ToneSource(SilenceSource):
    """A sine, the same on every lane; frame k is what it is wherever reading began."""

    def __init__(
        self,
        frequency_hz: float = 440.0,
        *,
        gain_db: float = -12.0,
        layout: Layout = MONO,
        duration_us: int | None = None,
    ) -> None:
        """Prepare for `duration_us` of tone; None: without an end."""
        super().__init__(layout=layout, duration_us=duration_us)
        self._frequency_hz = frequency_hz
        self._gain = db_to_gain(gain_db)

    def _make(self, begin: int, frame_count: int) -> Block:
        turns = np.arange(begin, begin + frame_count) * (self._frequency_hz / self._mix_rate) % 1.0
        tone = np.asarray(self._gain * np.sin(2 * np.pi * turns), dtype=np.float32)
        return np.repeat(tone[:, np.newaxis], len(self._layout), axis=1)
