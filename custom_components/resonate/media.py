"""Home Assistant's media ids as requests the core can play."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from homeassistant.components import media_source, tts
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.network import is_hass_url
from yarl import URL

from .artwork import find_artwork_url, locate_artwork
from .byte_streams import SPEECH_TIMEOUT_S, StreamOpener
from .const import DOMAIN
from .core.media.request import PATIENCE_US, MediaLocation, MediaRequest
from .core.units import US_PER_S

TTS_PATH: Final = "/api/tts_proxy/"
HOST_PATHS: Final = ("/api/", "/local/", "/media/")
"""Paths of Home Assistant's own web server; every other one is a file."""
SPEECH_PATIENCE_US: Final = round(SPEECH_TIMEOUT_S * US_PER_S) + PATIENCE_US
"""Longer than its engine may be silent, which it may be before every sentence."""
MAX_DURATION_S: Final = 10**9
RADIO_SOURCE: Final = "media-source://radio_browser/"
SPEECH_SOURCE: Final = "media-source://tts/"
PLAYLIST_TYPES: Final = frozenset({"application/vnd.apple.mpegurl", "application/x-mpegurl", "application/dash+xml"})
PLAYLIST_SUFFIXES: Final = frozenset({".m3u8", ".mpd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOrder:
    """What play_media was called with."""

    media_id: str
    media_type: str
    entity_id: str
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_us: int | None = None
    artwork_url: str | None = None
    """An address, or a path of Home Assistant's web server."""

    @classmethod
    def from_call(cls, media_type: str, media_id: str, entity_id: str, extra: Mapping[str, Any]) -> Self:
        """Take what is known of the medium from `extra["metadata"]`, as the media browser and many scripts send it."""
        metadata = extra.get("metadata")
        known: Mapping[str, Any] = metadata if isinstance(metadata, Mapping) else {}

        def text(*keys: str) -> str | None:
            return next((value for key in keys if isinstance(value := known.get(key), str) and value), None)

        return cls(
            media_id=media_id,
            media_type=media_type,
            entity_id=entity_id,
            title=text("title"),
            artist=text("artist"),
            album=text("album", "albumName", "album_name"),
            duration_us=_duration_us(known.get("duration")),
            artwork_url=find_artwork_url(extra),
        )


def _duration_us(seconds: object) -> int | None:
    return round(seconds * US_PER_S) if isinstance(seconds, int | float) and 0 < seconds < MAX_DURATION_S else None


async def async_make_request(hass: HomeAssistant, opener: StreamOpener, order: MediaOrder) -> MediaRequest:
    """Return what the core is to play.

    Raises ServiceValidationError for ids that cannot be right, HomeAssistantError for those that lead nowhere.
    """
    mime_type = order.media_type if "/" in order.media_type else None
    if media_source.is_media_source_id(order.media_id):
        resolved = await async_resolve(hass, order)
        mime_type = resolved.mime_type or mime_type
        location = resolved.path or _locate_url(hass, opener, resolved.url, mime_type)
    else:
        location = await _async_locate(hass, opener, order.media_id, mime_type)
    return MediaRequest(
        location=location,
        media_id=order.media_id,
        title=order.title,
        artist=order.artist,
        album=order.album,
        mime_type=mime_type,
        artwork=locate_artwork(hass, opener, order.artwork_url),
        is_live=order.media_id.startswith(RADIO_SOURCE),
        patience_us=SPEECH_PATIENCE_US if _is_speech(opener, location) else PATIENCE_US,
    )


async def async_resolve(hass: HomeAssistant, order: MediaOrder) -> media_source.PlayMedia:
    """Return what a media source has for an id of its own. Raises HomeAssistantError."""
    try:
        return await media_source.async_resolve_media(hass, order.media_id, order.entity_id)
    except HomeAssistantError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="media_not_found",
            translation_placeholders={"media_id": order.media_id, "reason": str(error)},
        ) from error


def _is_speech(opener: StreamOpener, location: MediaLocation) -> bool:
    return isinstance(location, partial) and location.func == opener.open_speech


def name_of(media_id: str) -> str | None:
    """Return what to call a medium that says no title itself: the name of its file. None when that says nothing."""
    if media_id.startswith("media-source://") and not media_id.startswith("media-source://media_source/"):
        return None
    try:
        name = PurePosixPath(unquote(urlsplit(media_id).path))
    except ValueError:
        return None
    return name.stem or None


async def _async_locate(
    hass: HomeAssistant, opener: StreamOpener, media_id: str, mime_type: str | None
) -> MediaLocation:
    return await async_find_file(hass, media_id) or _locate_url(hass, opener, media_id, mime_type)


async def async_find_file(hass: HomeAssistant, media_id: str) -> Path | None:
    """Return the file that an id is a path of; None when it is none. Raises ServiceValidationError if not allowed."""
    if media_id.startswith("file://"):
        return await _async_allowed_file(hass, path_of_file_url(media_id))
    if media_id.startswith("/") and not await hass.async_add_executor_job(_is_of_host, media_id):
        return await _async_allowed_file(hass, media_id)
    return None


def path_of_file_url(url: str) -> str:
    """Return the path in a file:// address. Raises ServiceValidationError."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        raise _unknown(url) from None


def _is_of_host(path: str) -> bool:
    """Tell a path of the web server from one of a file, as there may be in /media. Blocking."""
    return path.startswith(HOST_PATHS) and not Path(path).is_file()


async def _async_allowed_file(hass: HomeAssistant, path: str) -> Path:
    if not await hass.async_add_executor_job(hass.config.is_allowed_path, path):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="path_not_allowed", translation_placeholders={"path": path}
        )
    return Path(path)


def _locate_url(hass: HomeAssistant, opener: StreamOpener, url: str, mime_type: str | None) -> MediaLocation:
    parsed = parse_url(url)
    is_ours = url.startswith("/") or is_hass_url(hass, url)
    if is_ours and (speech := _find_speech(hass, parsed.path)) is not None:
        return partial(opener.open_speech, speech.async_stream_result)
    url = async_process_play_media_url(hass, url)
    if mime_type in PLAYLIST_TYPES or PurePosixPath(parsed.path).suffix.lower() in PLAYLIST_SUFFIXES:
        return url  # FFmpeg fetches the parts by itself, as only it knows which
    return partial(opener.open_url, url)


def parse_url(url: str) -> URL:
    """Return an address that can be fetched, or a path of our web server. Raises ServiceValidationError."""
    try:
        parsed = URL(url)
    except ValueError:
        raise _unknown(url) from None
    is_web = parsed.host and parsed.scheme in ("http", "https")
    if not is_web and not url.startswith("/"):
        raise _unknown(url)
    return parsed


def _unknown(media_id: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="media_id_unknown", translation_placeholders={"media_id": media_id}
    )


def _find_speech(hass: HomeAssistant, path: str) -> tts.ResultStream | None:
    """Return the speech behind a path of ours, so that it needs no way through the web server."""
    if not path.startswith(TTS_PATH) or tts.DOMAIN not in hass.config.components:
        return None
    return tts.async_get_stream(hass, path.removeprefix(TTS_PATH))
