"""From what a user names to what is to be played: folders, albums and playlists become what is in them."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
import logging
from typing import Final

from homeassistant.components import media_source
from homeassistant.components.media_player import BrowseMedia, MediaClass, MediaType
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .byte_streams import StreamOpener
from .const import DOMAIN
from .core.errors import MediaError
from .local_media import is_local_id, path_of
from .media import MediaOrder
from .media_kinds import is_audible, is_folder_type, is_playlist, suffix_of
from .playlist_files import async_read_playlist

_LOGGER = logging.getLogger(__name__)

MAX_ITEMS: Final = 10_000
MAX_DEPTH: Final = 8
MAX_FOLDERS: Final = 2_000
MAX_NESTED: Final = 50
"""Playlists in a list, which are all read at once."""
TIMEOUT_S: Final = 30.0


async def async_expand(hass: HomeAssistant, opener: StreamOpener, order: MediaOrder) -> list[MediaOrder]:
    """Return what is to be played, at least one: the order itself, or what is in the folder or playlist it names.

    Only what lists others is read; none of them is resolved or opened, so that this is done when its turn comes.
    Raises MediaError for a playlist that cannot be read, ServiceValidationError and HomeAssistantError for what can
    have nothing in it, has nothing in it, or too much.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            orders = await _async_expand(hass, opener, order)
    except TimeoutError:
        raise _failure("list_too_slow", order) from None
    if not orders:
        raise _failure("list_empty", order)
    if len(orders) > MAX_ITEMS:
        raise _failure("list_too_long", order)
    return orders


async def _async_expand(hass: HomeAssistant, opener: StreamOpener, order: MediaOrder) -> list[MediaOrder]:
    if is_playlist(order.media_id, order.media_type):
        contents = await async_read_playlist(hass, opener, order)
    elif (folder := await _async_open_folder(hass, order)) is not None:
        walk = _Walk(hass, order)
        await walk.async_take(folder)
        contents = walk.found
    elif order.media_type == MediaType.PLAYLIST:
        contents = await async_read_playlist(hass, opener, order)
    else:
        contents = order
    return [contents] if isinstance(contents, MediaOrder) else await _async_read_nested(hass, opener, contents)


async def _async_open_folder(hass: HomeAssistant, order: MediaOrder) -> BrowseMedia | None:
    """Return the folder that an order names; None when it may be something to play."""
    if not await _async_is_folder(hass, order):
        return None
    try:
        folder = await media_source.async_browse_media(hass, order.media_id)
    except HomeAssistantError as error:
        if order.media_type == MediaType.PLAYLIST:
            return None
        raise _failure("media_not_found", order, reason=str(error)) from error
    return folder if folder.can_expand else None


async def _async_is_folder(hass: HomeAssistant, order: MediaOrder) -> bool:
    if is_local_id(order.media_id):  # there it can be seen, whatever somebody wrote as its type
        path = path_of(hass, order.media_id)
        return path is None or await hass.async_add_executor_job(path.is_dir)
    return media_source.is_media_source_id(order.media_id) and is_folder_type(order.media_type)


async def _async_read_nested(hass: HomeAssistant, opener: StreamOpener, orders: list[MediaOrder]) -> list[MediaOrder]:
    """Put what is in playlists in their place; what is a list even then is left out."""
    # Of ten thousand, by a thread: that takes longer than Home Assistant's loop may be held up.
    nested = await hass.async_add_executor_job(lambda: [order for order in orders if _is_nested(order)][:MAX_NESTED])
    if not nested:
        return orders
    contents = await asyncio.gather(*(_async_read_or_skip(hass, opener, order) for order in nested))
    found = dict(zip((order.media_id for order in nested), contents, strict=True))
    return [item for order in orders for item in found.get(order.media_id, [order])]


def _is_nested(order: MediaOrder) -> bool:
    """Tell what is to be read; an .m3u8 among others on a server is HLS nearly always, and each would be fetched."""
    is_remote = not media_source.is_media_source_id(order.media_id) and not order.media_id.startswith("file:")
    return is_playlist(order.media_id, order.media_type) and not (is_remote and suffix_of(order.media_id) == ".m3u8")


async def _async_read_or_skip(hass: HomeAssistant, opener: StreamOpener, order: MediaOrder) -> list[MediaOrder]:
    try:
        contents = await async_read_playlist(hass, opener, order)
    except (HomeAssistantError, MediaError) as error:
        _LOGGER.debug("Left out, as it cannot be read: %s: %s", order.media_id, error)
        return []
    return [contents] if isinstance(contents, MediaOrder) else [item for item in contents if not _is_nested(item)]


class _Walk:
    """Goes through folders in the order in which they are shown."""

    def __init__(self, hass: HomeAssistant, order: MediaOrder) -> None:
        self.found: list[MediaOrder] = []
        self._hass = hass
        self._order = order
        self._seen: set[str] = set()

    async def async_take(
        self, folder: BrowseMedia, depth: int = 0, artist: str | None = None, album: str | None = None
    ) -> None:
        """Take what is in a folder and in those in it."""
        self._seen.add(folder.media_content_id)
        artist = folder.title if folder.media_class == MediaClass.ARTIST else artist
        album = folder.title if folder.media_class == MediaClass.ALBUM else album
        found = await self._hass.async_add_executor_job(
            _look_through, folder.children or (), self._order.entity_id, artist, album
        )
        for each in found:
            if len(self.found) > MAX_ITEMS:
                return
            if isinstance(each, MediaOrder):
                self.found.append(each)
            elif depth < MAX_DEPTH and (inner := await self._async_open(each)) is not None:
                await self.async_take(inner, depth + 1, artist, album)

    async def _async_open(self, item: BrowseMedia) -> BrowseMedia | None:
        media_id = item.media_content_id
        if media_id in self._seen or len(self._seen) >= MAX_FOLDERS:
            return None
        self._seen.add(media_id)
        try:
            return await media_source.async_browse_media(self._hass, media_id)
        except HomeAssistantError as error:
            _LOGGER.debug("Left out, as it cannot be opened: %s: %s", media_id, error)
            return None


def _look_through(
    children: Iterable[BrowseMedia], entity_id: str, artist: str | None, album: str | None
) -> list[MediaOrder | BrowseMedia]:
    """Return what is to be played of a folder, and the folders in it. By a thread: there may be ten thousand."""
    children = [child for child in children if child.can_expand or is_audible(child)]
    has_songs = any(_is_song(child) for child in children)
    return [
        child if child.can_expand else replace(_order_of(child, entity_id), artist=artist, album=album)
        for child in children
        # A playlist beside songs is a list of them: they would come twice.
        if child.can_expand or _is_song(child) or (child.can_play and not has_songs)
    ]


def _is_song(item: BrowseMedia) -> bool:
    return item.can_play and not item.can_expand and not is_playlist(item.media_content_id, item.media_content_type)


def _order_of(item: BrowseMedia, entity_id: str) -> MediaOrder:
    is_file_name = item.media_content_id.endswith(f"/{item.title}")  # says less than what is in the file
    return MediaOrder(
        media_id=item.media_content_id,
        media_type=item.media_content_type,
        entity_id=entity_id,
        title=None if is_file_name else item.title,
        artwork_url=item.thumbnail,
    )


def _failure(key: str, order: MediaOrder, **placeholders: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"media_id": order.media_id, "limit": str(MAX_ITEMS), **placeholders},
    )
