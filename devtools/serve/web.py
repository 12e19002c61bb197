"""Media of web servers as blocking streams: radio with its tags, files that can be sought."""

from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
import io
from socket import SHUT_RDWR, socket
from typing import Final
from urllib.parse import urljoin, urlsplit

from core.errors import MediaDecodeError, MediaOpenError
from core.media.icy import REQUEST_HEADERS, Station, read_station
from core.media.request import ByteStream

_TIMEOUT_S: Final = 10.0
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def open_url(url: str) -> ByteStream:
    """Ask for `url` and return what follows; seekable where its server gives ranges. Raises MediaOpenError."""
    answer = _Answer(url, REQUEST_HEADERS)
    station = read_station(answer.headers)
    if station is not None and (station.tag_interval or answer.length is None):
        return RadioStream(answer, station)
    return WebStream(answer) if answer.length is None else WebFile(answer, url, answer.length)


class _Answer:
    """The answer of a server."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.what = urlsplit(url).hostname or "the server"
        for _ in range(_MOST_REDIRECTS):
            self._response, self._socket = self._ask(url, headers)
            if self._response.status not in _REDIRECTS:
                break
            self.close()
            url = urljoin(url, self._response.headers.get("Location", ""))
        self.status = self._response.status
        self.headers = dict(self._response.headers)
        if not 200 <= self.status < 300:
            self.close()
            raise MediaOpenError(f"{self.what} answered {self.status} {self._response.reason}")

    @property
    def length(self) -> int | None:
        """Of the whole, when any part of it can be asked for."""
        length = self._response.length
        return length if length and self._response.headers.get("Accept-Ranges") == "bytes" else None

    def read(self, byte_count: int) -> bytes:
        try:
            return self._response.read1(byte_count)
        except TimeoutError as err:
            raise MediaDecodeError(f"{self.what} sent nothing for {_TIMEOUT_S:.0f} s") from err
        except (
            OSError,
            HTTPException,
            ValueError,
            AttributeError,
        ) as err:  # the last: closed meanwhile, by another thread
            raise MediaDecodeError(f"{self.what} broke off") from err

    def close(self) -> None:
        with suppress(OSError):  # it has ended by itself
            self._socket.shutdown(SHUT_RDWR)  # unlike close(), it ends a read that waits in another thread
        self._response.close()
        self._socket.close()

    def _ask(self, url: str, headers: Mapping[str, str]) -> tuple[HTTPResponse, socket]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MediaOpenError(f"{self.what} leads elsewhere")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", path, headers={**headers, "Connection": "close"})
            its_socket = connection.sock
            return connection.getresponse(), its_socket
        except TimeoutError as err:
            connection.close()
            raise MediaOpenError(f"{self.what} did not answer in time") from err
        except (OSError, HTTPException, ValueError) as err:
            connection.close()
            raise MediaOpenError(f"{self.what} cannot be reached") from err


class WebStream:
    """An answer from its beginning to its end."""

    def __init__(self, answer: _Answer) -> None:
        """Give what `answer` holds."""
        self._answer = answer

    def read(self, byte_count: int, /) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end. Raises MediaError."""
        return self._answer.read(byte_count)

    def close(self) -> None:
        """Let the connection go; a `read` that waits ends."""
        self._answer.close()


class RadioStream(WebStream):
    """The answer of a radio, its tags still between the audio."""

    def __init__(self, answer: _Answer, station: Station) -> None:
        """Give what `answer` holds."""
        super().__init__(answer)
        self.station = station


class WebFile(WebStream):
    """What can be asked for in parts."""

    def __init__(self, answer: _Answer, url: str, length: int) -> None:
        """Begin with `answer`, that for the whole of `url`."""
        super().__init__(answer)
        self._url = url
        self._length = length
        self._position = 0
        self._answer_position = 0

    def read(self, byte_count: int, /) -> bytes:
        """Return up to `byte_count` bytes, waiting for at least one; empty at the end. Raises MediaError."""
        if self._position >= self._length:
            return b""
        if self._position != self._answer_position:
            self._answer.close()
            self._answer = _Answer(self._url, {"Range": f"bytes={self._position}-"})
            if self._answer.status != 206:
                raise MediaDecodeError(f"{self._answer.what} does not go there")
        data = super().read(byte_count)
        self._position += len(data)
        self._answer_position = self._position
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere; the next `read` asks for it. Returns the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError("no such place")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position
