"""Media that are found when their turn comes: addresses that a media source gives expire."""

from collections.abc import Coroutine
from concurrent.futures import CancelledError
from functools import partial
import logging
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .artwork import locate_artwork
from .byte_streams import StreamOpener
from .core.errors import MediaOpenError
from .core.media.request import PATIENCE_US, ByteStream, MediaRequest, PictureLocation
from .expansion import async_expand
from .media import RADIO_SOURCE, SPEECH_PATIENCE_US, SPEECH_SOURCE, MediaOrder, async_make_request

_LOGGER = logging.getLogger(__name__)

FIND_TIMEOUT_S: Final = 10.0
"""Less than the core is patient, so that what is told is why."""


class LateMedia:
    """Makes requests that find their medium by themselves."""

    def __init__(self, hass: HomeAssistant, opener: StreamOpener) -> None:
        """`opener` opens what is found."""
        self._hass = hass
        self._opener = opener

    async def async_requests(self, order: MediaOrder) -> list[MediaRequest]:
        """Return what an order is for, at least one.

        Raises ServiceValidationError and HomeAssistantError for what is not there, MediaError for lists that cannot be
        read. What is in a list is looked for when its turn comes.
        """
        orders = await async_expand(self._hass, self._opener, order)
        if orders != [order]:
            # Ten thousand take longer than Home Assistant's loop may be held up.
            return await self._hass.async_add_executor_job(lambda: [self.request(each) for each in orders])
        return [self.request(order, await async_make_request(self._hass, self._opener, order))]

    def request(self, order: MediaOrder, found: MediaRequest | None = None) -> MediaRequest:
        """Return a request for an order; `found` is what it leads to right now, as far as that is known."""
        return MediaRequest(
            resolve=_Search(self._hass, self._opener, order, found),
            media_id=order.media_id,
            origin=order,
            title=order.title,
            artist=order.artist,
            album=order.album,
            duration_us=order.duration_us,
            artwork=None if order.artwork_url is None else partial(self._open_picture, order.artwork_url),
            mime_type=None if found is None else found.mime_type,
            is_live=order.media_id.startswith(RADIO_SOURCE),
            patience_us=SPEECH_PATIENCE_US if order.media_id.startswith(SPEECH_SOURCE) else PATIENCE_US,
        )

    def _open_picture(self, url: str) -> ByteStream:
        """Open a picture. Media threads of the core; raises MediaError."""

        async def find() -> PictureLocation | None:
            return locate_artwork(self._hass, self._opener, url)

        location = _wait(self._opener, find())
        if not callable(location):
            raise MediaOpenError("a picture that is nowhere")
        return location()


class _Search:
    """Finds a medium. Called by media threads of the core."""

    def __init__(
        self, hass: HomeAssistant, opener: StreamOpener, order: MediaOrder, found: MediaRequest | None
    ) -> None:
        self._hass = hass
        self._opener = opener
        self._order = order
        self._found = found

    def __call__(self) -> MediaRequest:
        """Return the request proper. Raises MediaOpenError. Blocking."""
        found, self._found = self._found, None  # good for once: it may have expired by the next time
        if found is not None:
            return found
        return _wait(self._opener, async_make_request(self._hass, self._opener, self._order))


def _wait[T](opener: StreamOpener, search: Coroutine[object, object, T]) -> T:
    """Return what is found on Home Assistant's loop, or raise MediaOpenError, at the latest when `opener` is closed.

    Blocking; not on a loop.
    """
    searching = opener.start(search)
    try:
        return searching.result(FIND_TIMEOUT_S)
    except TimeoutError:
        searching.cancel()
        raise MediaOpenError(f"it was not found within {FIND_TIMEOUT_S:.0f} s") from None
    except CancelledError as error:
        raise MediaOpenError("the server has stopped") from error
    except HomeAssistantError as error:
        raise MediaOpenError(str(error)) from error
    except Exception as error:  # of a media source: the medium is passed over like any other that is not there
        _LOGGER.exception("Looking for a medium ended by an error")
        raise MediaOpenError(f"{type(error).__name__}: {error}") from error
