"""What every encoder can do."""

from typing import Protocol

import numpy as np

from ..audio.pcm import Samples
from ..errors import FormatError


class Encoder(Protocol):
    """Turns blocks of exactly `frame_count` frames into one packet each. Render pool only; not shared."""

    @property
    def bit_depth(self) -> int:
        """Of the samples it wants: the format's own, 16 for Opus."""
        ...

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
        Raises FormatError for samples of another type or shape.
        """
        ...

    def reset(self) -> None:
        """Forget everything heard so far: what follows is decoded by itself."""
        ...


def require_fit(encoder: Encoder, samples: Samples, channel_count: int) -> None:
    """Raise FormatError unless `samples` are what `encoder` wants: type, channels, at most one packet, not empty."""
    if samples.dtype != (np.int16 if encoder.bit_depth == 16 else np.int32):
        raise FormatError(f"{samples.dtype} samples are not of {encoder.bit_depth} bits")
    if samples.ndim != 2 or samples.shape[1] != channel_count or not 1 <= len(samples) <= encoder.frame_count:
        raise FormatError(f"samples {samples.shape} are no packet of {encoder.frame_count} by {channel_count}")
