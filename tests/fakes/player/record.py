"""Where the virtual converter's output goes: memory, a WAV file, or nowhere."""

from pathlib import Path
from typing import Protocol
import wave

import numpy as np
import numpy.typing as npt

from .decode import Block

_SILENCE_FRAMES = 1 << 14  # written at a time


class Recorder(Protocol):
    """Takes everything that was audible, silence included, in order."""

    def open(self, sample_rate: int, channel_count: int) -> None:
        """Begin; called once, before the first frame."""

    def write(self, block: Block) -> None:
        """Take frames."""

    def close(self) -> None:
        """End; may be called without `open`."""


def write_silence(recorder: Recorder, frame_count: int, channel_count: int) -> None:
    """Give a recorder silence, in pieces that fit in memory however long it was."""
    for begin in range(0, frame_count, _SILENCE_FRAMES):
        recorder.write(np.zeros((min(_SILENCE_FRAMES, frame_count - begin), channel_count), dtype=np.float32))


class NullRecorder:
    """Keeps nothing."""

    def open(self, sample_rate: int, channel_count: int) -> None:
        """Need nothing."""

    def write(self, block: Block) -> None:
        """Let it go."""

    def close(self) -> None:
        """Need nothing."""


class MemoryRecorder(NullRecorder):
    """Keeps every frame as float32; for short tests."""

    def __init__(self) -> None:
        """Begin empty."""
        self._blocks: list[Block] = []
        self.sample_rate = 0
        self.channel_count = 0

    def open(self, sample_rate: int, channel_count: int) -> None:
        """Note rate and channels."""
        self.sample_rate, self.channel_count = sample_rate, channel_count

    def write(self, block: Block) -> None:
        """Keep the frames; the caller gives them away."""
        self._blocks.append(block)

    @property
    def frames(self) -> Block:
        """All frames so far."""
        return np.concatenate([np.zeros((0, self.channel_count), dtype=np.float32), *self._blocks])


class WavRecorder:
    """Writes a 16-bit WAV file as it goes."""

    def __init__(self, path: Path) -> None:
        """Write to `path`; the file appears with the first frame."""
        self._path = path
        self._file: wave.Wave_write | None = None

    def open(self, sample_rate: int, channel_count: int) -> None:
        """Create the file."""
        file = wave.open(str(self._path), "wb")
        file.setframerate(sample_rate)
        file.setnchannels(channel_count)
        file.setsampwidth(2)
        self._file = file

    def write(self, block: Block) -> None:
        """Append frames, clipped and rounded."""
        assert self._file is not None
        samples: npt.NDArray[np.int16] = np.rint(np.clip(block, -1, 1) * np.float32(32767)).astype("<i2")
        self._file.writeframesraw(samples.tobytes())

    def close(self) -> None:
        """Complete the header."""
        if self._file is not None:
            self._file.close()
            self._file = None
