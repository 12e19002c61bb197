"""Files in Home Assistant's local media folders: their ids, and the playlists that its own source may leave out."""

from collections.abc import Iterable, Iterator
import mimetypes
from pathlib import Path
from typing import Final

from homeassistant.components.media_player import MediaClass
from homeassistant.components.media_source import BrowseMediaSource
from homeassistant.core import HomeAssistant
from homeassistant.util import raise_if_invalid_path

from .media_kinds import PLAYLIST_SUFFIX_TO_TYPE

LOCAL_DOMAIN: Final = "media_source"
LOCAL_SOURCE: Final = f"media-source://{LOCAL_DOMAIN}"


def is_local_id(media_id: str) -> bool:
    """Tell whether an id is one of the local source, which holds folders and files."""
    return media_id == LOCAL_SOURCE or media_id.startswith(f"{LOCAL_SOURCE}/")


def path_of(hass: HomeAssistant, media_id: str) -> Path | None:
    """Return the file or folder behind an id of the local source; None when there can be none."""
    folder_id, _, location = media_id.removeprefix(f"{LOCAL_SOURCE}/").partition("/")
    if not is_local_id(media_id) or folder_id not in hass.config.media_dirs:
        return None
    try:
        raise_if_invalid_path(location)
    except ValueError:
        return None
    return Path(hass.config.media_dirs[folder_id], location)


def media_id_of(hass: HomeAssistant, path: Path) -> str | None:
    """Return the id of a file as the local source would give it; None when it has none, or could not play it."""
    if mimetypes.guess_type(path.name)[0] is None:
        return None
    for folder_id, folder in hass.config.media_dirs.items():
        if path.is_relative_to(folder):
            return f"{LOCAL_SOURCE}/{folder_id}/{path.relative_to(folder)}"
    return None


def is_allowed(hass: HomeAssistant, path: Path) -> bool:
    """Tell whether a file, wherever its links lead, lies where Home Assistant may read. Blocking."""
    if hass.config.is_allowed_path(str(path)):
        return True
    resolved = path.resolve()
    return any(resolved.is_relative_to(Path(folder).resolve()) for folder in hass.config.media_dirs.values())


def list_playlists(hass: HomeAssistant, media_id: str) -> list[BrowseMediaSource]:
    """Return the playlists in one folder. Blocking."""
    folder = path_of(hass, media_id)
    return [] if folder is None else sorted(_items(hass, _children(folder)), key=_title_of)


def find_playlists(hass: HomeAssistant, media_id: str, query: str, limit: int) -> list[BrowseMediaSource]:
    """Return up to `limit` playlists whose names hold `query`, in a folder or in all of them. Blocking."""
    folders = [Path(folder) for folder in hass.config.media_dirs.values()]
    if media_id != LOCAL_SOURCE:
        folder = path_of(hass, media_id)
        folders = [] if folder is None else [folder]
    words = query.casefold()
    found: list[BrowseMediaSource] = []
    for item in _items(hass, (path for folder in folders for path in _descendants(folder))):
        if words in item.title.casefold():
            found.append(item)
            if len(found) == limit:
                break
    return sorted(found, key=_title_of)


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _descendants(folder: Path) -> Iterator[Path]:
    for path, folder_names, names in folder.walk():  # does not follow links, so it does not go round
        folder_names[:] = [name for name in folder_names if not name.startswith(".")]
        yield from (path / name for name in names)


def _items(hass: HomeAssistant, paths: Iterable[Path]) -> Iterator[BrowseMediaSource]:
    for path in paths:
        media_type = PLAYLIST_SUFFIX_TO_TYPE.get(path.suffix.lower())
        if media_type is None or path.name.startswith(".") or not path.is_file():
            continue
        for folder_id, folder in hass.config.media_dirs.items():
            if path.is_relative_to(folder):
                yield BrowseMediaSource(
                    domain=LOCAL_DOMAIN,
                    identifier=f"{folder_id}/{path.relative_to(folder)}",
                    media_class=MediaClass.PLAYLIST,
                    media_content_type=media_type,
                    title=path.name,
                    can_play=True,
                    can_expand=False,
                )
                break


def _title_of(item: BrowseMediaSource) -> str:
    return item.title
