"""FLAC through FFmpeg: one FLAC frame a packet."""

from typing import Final

import av

from ..audio.lanes import AV_LAYOUT_BY_COUNT
from ..audio.pcm import Samples
from ..errors import FormatError
from ..formats import StreamFormat
from .base import require_fit

_PACKETS_PER_S: Final = 40
"""25 ms, as PCM: on the air after 25 ms instead of FFmpeg's 96, and a frame that comes late is a small hole. Measured
on a synthetic mix, it costs no bytes (48.5 % of PCM against 51.9, at 44.1 kHz and 16 bit) and 0.3 ms per second."""
_LEVEL: Final = 3
"""Measured there, in ms per second of stereo and % of PCM: level 0 1.1 and 50.3, 2 1.2 and 49.6, 3 1.2 and 48.5,
5 1.2 and 48.6, 8 2.2 and 48.5. Prediction of order 6 is also easier on small decoders than the 8 of level 5."""
_HEADER_START: Final = b"fLaC" + bytes((0x80, 0, 0, 34))
"""Stream marker, then the head of the only metadata block: last one, STREAMINFO, 34 bytes. Source: RFC 9639, 8."""


class FlacEncoder:
    """Packs samples without loss."""

    delay_frames = 0

    def __init__(self, stream_format: StreamFormat) -> None:
        """Open the encoder; `stream_format` is producible."""
        self.bit_depth = stream_format.bit_depth
        self.frame_count = stream_format.sample_rate // _PACKETS_PER_S
        self._sample_rate = stream_format.sample_rate
        self._channel_count = stream_format.channel_count
        self._sample_format = "s16" if self.bit_depth == 16 else "s32"
        self._layout = AV_LAYOUT_BY_COUNT[stream_format.channel_count]
        self._is_ended = False
        self._context = self._open()
        self.header = _HEADER_START + (self._context.extradata or b"")

    def encode(self, samples: Samples) -> list[bytes]:
        """Return the FLAC frames of `samples`; after one that is shorter than the others only a reset may follow."""
        require_fit(self, samples, self._channel_count)
        if self._is_ended:
            raise FormatError("a short packet is the last one before a reset")
        if self.bit_depth == 24:
            samples = samples << 8  # FFmpeg wants them left-aligned
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format=self._sample_format, layout=self._layout)
        frame.sample_rate = self._sample_rate
        packets = self._context.encode(frame)
        if len(samples) % self.frame_count:
            self._is_ended = True
            packets += self._context.encode(None)
        return [bytes(packet) for packet in packets if packet.size]  # the very last one is empty

    def reset(self) -> None:
        """Begin anew, with frame number 0."""
        self._context = self._open()
        self._is_ended = False

    def _open(self) -> av.AudioCodecContext:
        context = av.CodecContext.create("flac", "w")
        context.sample_rate = self._sample_rate
        context.layout = self._layout
        context.format = av.AudioFormat(self._sample_format)
        context.options = {"compression_level": str(_LEVEL), "frame_size": str(self.frame_count)}
        context.open()
        return context
