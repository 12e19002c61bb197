"""A medium that only says when its turn comes where it is."""

from collections.abc import Callable

from ..errors import MediaOpenError
from .decoded_source import DecodedSource
from .request import MediaRequest
from .source import Passage, Source, SourceInfo


class LateSource:
    """A Source that is found as it is opened. Blocking, media pool only, as every one."""

    def __init__(self, resolve: Callable[[], MediaRequest]) -> None:
        """`resolve` waits no longer than it takes, and raises MediaError."""
        self._resolve = resolve
        self._source: Source | None = None
        self._is_closed = False

    def open(self) -> SourceInfo:
        """Find and open it. Raises MediaError."""
        request = self._resolve()
        self._source = source = DecodedSource(request) if request.stream is None else request.stream.main
        if self._is_closed:  # looked at after it can be closed from there: either way it is
            source.close()
            raise MediaOpenError("let go of meanwhile")
        return source.open()

    def start(self, mix_rate: int, position_us: int) -> None:
        """Say at which rate, and from which position on, `read` is to give frames."""
        self._found.start(mix_rate, position_us)

    def read(self, frame_count: int) -> Passage | None:
        """Return the next frames; None at the end. Raises MediaError."""
        return self._found.read(frame_count)

    def seek(self, position_us: int) -> None:
        """Go on elsewhere. Raises MediaError."""
        self._found.seek(position_us)

    def close(self) -> None:
        """Let go of it, or of what it is going to be. Any thread, more than once."""
        self._is_closed = True
        if self._source is not None:
            self._source.close()

    @property
    def _found(self) -> Source:
        if self._source is None:
            raise MediaOpenError("not open")
        return self._source
