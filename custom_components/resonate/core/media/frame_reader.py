"""An open medium as FFmpeg's frames: demuxing and decoding, with damage left out."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple, cast

import av
import av.container
from av.rational import AVRational
from av.stream import Discard

from ..errors import MediaError, UnsupportedMediaError
from ..units import US_PER_S
from .byte_input import ByteInput
from .covers import Covers
from .failures import as_decode_error, as_open_error
from .tags import Tags, read_tags
from .timed_id3 import TimedId3

_MAX_BROKEN: Final = 1_000  # packets on end that give no frame: 25 s of MP3

# Where a container begins: in MP4 the encoder's delay lies before 0 and must be decoded; MP3 and ADTS refuse that.
_START_STAMPS: Final = (-(2**40), 0)
_MAX_STAMP: Final = 2**62  # FFmpeg's are 64 bits wide


class Timeouts(NamedTuple):
    """How long FFmpeg waits for a URL, seconds. Nothing can interrupt it, so `close` takes as long at worst."""

    open_s: float = 10.0
    read_s: float = 10.0


class Medium(NamedTuple):
    """What FFmpeg is to open, and how."""

    file: str | ByteInput
    what: str
    """What errors call it."""
    format: str | None = None
    """FFmpeg finds out by itself."""
    options: Mapping[str, str] = MappingProxyType({})
    timeouts: Timeouts | None = None


class _Said(NamedTuple):
    frame: av.AudioFrame
    tags: Tags


class FrameReader:
    """Reads the best audio stream of a medium. Blocking, owned by one thread at a time, `close` included."""

    def __init__(self, medium: Medium) -> None:
        """Open `medium` up to its first frame. Raises MediaError."""
        self._medium = medium
        self._input = medium.file if isinstance(medium.file, ByteInput) else None
        self._frames: deque[_Said] = deque()
        self._ended = False
        self._failure: MediaError | None = None
        self._broken_count = 0
        self._open()
        try:
            self.first_frame = self._first_frame()
            self.tags = self._frames[0].tags
            """What the medium said of itself by the frame that was taken last, at first by the first."""
            self._origin = self._stamp(self.first_frame) or Fraction(0)
            self.cover = self._covers.best
            """The file of a picture that the medium brings; None when there is none."""
            self._covers.end()
        except BaseException:
            self._container.close()
            raise

    @property
    def duration_us(self) -> int | None:
        """Length of the medium, as far as its container knows."""
        if self._stream.duration is not None:
            return round(self._stream.duration * self._time_base * US_PER_S)
        return self._container.duration  # AV_TIME_BASE is 1 µs

    def peek(self) -> av.AudioFrame | None:
        """Return the next frame without taking it; None at the end. Raises MediaDecodeError when it broke off."""
        while not self._frames and not self._ended:
            self._decode_next()
        if self._frames:
            return self._frames[0].frame
        if self._failure:
            raise self._failure
        return None

    def take(self) -> av.AudioFrame | None:
        """Return the next frame, as `peek` does, and move past it."""
        frame = self.peek()
        if frame is not None:
            self.tags = self._frames.popleft().tags
        return frame

    def time_of(self, frame: av.AudioFrame) -> Fraction | None:
        """Return when `frame` begins, seconds from the first frame of the medium; None when it is not told."""
        stamp = self._stamp(frame)
        return None if stamp is None else stamp - self._origin

    def jump(self, time: Fraction) -> bool:
        """Go on at a packet at or before `time`, as well as the container can; tell whether that worked."""
        # After a seek FFmpeg tells wrong times for FLAC in Ogg.
        from_start = time <= 0 or self._codec == ("ogg", "flac")
        stamps = _START_STAMPS if from_start else (min(int((time + self._origin) / self._time_base), _MAX_STAMP),)
        if not any(self._seek(stamp) for stamp in stamps):
            return False
        self._packets = self._demux()
        self._timed.forget()
        self._frames.clear()
        self._ended = False
        self._failure = None
        self._broken_count = 0
        return True

    def close(self) -> None:
        """Let go of the container."""
        self._frames.clear()
        self._container.close()

    def _open(self) -> None:
        file, what, container_format, options, timeouts = self._medium
        self._begin = self._input.position if self._input else 0
        try:
            container = av.open(file, "r", format=container_format, options=dict(options), timeout=timeouts)
        except (av.FFmpegError, OSError, ValueError) as error:
            if failure := self._input_failure():
                raise failure from failure.__cause__
            raise as_open_error(error, what) from error
        try:
            self._covers = Covers(container)
            self._timed = TimedId3(container)
            self._stream = self._select_stream(container)
        except BaseException:
            container.close()
            raise
        self._container = container
        self._codec = (container.format.name, self._stream.codec_context.name)
        self._time_base = _as_fraction(self._stream.time_base)
        self._packets = self._demux(self._covers.streams)
        self._has_decoded = False
        # What the container says, else the stream: Ogg keeps its comments there.
        self._tags = self._named(read_tags(container.metadata, self._stream.metadata))

    def _seek(self, stamp: int) -> bool:
        try:
            self._container.seek(stamp, stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def _select_stream(self, container: av.container.InputContainer) -> av.AudioStream:
        stream = container.streams.best("audio")
        if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
            raise self._no_audio()
        wanted = {stream.index, *(other.index for other in (*self._covers.streams, *self._timed.streams))}
        for other in container.streams:
            if other.index not in wanted:
                other.discard = Discard.all  # films: not even read, where the format allows
        return stream

    def _first_frame(self) -> av.AudioFrame:
        frame = self.peek()
        if frame is None:
            raise self._no_audio()
        return frame

    def _no_audio(self) -> MediaError:
        return UnsupportedMediaError(f"{self._medium.what} holds no audio that can be decoded")

    def _demux(self, covers: Sequence[av.VideoStream] = ()) -> Iterator[av.Packet[av.AudioStream]]:
        """Return the packets from here on; those of `covers` are all taken before they are looked at as audio."""
        return cast(
            "Iterator[av.Packet[av.AudioStream]]", self._container.demux(self._stream, *covers, *self._timed.streams)
        )

    def _decode_next(self) -> None:
        """Decode a packet, or note why there are no more."""
        try:
            packet = next(self._packets, None)
        except av.InvalidDataError as error:
            self._packets = self._demux()
            self._count_broken(error)
            return
        except av.PatchWelcomeError as error:
            self._follow_link(error)
            return
        except (av.FFmpegError, OSError) as error:
            self._end(as_decode_error(error, self._medium.what))
            return
        if self._covers.take(packet) or self._timed.take(packet):
            return
        if packet is None:
            self._end(self._input_failure())
            return
        self._take_tags(packet)
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            self._count_broken(error)
            return
        if frames:
            self._broken_count = 0
            self._has_decoded = True
            # The first MP3 frame of another rate still carries the old one.
            frames[-1].sample_rate = self._stream.codec_context.sample_rate
            self._put(frames)

    def _follow_link(self, error: av.FFmpegError) -> None:
        """Go on where a chained Ogg stream changes its format, which FFmpeg refuses: as a medium of its own."""
        if not (self._has_decoded and self._input and self._input.return_to_link()):
            self._end(as_decode_error(error, self._medium.what))
            return
        self._flush()
        self._container.close()
        try:
            self._open()
        except MediaError:
            self._end(as_decode_error(error, self._medium.what))

    def _count_broken(self, error: av.FFmpegError) -> None:
        self._broken_count += 1
        if self._broken_count > _MAX_BROKEN:
            self._end(as_decode_error(error, self._medium.what))

    def _end(self, failure: MediaError | None) -> None:
        self._ended = True
        self._failure = failure
        if failure:
            self._flush()

    def _flush(self) -> None:
        """Take what the decoder still holds, for it came before the damage. At a proper end demux() has done so."""
        with suppress(av.FFmpegError):
            self._put(self._stream.codec_context.decode(None))

    def _put(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            if metadata := frame.metadata:  # the comments of the next stream of a chain
                self._tags = self._named(read_tags(metadata))
            stamp = self._stamp(frame)
            if stamp is not None and (timed := self._timed.due(stamp)) is not None:
                self._tags = self._named(timed)
            if frame.samples:
                self._frames.append(_Said(frame, self._tags))

    def _take_tags(self, packet: av.Packet[av.AudioStream]) -> None:
        """Take what a radio says it plays where that stood in the stream: FFmpeg has read further."""
        if self._input is None:
            return
        position = self._input.position if packet.pos is None else self._begin + packet.pos
        if (tags := self._input.take_tags(position)) is not None:
            self._tags = self._named(tags)

    def _named(self, tags: Tags) -> Tags:
        station = self._input.station if self._input else None
        return tags if station is None or tags.album else tags._replace(album=station.name)

    def _input_failure(self) -> MediaError | None:
        return self._input.failure if self._input else None

    def _stamp(self, frame: av.AudioFrame) -> Fraction | None:
        return None if frame.pts is None else frame.pts * self._time_base


def _as_fraction(number: AVRational) -> Fraction:
    return Fraction(number.numerator, number.denominator)
