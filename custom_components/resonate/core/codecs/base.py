"""What every encoder can do."""

from typing import Protocol

import numpy as np

from ..audio.pcm import Samples
from ..errors import FormatError


class Encoder(Protocol):
    """Turns samples into packets of exactly `frame_count` frames. Render pool only; not shared."""

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

    def encode(self, samples: Samples) -> list[bytes]:
        """Return the packets of `samples`, in order; the last may be a shorter one only as the last before a reset.

        Many at once cost less than one by one. A codec that knows whole packets only (Opus) fills the last one with
        silence. Raises FormatError for samples of another type or shape.
        """
        ...

    def reset(self) -> None:
        """Forget everything heard so far: what follows is decoded by itself."""
        ...


def require_fit(encoder: Encoder, samples: Samples, channel_count: int) -> None:
    """Raise FormatError unless `samples` are what `encoder` wants: type, channels, not empty."""
    if samples.dtype != (np.int16 if encoder.bit_depth == 16 else np.int32):
        raise FormatError(f"{samples.dtype} samples are not of {encoder.bit_depth} bits")
    if samples.ndim != 2 or samples.shape[1] != channel_count or not len(samples):
        raise FormatError(f"samples {samples.shape} are no packets of {encoder.frame_count} by {channel_count}")
