"""ID3v2 tags in the middle of a stream of MP3 or AAC, where FFmpeg steps over them; without I/O.

Source: ID3v2.4 structure, 3.1 (header) and 3.4 (footer).
"""

import io
from typing import Final

import av

from .icy import TagsAt
from .tags import Tags, read_tags

_MARK: Final = b"ID3"
_HEADER_BYTES: Final = 10
_FOOTER_FLAG: Final = 0x10
_UNKNOWN_FLAGS: Final = 0x0F
_VERSIONS: Final = range(2, 5)
MOST_TAG_BYTES: Final = 1 << 18
"""Of a tag that is read; pictures make some larger, and those of a radio would be worth no more."""
_SILENCE: Final = (bytes((0xFF, 0xFB, 0x90, 0x64)) + bytes(413)) * 3
"""Frames of MP3 that FFmpeg wants to see behind a tag: 44.1 kHz, 128 kbit/s."""


class Id3Scanner:
    """Finds tags in the bytes of a stream; however they are split, the result is the same."""

    def __init__(self) -> None:
        """Begin at the first byte."""
        self._kept = bytearray()
        """What may be the beginning of a tag,"""
        self._position = 0
        """where it lies,"""
        self._wanted_bytes = 0
        """and how much of it has to be there before it is looked at again."""

    def feed(self, data: bytes) -> list[TagsAt]:
        """Take the next bytes; return the tags that they complete, each from the byte behind it on."""
        self._kept += data
        told: list[TagsAt] = []
        while len(self._kept) >= max(self._wanted_bytes, 1):
            self._wanted_bytes = 0
            if not self._find():
                break
            if len(self._kept) < _HEADER_BYTES:
                self._wanted_bytes = _HEADER_BYTES
                break
            tag_bytes = _length_of(self._kept)
            if tag_bytes is None:
                self._drop(len(_MARK))
            elif len(self._kept) < tag_bytes:
                self._wanted_bytes = tag_bytes
            else:
                tags = read_id3(bytes(self._kept[:tag_bytes]))
                self._drop(tag_bytes)
                if tags is not None:
                    told.append(TagsAt(self._position, tags))
        return told

    def _find(self) -> bool:
        """Drop what lies before the next mark, or before what may become one; return whether there is a whole one."""
        at = self._kept.find(_MARK)
        if at >= 0:
            self._drop(at)
            return True
        for length in (2, 1):
            if self._kept.endswith(_MARK[:length]):
                self._drop(len(self._kept) - length)
                return False
        self._drop(len(self._kept))
        return False

    def _drop(self, byte_count: int) -> None:
        del self._kept[:byte_count]
        self._position += byte_count


def _length_of(tag: bytearray) -> int | None:
    """Return how long the tag is that begins here; None when none does, or one that is too long to be read."""
    version, revision, flags = tag[3:6]
    size = tag[6:_HEADER_BYTES]
    if version not in _VERSIONS or revision == 0xFF or flags & _UNKNOWN_FLAGS or max(size) > 0x7F:
        return None
    length = _HEADER_BYTES + (_HEADER_BYTES if flags & _FOOTER_FLAG else 0)
    for septet, shift in zip(size, (21, 14, 7, 0), strict=True):
        length += septet << shift
    return length if length <= MOST_TAG_BYTES else None


def read_id3(tag: bytes) -> Tags | None:
    """Return what a tag says; None when it says nothing that is shown."""
    try:
        with av.open(io.BytesIO(tag + _SILENCE), "r", format="mp3") as container:
            tags = read_tags(container.metadata)
    except av.FFmpegError, ValueError:
        return None
    return tags if any(tags) else None
