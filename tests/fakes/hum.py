"""A medium that costs nothing to make: so many seconds of one value."""

import numpy as np

from core.formats import STEREO
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import Passage, SourceInfo


class Hum:
    """A source of so many seconds of a constant value."""

    def __init__(self, seconds: float) -> None:
        self._rest = round(seconds * 48_000)

    def open(self) -> SourceInfo:
        return SourceInfo(sample_rate=48_000, layout=STEREO, is_seekable=True)

    def start(self, mix_rate: int, position_us: int) -> None:
        pass

    def seek(self, position_us: int) -> None:
        pass

    def read(self, frame_count: int) -> Passage | None:
        count = min(frame_count, self._rest)
        self._rest -= count
        return Passage(np.full((count, 2), 0.25, np.float32), STEREO) if count else None

    def close(self) -> None:
        self._rest = 0


def hum(seconds: float = 3_600) -> list[MediaRequest]:
    return [MediaRequest(media_id="hum", stream=MediaStream(main=Hum(seconds)))]
