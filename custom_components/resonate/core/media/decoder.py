"""Media as blocks at their own rate, at exact positions."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
import io
from math import ceil
from pathlib import Path
import re
from typing import Final, NamedTuple

import av

from ..errors import MediaError, MediaOpenError
from ..formats import Block, Layout
from ..units import US_PER_S
from .byte_input import ByteInput
from .failures import describe
from .frame_reader import FrameReader, Medium, Timeouts
from .request import MediaRequest
from .samples import lanes_of, to_block
from .source import SourceInfo
from .tags import Tags, merge_tags
from .wave_header import HeaderReader, read_wave_header

# What FFmpeg reads of a stream before it says what it is; the defaults take up to 20 kB of MP3, 6 s of speech.
_STREAM_OPTIONS: Final = {"probesize": "4096", "analyzeduration": "100000"}
_SEEK_MARGINS: Final = (Fraction(1, 2), Fraction(5))
"""How far before the target decoding starts, s: covers the bit reservoir (MP3), 80 ms of Opus, AAC's overlap. The
second is for containers whose index leads too far."""
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class Decoded(NamedTuple):
    """Consecutive frames as the medium has them."""

    block: Block
    layout: Layout
    sample_rate: int
    tags: Tags


class Decoder:
    """Decodes one medium. Blocking, one call at a time; `close` from any thread, at any time.

    Damaged packets are left out. Encoder delay and padding are cut off where the container tells them. Positions are
    exact to the frame where timestamps are: in all containers but Matroska and FLV, which round them to 1 ms.
    """

    def __init__(self, request: MediaRequest, *, timeouts: Timeouts = Timeouts()) -> None:
        """Prepare for `request`; nothing is opened yet. `timeouts` are for what FFmpeg opens itself."""
        self._request = request
        self._timeouts = timeouts
        self._input: ByteInput | None = None
        # Holds the reader while no call is in progress. Taking it out is atomic: whoever has it may use or close it,
        # and a `close` that finds nothing leaves it to the call that does.
        self._parked: deque[FrameReader] = deque(maxlen=1)
        self._closed = False
        self._target: Fraction | None = None
        self._info: SourceInfo | None = None

    def open(self) -> SourceInfo:
        """Open the medium up to its first frame. Raises MediaError."""
        reader = FrameReader(self._medium())
        try:
            self._info = self._describe(reader)
        finally:
            self._park(reader)
        self._check_open()
        return self._info

    def read(self) -> Decoded | None:
        """Return the next frames, as many as come at once; None at the end. Raises MediaError."""
        with self._taken() as reader:
            frame, skipped = self._next_frame(reader)
            if frame is None:
                return None
            lanes = lanes_of(frame.layout)
            return Decoded(to_block(frame, lanes.columns)[skipped:], lanes.layout, frame.sample_rate, reader.tags)

    def seek(self, frame_index: int) -> None:
        """Go on at this frame, counted at the rate `open` told. Raises MediaError when not seekable."""
        with self._taken() as reader:
            if self._info is None or not self._info.is_seekable:
                raise MediaError("this medium cannot be sought")
            target = Fraction(frame_index, self._info.sample_rate)
            for margin in (*_SEEK_MARGINS, target):
                # From the very start there is nothing earlier to try.
                if reader.jump(target - margin) and (margin == target or self._begins_by(reader, target)):
                    break
            else:
                raise MediaError("this medium cannot be sought")
            self._target = target

    def close(self) -> None:
        """Let go of everything; a waiting call returns or raises soon. Any thread, more than once."""
        self._closed = True
        if self._input:
            self._input.close()
        self._close_parked()

    def _medium(self) -> Medium:
        location = self._request.location
        what = describe(location)
        match location:
            case Path():
                return Medium(f"file:{location}", what)
            case str():
                url = location if _URL.match(location) else f"file:{location}"
                # PyAV's time-out does not cover seeking, FFmpeg's own does.
                options = {"rw_timeout": str(round(self._timeouts.read_s * US_PER_S))}
                return Medium(url, what, options=options, timeouts=self._timeouts)
            case bytes():
                return Medium(ByteInput(io.BytesIO(location)), what)
        try:
            self._input = ByteInput(location())
        except OSError as error:
            raise MediaOpenError(f"{what} could not be opened") from error
        if self._closed:
            self._input.close()
        return self._stream_medium(self._input, what)

    @staticmethod
    def _stream_medium(byte_input: ByteInput, what: str) -> Medium:
        if not byte_input.seekable():
            reader = HeaderReader(byte_input.read)
            if header := read_wave_header(reader):
                byte_input.end_after(header.data_bytes)
                options = {"sample_rate": str(header.sample_rate), "ch_layout": header.channel_layout}
                return Medium(byte_input, what, header.raw_format, options | _STREAM_OPTIONS)
            byte_input.unread(reader.seen)
        return Medium(byte_input, what, options=_STREAM_OPTIONS)

    def _describe(self, reader: FrameReader) -> SourceInfo:
        request, frame = self._request, reader.first_frame
        is_live = request.is_live or (self._input is not None and self._input.station is not None)
        tags = merge_tags(Tags(request.title, request.artist, request.album), reader.tags, is_current=is_live)
        duration_us = None if is_live else reader.duration_us
        match request.location:
            case Path() | bytes():
                is_seekable = True
            case str():
                is_seekable = duration_us is not None
            case _:
                is_seekable = self._input is not None and self._input.seekable()
        return SourceInfo(
            sample_rate=frame.sample_rate,
            layout=lanes_of(frame.layout).layout,
            duration_us=duration_us,
            is_live=is_live,
            is_seekable=is_seekable and not is_live,
            title=tags.title,
            artist=tags.artist,
            album=tags.album,
            path=self._request.location if isinstance(self._request.location, Path) else None,
            cover=reader.cover,
            album_artist=tags.album_artist,
            year=tags.year,
            track=tags.track,
        )

    def _next_frame(self, reader: FrameReader) -> tuple[av.AudioFrame | None, int]:
        """Return the next frame and how many of its first ones lie before the target of a seek."""
        while (frame := reader.take()) is not None:
            skipped = self._frames_before_target(reader, frame)
            if skipped < frame.samples:
                self._target = None
                return frame, skipped
        return None, 0

    def _frames_before_target(self, reader: FrameReader, frame: av.AudioFrame) -> int:
        if self._target is None or (time := reader.time_of(frame)) is None:
            return 0
        # Both are rounded to this frame's grid, for some containers tell times in ticks of 11 µs.
        return max(ceil(self._target * frame.sample_rate) - round(time * frame.sample_rate), 0)

    @staticmethod
    def _begins_by(reader: FrameReader, target: Fraction) -> bool:
        frame = reader.peek()
        time = None if frame is None else reader.time_of(frame)
        return time is None or time <= target

    @contextmanager
    def _taken(self) -> Iterator[FrameReader]:
        try:
            reader = self._parked.pop()
        except IndexError:
            raise MediaError("the medium is not open") from None
        try:
            yield reader
        finally:
            self._park(reader)
        self._check_open()

    def _park(self, reader: FrameReader) -> None:
        self._parked.append(reader)
        if self._closed:
            self._close_parked()

    def _close_parked(self) -> None:
        with suppress(IndexError):
            self._parked.pop().close()

    def _check_open(self) -> None:
        if self._closed:
            raise MediaError("the medium was closed")
