"""From what is asked for to what can be read."""

from .decoded_source import DecodedSource
from .late_source import LateSource
from .media_stream import MediaStream
from .request import MediaRequest


def open_stream(request: MediaRequest) -> MediaStream:
    """Return the sources for `request`. Waits for nothing: their `open` does."""
    if request.stream is not None:
        return request.stream
    return MediaStream(main=DecodedSource(request) if request.resolve is None else LateSource(request.resolve))
