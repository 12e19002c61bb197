"""Playlists, in files and on servers, as what there is to play; each may name only what its own place allows."""

from collections.abc import Callable
from dataclasses import replace
import logging
import os
from pathlib import Path
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from homeassistant.components import media_source
from homeassistant.components.media_player import MediaType, async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.network import is_hass_url
from yarl import URL

from .byte_streams import StreamOpener
from .core.errors import MediaOpenError
from .core.media.playlist import MAX_BYTES, is_hls, parse_playlist
from .core.media.playlist_entry import PlaylistEntry
from .local_media import is_allowed, is_local_id, media_id_of, path_of
from .media import MediaOrder, async_find_file, async_resolve, parse_url, path_of_file_url
from .media_kinds import HLS_TYPE, PLAYLIST_MIME_TYPES

_LOGGER = logging.getLogger(__name__)

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class _Text(NamedTuple):
    data: bytes
    place: Path | URL
    """What relative entries are relative to."""


type Locate = Callable[[str], str | None]
"""Returns the media id of an entry's location; None for one that may not be named, or leads nowhere."""


async def async_read_playlist(
    hass: HomeAssistant, opener: StreamOpener, order: MediaOrder
) -> MediaOrder | list[MediaOrder]:
    """Return what a playlist names, in its order; or an order for what turns out to be one medium.

    Entries that cannot be right are left out. Nothing of what it names is opened or resolved. Raises MediaError when
    it cannot be read, and what `async_make_request` raises.
    """
    text = await _async_read(hass, opener, order)
    if text is None:
        return order
    return await hass.async_add_executor_job(_read_entries, hass, order, text)


async def _async_read(hass: HomeAssistant, opener: StreamOpener, order: MediaOrder) -> _Text | None:
    place = await _async_locate(hass, order)
    if isinstance(place, Path):
        return _Text(await hass.async_add_executor_job(_read_file, hass, place), place)
    url = async_process_play_media_url(hass, place)
    fetched = await opener.async_fetch(url, MAX_BYTES, is_wanted=_may_be_list)
    return None if fetched is None else _Text(fetched.data, fetched.url)


async def _async_locate(hass: HomeAssistant, order: MediaOrder) -> Path | str:
    """Return where a playlist is: a file, or an address."""
    if is_local_id(order.media_id) and (path := path_of(hass, order.media_id)) is not None:
        return path  # Home Assistant resolves only what it has a type for
    if media_source.is_media_source_id(order.media_id):
        resolved = await async_resolve(hass, order)
        return resolved.path or resolved.url
    if (path := await async_find_file(hass, order.media_id)) is not None:
        return path
    return str(parse_url(order.media_id))


def _may_be_list(mime_type: str) -> bool:
    """Tell a list from a radio that only has the address of one, and would never end."""
    return mime_type in PLAYLIST_MIME_TYPES or not mime_type.startswith(("audio/", "video/"))


def _read_file(hass: HomeAssistant, path: Path) -> bytes:
    if not is_allowed(hass, path):
        raise MediaOpenError(f"{path.name} leads to where Home Assistant may not read")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise MediaOpenError(f"{path.name} cannot be read") from error


def _read_entries(hass: HomeAssistant, order: MediaOrder, text: _Text) -> MediaOrder | list[MediaOrder]:
    """Blocking: files are looked for."""
    if is_hls(text.data):
        return replace(order, media_type=HLS_TYPE)
    place = text.place
    locate: Locate = _FromFile(hass, place.parent) if isinstance(place, Path) else _FromServer(hass, place)
    orders = []
    for entry in parse_playlist(text.data):
        if (media_id := locate(entry.location)) is None or media_id == order.media_id:
            _LOGGER.debug("Left out of %s: %s", order.media_id, entry.location)
        else:
            orders.append(_order_of(entry, media_id, order, _find_picture(entry, place, locate)))
    return orders


def _find_picture(entry: PlaylistEntry, place: Path | URL, locate: Locate) -> str | None:
    """Return the address of an entry's picture: a list may name none that it may not name as a medium."""
    url = None
    if entry.artwork_url is not None:
        url = _join(None if isinstance(place, Path) else place, entry.artwork_url)
    return None if url is None else locate(str(url))


def _order_of(entry: PlaylistEntry, media_id: str, order: MediaOrder, artwork_url: str | None) -> MediaOrder:
    return MediaOrder(
        media_id=media_id,
        media_type=MediaType.MUSIC,
        entity_id=order.entity_id,
        title=entry.title,
        artist=entry.artist,
        album=entry.album,
        duration_us=entry.duration_us,
        artwork_url=artwork_url,
    )


class _FromServer:
    """What a playlist on a server may name: addresses, and Home Assistant's own only if it is its own."""

    def __init__(self, hass: HomeAssistant, url: URL) -> None:
        self._hass = hass
        self._url = url
        self._is_ours_by_origin: dict[URL, bool] = {}
        self._is_ours = self._belongs_to_us(url)

    def __call__(self, location: str) -> str | None:
        url = _join(self._url, location)
        # Ours would be fetched with our own rights.
        return None if url is None or (self._belongs_to_us(url) and not self._is_ours) else str(url)

    def _belongs_to_us(self, url: URL) -> bool:
        origin = url.origin()
        if origin not in self._is_ours_by_origin:
            self._is_ours_by_origin[origin] = is_hass_url(self._hass, str(origin))
        return self._is_ours_by_origin[origin]


class _FromFile:
    """What a playlist in a file may name: files where Home Assistant may read, media sources, and addresses."""

    def __init__(self, hass: HomeAssistant, folder: Path) -> None:
        self._hass = hass
        self._folder = folder

    def __call__(self, location: str) -> str | None:
        if location.lower().startswith("file://"):
            try:
                return self._find(path_of_file_url(location))
            except ServiceValidationError:
                return None
        if media_source.is_media_source_id(location):
            return location
        if _SCHEME.match(location):
            url = _join(None, location)
            return None if url is None else str(url)
        if "/" not in location:
            location = location.replace("\\", "/")
        return self._find(location) or self._find(unquote(location))

    def _find(self, location: str) -> str | None:
        path = Path(os.path.normpath(self._folder / location))
        try:
            if not path.is_file() or not is_allowed(self._hass, path):
                return None
        except OSError, ValueError:  # a name that no file can have
            return None
        return media_id_of(self._hass, path) or path.as_uri()


def _join(base: URL | None, location: str) -> URL | None:
    """Return a whole address; None when it is none that can be fetched."""
    try:
        url = URL(location) if base is None else base.join(URL(location))
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None
