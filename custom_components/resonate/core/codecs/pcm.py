"""PCM: the samples themselves."""

from typing import Final

from ..audio.pcm import Samples, pack
from ..formats import StreamFormat
from .base import require_fit

_PACKETS_PER_S: Final = 40  # 25 ms: clients bear up to 120 ms, and shorter ones cost more headers and writes


class PcmEncoder:
    """Packs samples as they are."""

    delay_frames = 0
    header = None

    def __init__(self, stream_format: StreamFormat) -> None:
        """Open the encoder; `stream_format` is producible."""
        self.bit_depth = stream_format.bit_depth
        self.frame_count = stream_format.sample_rate // _PACKETS_PER_S
        self._channel_count = stream_format.channel_count
        self._packet_bytes = self.frame_count * stream_format.frame_bytes

    def encode(self, samples: Samples) -> list[bytes]:
        """Return the bytes of `samples`, little-endian, cut into packets."""
        require_fit(self, samples, self._channel_count)
        packed = pack(samples, self.bit_depth)
        return [packed[at : at + self._packet_bytes] for at in range(0, len(packed), self._packet_bytes)]

    def reset(self) -> None:
        """Do nothing: every packet stands by itself."""
