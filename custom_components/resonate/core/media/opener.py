"""From what is asked for to what can be read."""

from .decoded_source import DecodedSource
from .request import MediaRequest
from .source import Source


def open_source(request: MediaRequest) -> Source:
    """Return a source for `request`. Waits for nothing: its `open` does."""
    if request.stream is not None:
        return request.stream.main
    return DecodedSource(request)
