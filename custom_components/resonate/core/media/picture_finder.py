"""The picture of a medium: what the asker names, else what the medium brings, else what lies beside it."""

from collections.abc import Callable
import logging
import os
from pathlib import Path
from typing import Final

from ..errors import MediaError, PictureError
from ..images import MAX_PICTURE_BYTES, Picture
from .picture import read_picture
from .request import ByteStream, MediaRequest, PictureLocation

_LOGGER = logging.getLogger(__name__)

_NAMES: Final = ("cover", "folder", "front")
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
_FOLDER_IMAGES: Final = tuple(name + suffix for name in _NAMES for suffix in _SUFFIXES)
"""Of several the first counts."""
_PIECE_BYTES: Final = 1 << 16


class PictureFinder:
    """Looks for one picture. `find` once, media pool only; `close` from any thread, at any time."""

    def __init__(self, request: MediaRequest, cover: bytes | None = None, folder: Path | None = None) -> None:
        """`cover` is what the medium brings, `folder` what it lies in."""
        self._request = request
        self._cover = cover
        self._folder = folder
        self._stream: ByteStream | None = None
        self._is_late = False
        self.is_closed = False

    @property
    def is_worthwhile(self) -> bool:
        """Whether there is any place to look at."""
        return self._request.artwork is not None or self._cover is not None or self._folder is not None

    def find(self) -> Picture | None:
        """Return the first picture that can be shown. Waits for disk or network; what is broken is passed over."""
        places: tuple[Callable[[], bytes | None], ...] = (
            lambda: self._asked(self._request.artwork),
            lambda: self._cover,
            lambda: _beside(self._folder),
        )
        for place in places:
            if self.is_closed:
                return None
            try:
                data = place()
                if data is not None:
                    return read_picture(data)
            except (PictureError, MediaError, OSError, ValueError) as error:
                _LOGGER.debug("A picture was passed over: %s", error)
        return None

    def hurry(self) -> None:
        """Have `find` wait for nothing any more, and look where it need not. Any thread, at any time."""
        self._is_late = True
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        """Have `find` return soon, with nothing. More than once does no harm."""
        self.is_closed = True
        self.hurry()

    def _asked(self, location: PictureLocation | None) -> bytes | None:
        match location:
            case None | bytes():
                return location
            case Path():
                return _read_file(location)
        self._stream = location()
        try:
            return self._read_stream(self._stream)
        finally:
            self._stream.close()

    def _read_stream(self, stream: ByteStream) -> bytes:
        data = bytearray()
        while not self._is_late and (piece := stream.read(_PIECE_BYTES)):
            data += piece
            if len(data) > MAX_PICTURE_BYTES:
                raise PictureError("a picture without an end")
        if self._is_late:
            raise PictureError("a picture that did not come in time")
        return bytes(data)


def _beside(folder: Path | None) -> bytes | None:
    """Return the image of a folder, whatever case its name is in."""
    if folder is None:
        return None
    with os.scandir(folder) as entries:
        found = {name: entry.path for entry in entries if (name := entry.name.lower()) in _FOLDER_IMAGES}
    return next((_read_file(Path(found[name])) for name in _FOLDER_IMAGES if name in found), None)


def _read_file(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for without end
        raise PictureError(f"{path.name!r} is no file")
    with path.open("rb") as file:
        return file.read(MAX_PICTURE_BYTES + 1)
