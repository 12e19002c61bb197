"""Pictures: which one an action names, and the bytes of the one that is shown."""

from collections.abc import Mapping
from functools import partial
import logging
from typing import Any, Final

from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import is_hass_url
from yarl import URL

from .bridge import Bridge
from .byte_streams import StreamOpener
from .core.errors import ResonateError
from .core.media.request import PictureLocation
from .core.units import ClientId, GroupId

_LOGGER = logging.getLogger(__name__)

_URL_KEYS: Final = ("imageUrl", "image_url", "thumbnail", "thumb", "artwork_url")
"""As Cast, Music Assistant, the media browser and scripts call it."""


def find_artwork_url(extra: Mapping[str, Any]) -> str | None:
    """Return the picture named in the `extra` of an action: in its `metadata`, or beside that; None without one."""
    metadata = extra.get("metadata")
    for place in (metadata, extra):
        if not isinstance(place, Mapping):
            continue
        images = place.get("images")  # a list of objects, as Cast has it
        first = images[0] if isinstance(images, list) and images else None
        candidates = [first.get("url") if isinstance(first, Mapping) else first, *(place.get(key) for key in _URL_KEYS)]
        for candidate in candidates:
            if isinstance(candidate, str) and candidate:
                return candidate
    return None


def locate_artwork(hass: HomeAssistant, opener: StreamOpener, url: str | None) -> PictureLocation | None:
    """Return what fetches a picture when its turn comes; None, and a line in the log, where that cannot be right.

    A path is one of Home Assistant's own web server; of other addresses only http and https are fetched.
    """
    if url is None:
        return None
    try:
        parsed = URL(url)
    except ValueError:
        return None
    is_ours = (url.startswith("/") and not url.startswith("//")) or is_hass_url(hass, url)
    if not is_ours and (not parsed.host or parsed.scheme not in ("http", "https")):
        _LOGGER.debug("A picture is not fetched: it is of no web server")
        return None
    return partial(opener.open_url, async_process_play_media_url(hass, url))


async def async_fetch_picture(bridge: Bridge, target: ClientId | GroupId) -> tuple[bytes | None, str | None]:
    """Return the file of the picture of what plays, and its type; twice None without one."""
    try:
        picture = await bridge.async_ask(lambda server: server.picture(target))
    except ResonateError:
        return None, None  # gone meanwhile
    return (None, None) if picture is None else (picture.data, picture.mime_type)
