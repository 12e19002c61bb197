"""Pictures that a medium brings, as FFmpeg gives them: packets of streams of their own, never decoded."""

from collections.abc import Sequence
from typing import Final

import av
import av.container
from av.stream import Discard, Disposition

from ..images import MAX_PICTURE_BYTES

_FRONT: Final = "front"  # FFmpeg: "Cover (front)", for ID3's picture type 3


class Covers:
    """Takes the pictures of a medium while its first packets are read. Owned by one thread at a time."""

    def __init__(self, container: av.container.InputContainer) -> None:
        """Find the streams that are pictures."""
        self.streams: Sequence[av.VideoStream] = [
            stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic
        ]
        """To be read beside the audio: their packets come before its first one."""
        self._files: dict[int, bytes] = {}

    @property
    def best(self) -> bytes | None:
        """The file of the front cover if one says it is that, else of the first picture."""
        front = [stream for stream in self.streams if _FRONT in stream.metadata.get("comment", "").lower()]
        streams = (*front, *self.streams)
        return next((self._files[stream.index] for stream in streams if stream.index in self._files), None)

    def take(self, packet: av.Packet[av.AudioStream] | None) -> bool:
        """Keep a packet that is a picture; return whether it belongs to one of the streams here."""
        if packet is None or all(packet.stream.index != stream.index for stream in self.streams):
            return False
        if 0 < packet.size <= MAX_PICTURE_BYTES:
            self._files.setdefault(packet.stream.index, bytes(packet))
        return True

    def end(self) -> None:
        """Have no more of them read: FFmpeg gives them again after each seek."""
        for stream in self.streams:
            stream.discard = Discard.all
