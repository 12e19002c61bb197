"""A medium at the mix rate."""

from collections import deque
from pathlib import Path

import numpy as np

from ..audio.resample import Resampler, make_resampler
from ..errors import MediaError
from ..formats import Block, Layout
from .decoder import Decoder
from .entry import enter
from .frame_reader import Timeouts
from .request import MediaRequest
from .source import Passage, SourceInfo
from .tags import Tags


class DecodedSource:
    """A Source out of whatever FFmpeg decodes.

    Its frames lie on one grid, frame k of the medium at k / mix rate, wherever reading began: what follows a seek
    equals an unbroken reading, to below -90 dB. At the medium's own rate samples pass as they are.
    """

    def __init__(self, request: MediaRequest, *, timeouts: Timeouts = Timeouts()) -> None:
        """Prepare for `request`; nothing is opened yet. `timeouts` are for what FFmpeg opens itself."""
        self._decoder = Decoder(request, timeouts=timeouts)
        # What need not be waited for is gathered: fewer and bigger calls.
        self._gathers = isinstance(request.location, Path | bytes) and not request.is_live
        self._info: SourceInfo | None = None
        self._mix_rate = 0
        self._ready: deque[Passage] = deque()
        self._ready_count = 0
        self._format: tuple[int, Layout] | None = None
        self._tags = Tags()
        self._resampler: Resampler | None = None
        self._surplus_count = 0
        self._ended = False
        self._failure: MediaError | None = None

    def open(self) -> SourceInfo:
        """Open the medium. Raises MediaError; bounded by a time-out."""
        self._info = self._decoder.open()
        return self._info

    def start(self, mix_rate: int, position_us: int) -> None:
        """Say at which rate, and from which position on, `read` is to give frames."""
        self._mix_rate = mix_rate
        if position_us > 0:
            self.seek(position_us)

    def read(self, frame_count: int) -> Passage | None:
        """Return the next frames, at least one and at most `frame_count`; None at the end. Raises MediaError."""
        wanted_count = frame_count if self._gathers else 1
        while self._ready_count < wanted_count and not self._ended:
            self._decode()
        if self._ready:
            return self._take(frame_count)
        if self._failure:
            raise self._failure
        return None

    def seek(self, position_us: int) -> None:
        """Go on at the first frame at or after `position_us` of the medium. Raises MediaError where not seekable."""
        if self._info is None:
            raise MediaError("the medium is not open")
        rate, layout = self._info.sample_rate, self._info.layout
        entry = enter(position_us, rate, self._mix_rate, len(layout))
        self._decoder.seek(entry.begin)
        self._format, self._resampler = (rate, layout), entry.resampler
        self._surplus_count = entry.surplus_count
        self._ready.clear()
        self._ready_count = 0
        self._ended = False
        self._failure = None

    def close(self) -> None:
        """Let go of everything; a waiting call returns or raises soon. Any thread, more than once."""
        self._decoder.close()

    def _decode(self) -> None:
        try:
            decoded = self._decoder.read()
        except MediaError as error:
            # Told once all that came before it has been read.
            self._failure, decoded = error, None
        if decoded is None:
            self._ended = True
            self._flush()
            return
        if self._format != (decoded.sample_rate, decoded.layout):
            self._change_format(decoded.sample_rate, decoded.layout)
        self._tags = decoded.tags
        self._put(self._resampler.process(decoded.block) if self._resampler else decoded.block, decoded.layout)

    def _change_format(self, sample_rate: int, layout: Layout) -> None:
        self._flush()
        self._format = (sample_rate, layout)
        if sample_rate != self._mix_rate:
            self._resampler = make_resampler(sample_rate, self._mix_rate, len(layout))

    def _flush(self) -> None:
        if self._resampler and self._format:
            self._put(self._resampler.flush(), self._format[1])
        self._resampler = None

    def _put(self, block: Block, layout: Layout) -> None:
        skipped = min(self._surplus_count, len(block))
        self._surplus_count -= skipped
        if skipped < len(block):
            self._ready.append(Passage(block[skipped:], layout, self._tags))
            self._ready_count += len(block) - skipped

    def _take(self, frame_count: int) -> Passage:
        """Return the first frames of one layout and one set of tags: a view of one block, or several joined."""
        _, layout, tags = self._ready[0]
        parts: list[Block] = []
        missing = frame_count
        while missing and self._ready and self._ready[0][1:] == (layout, tags):
            block = self._ready.popleft().block
            if len(block) > missing:
                self._ready.appendleft(Passage(block[missing:], layout, tags))
                block = block[:missing]
            parts.append(block)
            missing -= len(block)
        self._ready_count -= frame_count - missing
        return Passage(parts[0] if len(parts) == 1 else np.concatenate(parts), layout, tags)
