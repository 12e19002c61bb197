"""The media browser: everything that can be heard, and whole folders of it."""

from copy import copy

from homeassistant.components import media_source
from homeassistant.components.media_player import BrowseError, BrowseMedia
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .local_media import is_local_id, list_playlists
from .media_kinds import is_audible, is_audible_folder, is_folder_type


async def async_browse(hass: HomeAssistant, media_id: str | None) -> BrowseMedia:
    """Return what is in a folder, or the media sources. Raises BrowseError."""
    try:
        folder = await media_source.async_browse_media(hass, media_id, content_filter=is_audible)
    except HomeAssistantError as error:
        raise BrowseError(
            translation_domain=DOMAIN,
            translation_key="browse_failed",
            translation_placeholders={"media_id": media_id or "media-source://", "reason": str(error)},
        ) from error
    children = [playable(child) for child in folder.children or ()]
    if is_local_id(folder.media_content_id):
        known = {child.media_content_id for child in children}
        playlists = await hass.async_add_executor_job(list_playlists, hass, folder.media_content_id)
        children += (item for item in playlists if item.media_content_id not in known)
    shown = (
        playable(folder) if any(is_audible_folder(child) or is_audible(child) for child in children) else copy(folder)
    )
    shown.children = children
    return shown


def playable(item: BrowseMedia) -> BrowseMedia:
    """Return an item that can be played as a whole, if it is worth it; the item itself may belong to its source."""
    if item.can_play or not is_audible_folder(item):
        return item
    item = copy(item)
    item.can_play = True
    if not item.media_content_type or not is_folder_type(item.media_content_type):
        item.media_content_type = str(item.media_class)  # tells what it is to whoever plays it
    return item
