"""Searches all media sources that can be searched: what voice assistants ask for "play X in the kitchen"."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
import logging
from pathlib import PurePosixPath
from typing import Final

from homeassistant.components import media_source
from homeassistant.components.media_player import BrowseMedia, MediaClass, SearchError, SearchMedia, SearchMediaQuery
from homeassistant.core import HomeAssistant

from .browse import playable
from .const import DOMAIN
from .local_media import find_playlists, is_local_id
from .media_kinds import FOLDER_CLASSES, is_audible

_LOGGER = logging.getLogger(__name__)

ROOT: Final = "media-source://"
MAX_RESULTS: Final = 100
SOURCE_TIMEOUT_S: Final = 8.0
_SONGS: Final = frozenset({MediaClass.MUSIC, MediaClass.TRACK})
"""What is a track to some is music to others."""


async def async_search(hass: HomeAssistant, query: SearchMediaQuery) -> SearchMedia:
    """Return what can be played, what fits best first; the order of the sources decides where it fits alike.

    One source that fails or does not answer in time is left out. Raises SearchError when there is no source to ask.
    """
    query = replace(query, search_query=query.search_query.strip())
    media_id = query.media_content_id or ROOT
    media_ids = [media_id] if media_id != ROOT else await _async_sources(hass)
    answers = await asyncio.gather(
        *(_async_search_one(hass, one, _widened(one, query)) for one in media_ids), return_exceptions=True
    )
    items: list[BrowseMedia] = []
    failures: list[BaseException] = []
    for one, answer in zip(media_ids, answers, strict=True):
        if isinstance(answer, BaseException):
            _LOGGER.debug("Not searched: %s: %r", one, answer)
            failures.append(answer)
        else:
            items += answer
    if len(failures) == len(media_ids):
        raise SearchError(
            translation_domain=DOMAIN,
            translation_key="search_failed",
            translation_placeholders={"media_id": media_id, "reason": _reason(failures)},
        )
    wanted = [item for item in map(playable, items) if _is_wanted(item, query)]
    words = query.search_query.casefold()
    return SearchMedia(result=sorted(wanted, key=lambda item: _rank(item, words))[:MAX_RESULTS])


async def _async_sources(hass: HomeAssistant) -> list[str]:
    root = await media_source.async_browse_media(hass, ROOT)
    return [child.media_content_id for child in root.children or ()]


def _widened(media_id: str, query: SearchMediaQuery) -> SearchMediaQuery:
    """Return what to ask a source for, so that it does not leave out what we want."""
    classes = set(query.media_filter_classes or ())
    if is_local_id(media_id) and classes & FOLDER_CLASSES:
        classes = set()  # there an album is a folder, and left out when classes are asked for
    elif classes & _SONGS:
        classes |= _SONGS
    return replace(query, media_content_id=media_id, media_filter_classes=sorted(classes))


async def _async_search_one(hass: HomeAssistant, media_id: str, query: SearchMediaQuery) -> list[BrowseMedia]:
    async with asyncio.timeout(SOURCE_TIMEOUT_S):
        found = await media_source.async_search_media(hass, media_id, query)
        if not is_local_id(media_id):
            return list(found.result)
        playlists = await hass.async_add_executor_job(find_playlists, hass, media_id, query.search_query, MAX_RESULTS)
    known = {item.media_content_id for item in found.result}
    return [*found.result, *(item for item in playlists if item.media_content_id not in known)]


def _is_wanted(item: BrowseMedia, query: SearchMediaQuery) -> bool:
    if not item.can_play or not (item.can_expand or is_audible(item)):
        return False
    return _fits(item, query.media_filter_classes or ())


def _fits(item: BrowseMedia, classes: Sequence[MediaClass]) -> bool:
    if not classes or item.media_class in classes:
        return True
    if item.media_class == MediaClass.DIRECTORY:  # an album or an artist to whoever keeps files in folders
        return not FOLDER_CLASSES.isdisjoint(classes)
    return item.media_class in _SONGS and not _SONGS.isdisjoint(classes)


def _rank(item: BrowseMedia, words: str) -> tuple[int, bool]:
    """Return a key: the title itself, then what begins with the words, then what holds them; media before folders."""
    title = item.title.casefold()
    names = {title, PurePosixPath(title).stem}
    if words in names:
        fit = 0
    elif title.startswith(words):
        fit = 1
    else:
        fit = 2 if words in title else 3
    return fit, item.can_expand


def _reason(failures: Sequence[BaseException]) -> str:
    return next((str(failure) or type(failure).__name__ for failure in failures), "")
