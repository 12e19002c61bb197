"""From what is asked for to what can be read."""

from .decoded_source import DecodedSource
from .media_stream import MediaStream
from .request import MediaRequest
from .source import Source


def open_source(request: MediaRequest) -> Source:
    """Return a source for `request`. Waits for nothing: its `open` does."""
    if isinstance(request.location, MediaStream):
        return request.location.main
    return DecodedSource(request)
