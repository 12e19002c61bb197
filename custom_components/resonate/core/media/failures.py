"""FFmpeg's errors as ours, without what must not be told: addresses carry tokens and passwords."""

from pathlib import Path
from urllib.parse import urlsplit

import av

from ..errors import MediaDecodeError, MediaError, MediaOpenError, UnsupportedMediaError
from .request import MediaLocation

_NOT_FOUND = (av.FileNotFoundError, av.HTTPNotFoundError)
_NO_ACCESS = (av.PermissionError, av.HTTPUnauthorizedError, av.HTTPForbiddenError, av.IsADirectoryError)
_NO_ANSWER = (av.error.ExitError, av.TimeoutError)  # "exit": PyAV's time-out interrupted it
_NO_AUDIO = (av.InvalidDataError, av.EOFError, av.PatchWelcomeError, av.DecoderNotFoundError, av.DemuxerNotFoundError)


def describe(location: MediaLocation) -> str:
    """Return words for `location` that tell nothing secret: of a URL only its host, of a file only its name."""
    match location:
        case Path():
            return repr(location.name)
        case bytes():
            return "the medium"
        case str() if "://" in location:
            return _describe_url(location)
        case str():
            return repr(Path(location).name)
        case _:
            return "the stream"


def as_open_error(error: Exception, what: str) -> MediaError:
    """Return what to raise when `what` could not be opened."""
    _scrub(error)
    if isinstance(error, _NO_AUDIO):
        return UnsupportedMediaError(f"{what} holds no audio that can be decoded")
    if isinstance(error, _NOT_FOUND):
        return MediaOpenError(f"{what} was not found")
    if isinstance(error, _NO_ACCESS):
        return MediaOpenError(f"{what} cannot be read: no access")
    if isinstance(error, _NO_ANSWER):
        return MediaOpenError(f"{what} did not answer in time")
    return MediaOpenError(f"{what} could not be opened{_reason(error)}")


def as_decode_error(error: Exception, what: str) -> MediaError:
    """Return what to raise when `what` broke while it was read."""
    _scrub(error)
    if isinstance(error, _NO_ANSWER):
        return MediaDecodeError(f"{what} sent nothing for too long")
    return MediaDecodeError(f"{what} cannot be read on{_reason(error)}")


def _describe_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else f"the {parts.scheme} medium"


def _reason(error: Exception) -> str:
    return f": {error.strerror}" if isinstance(error, av.FFmpegError) and error.strerror else ""


def _scrub(error: Exception) -> None:
    """Take the address and FFmpeg's log line out of `error`, which tracebacks show as the cause of ours."""
    if isinstance(error, av.FFmpegError):
        error.args = error.args[:2]
