"""What every encoder can do."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

type Samples = npt.NDArray[np.int16] | npt.NDArray[np.int32]
"""Integers as the codec wants them, shape (frame_count, channel_count), C-contiguous (audio/pcm.py makes them)."""


class Encoder(Protocol):
    """Turns blocks of exactly `frame_count` frames into one packet each. Render pool only; not shared."""

    @property
    def frame_count(self) -> int:
        """Frames of one packet."""
        ...

    @property
    def delay_frames(self) -> int:
        """How far what the decoder gives out lies behind what went in (Opus pre-skip); 0 for the others."""
        ...

    @property
    def header(self) -> bytes | None:
        """What a decoder needs first (FLAC: 42 bytes), or None."""
        ...

    def encode(self, samples: Samples) -> bytes:
        """Return the packet of `samples`; fewer than `frame_count` frames only as the last before a reset.

        A codec that knows whole packets only (Opus) fills the last one with silence.
        """
        ...

    def reset(self) -> None:
        """Forget everything heard so far: what follows is decoded by itself."""
        ...
