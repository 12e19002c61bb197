"""Bytes from the host, as FFmpeg reads them."""

from collections import deque
import io
from typing import Final, Protocol, runtime_checkable

from ..errors import MediaDecodeError, MediaError
from .icy import IcyFilter, Station, TagsAt
from .id3 import Id3Scanner
from .request import ByteStream
from .tags import Tags

_RECENT_BYTES: Final = 131_072  # FFmpeg's own buffer and a page of Ogg: 32 and 65 KiB
_OGG_FIRST_PAGE: Final = b"OggS\0\x02"  # RFC 3533, 6: version 0, "beginning of stream"


@runtime_checkable
class SeekableByteStream(ByteStream, Protocol):
    """A ByteStream that can go elsewhere."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to `offset` from the start, here or the end, as `io` has it; return the new position."""
        ...

    def tell(self) -> int:
        """Return the position."""
        ...


@runtime_checkable
class RadioStream(ByteStream, Protocol):
    """A ByteStream of a radio, at the live edge, its tags still between the audio."""

    @property
    def station(self) -> Station:
        """What the server said of it."""
        ...


class ByteInput:
    """A ByteStream in front of FFmpeg: never raises into it, never gives more than asked, and only audio.

    What the stream raises is kept in `failure` and looks like the end, so that everything before it is decoded.
    """

    def __init__(self, stream: ByteStream) -> None:
        """Read from `stream`, which is closed with this."""
        self.failure: MediaError | None = None
        self.station = stream.station if isinstance(stream, RadioStream) else None
        """What radio it is; None when it is none."""
        self.position = 0
        """Bytes given so far, in all."""
        interval = None if self.station is None else self.station.tag_interval
        self._icy = None if interval is None else IcyFilter(interval)
        # What can be sought is a file: FFmpeg reads its tags, and positions would not be those of what was received.
        self._id3 = None if isinstance(stream, SeekableByteStream) else Id3Scanner()
        self._tags: deque[TagsAt] = deque()
        self._stream = stream
        self._rest = b""
        self._recent = b""
        self._remaining_bytes: int | None = None
        self._closed = False

    def read(self, byte_count: int) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end, on failure and when closed."""
        if self._remaining_bytes is not None:
            byte_count = min(byte_count, self._remaining_bytes)
        data = (self._rest or self._receive(byte_count)) if byte_count else b""
        # More than asked for would be written past the end of FFmpeg's buffer.
        data, self._rest = data[:byte_count], data[byte_count:]
        if self._remaining_bytes is not None:
            self._remaining_bytes -= len(data)
        self.position += len(data)
        self._recent = (self._recent + data)[-_RECENT_BYTES:]
        return data

    def unread(self, data: bytes) -> None:
        """Give `data` again before anything else."""
        self._rest = data + self._rest
        self.position -= len(data)

    def take_tags(self, position: int) -> Tags | None:
        """Return what the stream said last of itself at or before the byte at `position`; once, None otherwise."""
        tags: Tags | None = None
        while self._tags and self._tags[0].position <= position:
            tags = self._tags.popleft().tags
        return tags

    def end_after(self, byte_count: int | None) -> None:
        """Let this be the end after `byte_count` more bytes; None: when the stream ends."""
        self._remaining_bytes = byte_count

    def return_to_link(self) -> bool:
        """Go back to the beginning of the last Ogg stream that was read of; False when that cannot be done.

        Not where FFmpeg seeks: what was read last is then not what comes before the next bytes.
        """
        begin = self._recent.rfind(_OGG_FIRST_PAGE)
        if begin < 0 or self.seekable():
            return False
        self.unread(self._recent[begin:])
        self._recent = b""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on elsewhere and return the new position; -1 tells FFmpeg that it failed."""
        if not isinstance(self._stream, SeekableByteStream):
            return -1
        if whence == io.SEEK_CUR:
            offset -= len(self._rest)
        try:
            position = self._stream.seek(offset, whence)
        except MediaError, OSError, ValueError:
            return -1
        self._rest = b""
        self.position = position
        return position

    def tell(self) -> int:
        """Return where the next `read` begins, as far as the stream knows."""
        return self._stream.tell() - len(self._rest) if isinstance(self._stream, SeekableByteStream) else 0

    def seekable(self) -> bool:
        """Tell whether `seek` is worth trying."""
        return isinstance(self._stream, SeekableByteStream)

    def close(self) -> None:
        """Let go of the stream, so that a read that waits ends. Any thread, more than once."""
        self._closed = True
        self._stream.close()

    def _receive(self, byte_count: int) -> bytes:
        while data := self._fetch(byte_count):
            if self._icy is not None:
                data, tags = self._icy.feed(data)
                self._tags += tags
            if self._id3 is not None:
                self._tags += self._id3.feed(data)
            if data:
                return data
        return b""

    def _fetch(self, byte_count: int) -> bytes:
        if self._closed or self.failure:
            return b""
        try:
            return bytes(self._stream.read(byte_count))
        except MediaError as error:
            self.failure = error
        except (OSError, ValueError) as error:
            self.failure = MediaDecodeError("the stream broke off")
            self.failure.__cause__ = error
        return b""
