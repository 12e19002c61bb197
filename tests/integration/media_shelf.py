"""A media source of folders and media that tests put on it."""

from collections.abc import Mapping, Sequence
from unittest.mock import Mock

from homeassistant.components.media_player import BrowseError, MediaClass, SearchMedia, SearchMediaQuery
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import mock_platform

type Folders = Mapping[str, Sequence[BrowseMediaSource]]


class Shelf(MediaSource):
    """Shows `folders` by their ids, "" for its root; has `urls` for what is played; finds by title, if it searches."""

    def __init__(self, domain: str, folders: Folders, *, is_searchable: bool = False) -> None:
        self.name = domain.title()
        super().__init__(domain)
        self.folders = folders
        self.urls: dict[str, tuple[str, str]] = {}
        self.is_searchable = is_searchable
        self.queries: list[SearchMediaQuery] = []
        self.failure: Exception | None = None

    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        identifier = item.identifier or ""  # None for the root
        if identifier not in self.folders:
            raise BrowseError("no such folder")
        known = {one.identifier: one for children in self.folders.values() for one in children}
        base = known.get(identifier) or folder("", self.domain)
        shown = folder(identifier, self.domain, base.title, base.media_class)
        shown.children = list(self.folders[identifier])
        return shown

    async def async_search_media(self, item: MediaSourceItem, query: SearchMediaQuery) -> SearchMedia:
        if self.failure is not None:
            raise self.failure
        if not self.is_searchable:
            raise NotImplementedError
        self.queries.append(query)
        words = query.search_query.casefold()
        classes = query.media_filter_classes
        return SearchMedia(
            result=[
                one
                for children in self.folders.values()
                for one in children
                if words in one.title.casefold() and (not classes or one.media_class in classes)
            ]
        )

    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        if item.identifier not in self.urls:
            raise Unresolvable("nothing there")
        return PlayMedia(*self.urls[item.identifier])


def put_up(hass: HomeAssistant, shelf: Shelf) -> Shelf:
    """Make it one of Home Assistant's media sources."""

    async def get(_: HomeAssistant) -> MediaSource:
        return shelf

    mock_platform(hass, f"{shelf.domain}.media_source", Mock(async_get_media_source=get))
    hass.config.components.add(shelf.domain)
    return shelf


def folder(
    identifier: str,
    domain: str = "shelf",
    title: str = "",
    media_class: MediaClass | str = MediaClass.DIRECTORY,
    media_type: str = "",
) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=domain,
        identifier=identifier,
        media_class=media_class,
        media_content_type=media_type,
        title=title or identifier or domain.title(),
        can_play=False,
        can_expand=True,
    )


def medium(
    identifier: str,
    domain: str = "shelf",
    *,
    title: str = "",
    media_type: str = "audio/mpeg",
    media_class: MediaClass = MediaClass.MUSIC,
    thumbnail: str | None = None,
) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=domain,
        identifier=identifier,
        media_class=media_class,
        media_content_type=media_type,
        title=title or identifier,
        can_play=True,
        can_expand=False,
        thumbnail=thumbnail,
    )
