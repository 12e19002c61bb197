"""ID3 tags that MPEG-TS carries beside the audio, as HLS has them: each holds from a time on."""

from collections import deque
from fractions import Fraction
from typing import Final

import av
import av.container
from av.stream import DataStream

from .id3 import MOST_TAG_BYTES, read_id3
from .tags import Tags

_STREAM: Final = "timed_id3"
_MOST_WAITING: Final = 64
"""More than any stream says in the seconds that it is read ahead of its audio."""


class TimedId3:
    """Keeps what was said until its time has come. Owned by one thread at a time.

    Source: Apple, Timed Metadata for HTTP Live Streaming, 2.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        """Look for streams of tags in what was opened."""
        self.streams = [it for it in container.streams if isinstance(it, DataStream) and it.name == _STREAM]
        """Those that are to be read with the audio."""
        self._indexes = {stream.index for stream in self.streams}
        self._waiting: deque[tuple[Fraction, Tags]] = deque(maxlen=_MOST_WAITING)

    def take(self, packet: object) -> bool:
        """Take a packet, if it is of tags; return whether it is."""
        if not isinstance(packet, av.Packet) or packet.stream.index not in self._indexes:
            return False
        if packet.pts is not None and 0 < packet.size <= MOST_TAG_BYTES:
            base = packet.time_base
            tags = read_id3(bytes(packet))
            if base and tags is not None:
                self._waiting.append((packet.pts * Fraction(base.numerator, base.denominator), tags))
        return True

    def due(self, time: Fraction) -> Tags | None:
        """Return what holds from this time on, seconds as the container counts; None while that is nothing else."""
        tags = None
        while self._waiting and self._waiting[0][0] <= time:
            _, tags = self._waiting.popleft()
        return tags

    def forget(self) -> None:
        """Drop what was said where reading no longer is."""
        self._waiting.clear()
