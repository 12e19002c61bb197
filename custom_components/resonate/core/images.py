"""Pictures, and the images that displays are shown of them: values only."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_SIDE: Final = 2048
"""Pixels; whoever declares more is sent this: one that asked for 60,000 would cost 13 GB (protocol.md 11.1)."""
MAX_PICTURE_BYTES: Final = 8 << 20
"""The largest file that is taken for a cover; larger ones are scans of whole booklets, or something else."""


class ImageFormat(StrEnum):
    """What displays take, in the words of the wire."""

    JPEG = "jpeg"
    PNG = "png"
    BMP = "bmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it was found."""

    data: bytes = field(repr=False, compare=False)
    """A whole file, of at most `MAX_PICTURE_BYTES`."""
    mime_type: str
    digest: str
    """Equal for equal files: stands for `data` in comparisons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """What an image for a display has to be like."""

    width: int
    """Pixels, 1 to `MAX_SIDE`; so is `height`. The image fills both exactly."""
    height: int
    format: ImageFormat
