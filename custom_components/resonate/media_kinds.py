"""What kinds of media there are, as Home Assistant's media sources tell: by type, class and name."""

from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from homeassistant.components.media_player import BrowseMedia, MediaClass, MediaType

HLS_TYPE: Final = "application/vnd.apple.mpegurl"
PLAYLIST_SUFFIX_TO_TYPE: Final = {
    ".m3u": "audio/x-mpegurl",
    ".m3u8": "audio/x-mpegurl",
    ".pls": "audio/x-scpls",
    ".xspf": "application/xspf+xml",
}
PLAYLIST_MIME_TYPES: Final = frozenset(
    {
        *PLAYLIST_SUFFIX_TO_TYPE.values(),
        HLS_TYPE,
        "application/mpegurl",
        "application/pls+xml",
        "application/x-mpegurl",
        "audio/mpegurl",
        "audio/scpls",
    }
)
FOLDER_CLASSES: Final = frozenset(
    {
        MediaClass.ALBUM,
        MediaClass.ARTIST,
        MediaClass.COMPOSER,
        MediaClass.CONTRIBUTING_ARTIST,
        MediaClass.DIRECTORY,
        MediaClass.GENRE,
        MediaClass.PLAYLIST,
        MediaClass.PODCAST,
    }
)
"""What is worth hearing from its beginning to its end."""
_FOLDER_TYPES: Final = frozenset({"", *(str(media_class) for media_class in FOLDER_CLASSES)})  # "": local folders
_SILENT_CLASSES: Final = frozenset({MediaClass.IMAGE, MediaClass.VIDEO, MediaClass.MOVIE, MediaClass.TV_SHOW})
_AUDIBLE_TYPES: Final = frozenset(
    {"application/ogg", MediaType.EPISODE, MediaType.MUSIC, MediaType.PODCAST, MediaType.TRACK}
)


def suffix_of(media_id: str) -> str:
    """Return the suffix of the file that an id or an address names, in small letters; empty when there is none."""
    try:
        return PurePosixPath(unquote(urlsplit(media_id).path)).suffix.lower()
    except ValueError:
        return ""


def is_playlist(media_id: str, media_type: str) -> bool:
    """Tell whether it must be a file that lists media; with HLS among them, which is one medium."""
    return media_type.lower() in PLAYLIST_MIME_TYPES or suffix_of(media_id) in PLAYLIST_SUFFIX_TO_TYPE


def is_folder_type(media_type: str) -> bool:
    """Tell whether a type names what other media lie in."""
    return media_type in _FOLDER_TYPES


def is_audible(item: BrowseMedia) -> bool:
    """Tell whether something can be heard, as far as its source says."""
    media_type = item.media_content_type or ""
    return (
        media_type.startswith("audio/")
        or (media_type in _AUDIBLE_TYPES and item.media_class not in _SILENT_CLASSES)
        or is_playlist(item.media_content_id, media_type)
    )


def is_audible_folder(item: BrowseMedia) -> bool:
    """Tell whether it is worth looking for audio in it."""
    return item.can_expand and item.media_class in FOLDER_CLASSES and item.children_media_class not in _SILENT_CLASSES
