"""From what is asked for to what can be read."""

from .decoded_source import DecodedSource
from .media_stream import MediaStream
from .request import MediaRequest


def open_stream(request: MediaRequest) -> MediaStream:
    """Return the sources for `request`. Waits for nothing: their `open` does."""
    return MediaStream(main=DecodedSource(request)) if request.stream is None else request.stream
