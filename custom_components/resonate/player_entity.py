"""What every media player of ours can do, be it one player or a named group of them."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.media_player import (
    DOMAIN as MEDIA_PLAYER_DOMAIN,
    BrowseMedia,
    MediaPlayerDeviceClass,
    MediaPlayerEnqueue,
    MediaPlayerEntityFeature,
    MediaPlayerState,
    MediaType,
    SearchMedia,
    SearchMediaQuery,
)
from homeassistant.helpers import entity_registry as er

from .artwork import async_fetch_picture
from .browse import async_browse
from .const import DOMAIN
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import US_PER_S, ClientId, GroupId
from .entity import translated
from .group_actions import GroupActions
from .media import MediaOrder, name_of
from .search import async_search

MAX_VOLUME: Final = 100
PLAYBACK_TO_STATE: Final = {
    PlaybackState.IDLE: MediaPlayerState.IDLE,
    PlaybackState.BUFFERING: MediaPlayerState.BUFFERING,
    PlaybackState.PLAYING: MediaPlayerState.PLAYING,
    PlaybackState.PAUSED: MediaPlayerState.PAUSED,
}
ALWAYS: Final = (
    MediaPlayerEntityFeature.PLAY_MEDIA
    | MediaPlayerEntityFeature.BROWSE_MEDIA
    | MediaPlayerEntityFeature.SEARCH_MEDIA
    | MediaPlayerEntityFeature.PLAY
    | MediaPlayerEntityFeature.PAUSE
    | MediaPlayerEntityFeature.STOP
    | MediaPlayerEntityFeature.GROUPING
    | MediaPlayerEntityFeature.MEDIA_ANNOUNCE
    | MediaPlayerEntityFeature.TURN_ON
    | MediaPlayerEntityFeature.TURN_OFF
)


class PlayerEntity(GroupActions):
    """Passes on what the user wants of a group of the core, and shows what that group plays."""

    _attr_name = None
    _attr_device_class = MediaPlayerDeviceClass.SPEAKER

    @property
    @abstractmethod
    def _member_ids(self) -> Iterable[str]:
        """Our own ids of the devices that hear what this plays."""

    @override
    async def async_play_media(
        self,
        media_type: MediaType | str,
        media_id: str,
        enqueue: MediaPlayerEnqueue | None = None,
        announce: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Play in place of what plays, in between, or later; return when the medium is open, or in the queue."""
        order = MediaOrder.from_call(media_type, media_id, self.entity_id, kwargs.get("extra") or {})
        if announce:
            await self.async_announce(order)
        else:
            await self.async_enqueue(order, enqueue)

    @override
    async def async_browse_media(
        self, media_content_type: MediaType | str | None = None, media_content_id: str | None = None
    ) -> BrowseMedia:
        """Browse everything that is heard."""
        return await async_browse(self.hass, media_content_id)

    @override
    async def async_search_media(self, query: SearchMediaQuery) -> SearchMedia:
        """Search everything that is heard."""
        return await async_search(self.hass, query)

    @override
    @translated
    async def async_media_play(self) -> None:
        """Go on where it was paused."""
        await self.coordinator.bridge.async_ask(lambda server: server.resume(self.target))

    @override
    @translated
    async def async_media_pause(self) -> None:
        """Pause the whole group."""
        await self.coordinator.bridge.async_ask(lambda server: server.pause(self.target))

    @override
    @translated
    async def async_media_stop(self) -> None:
        """Stop the whole group."""
        await self.coordinator.bridge.async_ask(lambda server: server.stop(self.target))

    @override
    @translated
    async def async_media_seek(self, position: float) -> None:
        """Go elsewhere in the medium, in seconds."""
        position_us = round(position * US_PER_S)
        await self.coordinator.bridge.async_ask(lambda server: server.seek(self.target, position_us))

    @override
    async def async_get_media_image(self) -> tuple[bytes | None, str | None]:
        """Return the picture of what is played."""
        return await async_fetch_picture(self.coordinator.bridge, self.target)

    @override
    async def async_join_players(self, group_members: list[str]) -> None:
        """Let others hear what this plays, now and later; of a named group, all that are known."""
        others = [client_id for entity_id in group_members for client_id in self._clients_of(entity_id)]
        await self._async_join(list(dict.fromkeys(others)))

    @translated
    async def _async_join(self, others: Sequence[ClientId]) -> None:
        await self.coordinator.household.async_join(self.target, others)

    @property
    @override
    def group_members(self) -> list[str]:
        """The players that hear what this plays; never a named group."""
        registry = er.async_get(self.coordinator.hass)
        found = (registry.async_get_entity_id(MEDIA_PLAYER_DOMAIN, DOMAIN, device_id) for device_id in self._member_ids)
        return [entity_id for entity_id in found if entity_id is not None]

    def _clients_of(self, entity_id: str) -> Sequence[ClientId]:
        """Return the clients behind one of our entities. Raises ServiceValidationError for anything else."""
        target = self._target_of(entity_id)
        data = self.coordinator.data
        if (group := data.groups.get(GroupId(target))) is None:
            return [ClientId(target)]
        views = (data.devices.get(device_id) for device_id in group.member_ids)
        return [view.client.client_id for view in views if view is not None and view.client is not None]

    def _show_volume(self, volume: int | None, is_muted: bool | None, *, can_set: bool, can_mute: bool) -> None:
        """Take volume and mute, and with them the features that there are at present. `volume` is 0-100."""
        self._attr_volume_level = None if volume is None else volume / MAX_VOLUME
        self._attr_is_volume_muted = is_muted
        features = ALWAYS
        if can_set:
            features |= MediaPlayerEntityFeature.VOLUME_SET | MediaPlayerEntityFeature.VOLUME_STEP
        if can_mute:
            features |= MediaPlayerEntityFeature.VOLUME_MUTE
        self._attr_supported_features = features

    def _show_group(self, group: GroupSnapshot | None, position_at: datetime | None) -> None:
        """Take what plays; after `_show_volume`. `position_at` is when its position was valid."""
        medium = None if group is None else group.medium
        self._attr_state = MediaPlayerState.IDLE if group is None else PLAYBACK_TO_STATE[group.state]
        self._attr_media_content_id = None if medium is None else medium.media_id
        self._attr_media_content_type = None if medium is None else MediaType.MUSIC
        self._attr_media_title = None if medium is None else medium.title or name_of(medium.media_id)
        self._attr_media_artist = None if medium is None else medium.artist
        self._attr_media_album_artist = None if medium is None else medium.album_artist
        self._attr_media_track = None if medium is None else medium.track
        self._attr_media_image_hash = None if medium is None else medium.artwork_digest
        self._attr_media_album_name = None if medium is None else medium.album
        self._attr_media_duration = _seconds(None if medium is None else medium.duration_us)
        self._attr_media_position = _seconds(None if group is None else group.position_us)
        self._attr_media_position_updated_at = position_at
        if medium is not None and medium.is_seekable:
            self._attr_supported_features |= MediaPlayerEntityFeature.SEEK
        self.show_queue(group)


def _seconds(length_us: int | None) -> int | None:
    return None if length_us is None else round(length_us / US_PER_S)
