"""A media player per client that plays."""

from collections.abc import Sequence
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
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .browse import async_browse
from .const import DOMAIN
from .coordinator import ResonateConfigEntry
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import US_PER_S, ClientId
from .entity import ResonateEntity, translated
from .media import MediaOrder, name_of
from .queue_player import QueuePlayer
from .search import async_search

PARALLEL_UPDATES = 0

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
)


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the players that are known, and those to come."""
    coordinator = entry.runtime_data
    added: set[str] = set()

    @callback
    def add_new() -> None:
        players = {device_id for device_id, view in coordinator.data.devices.items() if view.device.is_player}
        new = players - added
        added.intersection_update(players)  # a forgotten one may come back
        added.update(new)
        if new:
            async_add_entities(ResonateMediaPlayer(coordinator, device_id) for device_id in new)

    entry.async_on_unload(coordinator.async_add_listener(add_new))
    add_new()


class ResonateMediaPlayer(ResonateEntity, QueuePlayer):
    """Shows a player and the group it is in, and passes on what the user wants."""

    _attr_name = None
    _attr_device_class = MediaPlayerDeviceClass.SPEAKER

    @override
    async def async_play_media(
        self, media_type: MediaType | str, media_id: str, enqueue: MediaPlayerEnqueue | None = None, **kwargs: Any
    ) -> None:
        """Play in place of what plays, or later; return when the medium is open, or in the queue."""
        order = MediaOrder.from_call(media_type, media_id, self.entity_id, kwargs.get("extra") or {})
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
        await self.coordinator.bridge.async_ask(lambda server: server.resume(self._client_id))

    @override
    @translated
    async def async_media_pause(self) -> None:
        """Pause the whole group."""
        await self.coordinator.bridge.async_ask(lambda server: server.pause(self._client_id))

    @override
    @translated
    async def async_media_stop(self) -> None:
        """Stop the whole group."""
        await self.coordinator.bridge.async_ask(lambda server: server.stop(self._client_id))

    @override
    @translated
    async def async_media_seek(self, position: float) -> None:
        """Go elsewhere in the medium, in seconds."""
        position_us = round(position * US_PER_S)
        await self.coordinator.bridge.async_ask(lambda server: server.seek(self._client_id, position_us))

    @override
    @translated
    async def async_set_volume_level(self, volume: float) -> None:
        """Set this player's volume, 0 to 1; it is shown when the player has confirmed it."""
        level = round(volume * MAX_VOLUME)
        await self.coordinator.bridge.async_ask(lambda server: server.set_volume(self._client_id, level))

    @override
    @translated
    async def async_mute_volume(self, mute: bool) -> None:
        """Mute this player."""
        await self.coordinator.bridge.async_ask(lambda server: server.set_muted(self._client_id, mute))

    @override
    async def async_join_players(self, group_members: list[str]) -> None:
        """Let others hear what this player's group plays, now and later."""
        others = [self._client_of(entity_id) for entity_id in group_members]
        await self._async_join(others)

    @translated
    async def _async_join(self, others: Sequence[ClientId]) -> None:
        await self.coordinator.async_join(self._client_id, others)

    @override
    @translated
    async def async_unjoin_player(self) -> None:
        """Leave the group; the others play on."""
        await self.coordinator.async_unjoin(self._client_id)

    @property
    @override
    def group_members(self) -> list[str]:
        """The players of its group, itself included."""
        members = () if self._view.group is None else self._view.group.members
        devices = {view.device.client_id: device_id for device_id, view in self.coordinator.data.devices.items()}
        registry = er.async_get(self.coordinator.hass)
        found = (
            registry.async_get_entity_id(MEDIA_PLAYER_DOMAIN, DOMAIN, devices[client_id])
            for client_id in members
            if client_id in devices
        )
        return [entity_id for entity_id in found if entity_id is not None]

    def _client_of(self, entity_id: str) -> ClientId:
        """Return the client behind one of our players. Raises ServiceValidationError for anything else."""
        entry = er.async_get(self.hass).async_get(entity_id)
        view = None if entry is None else self.coordinator.data.devices.get(entry.unique_id)
        if entry is None or entry.platform != DOMAIN or entry.domain != MEDIA_PLAYER_DOMAIN or view is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="not_our_player",
                translation_placeholders={"entity": entity_id},
            )
        return view.device.client_id

    @property
    @override
    def target(self) -> ClientId:
        """The client itself: it stands for the group that it is in."""
        return self._client_id

    @property
    @override
    def shown_group(self) -> GroupSnapshot | None:
        """The group that it is in."""
        return self._view.group

    @property
    def _client_id(self) -> ClientId:
        return self._view.device.client_id

    @override
    def _update(self) -> None:
        self._update_player()
        self._update_group()

    def _update_player(self) -> None:
        client = self._view.client
        volume = None if client is None else client.volume
        self._attr_volume_level = None if volume is None else volume / MAX_VOLUME
        self._attr_is_volume_muted = None if client is None else client.is_muted
        features = ALWAYS
        if client is not None and client.can_set_volume:
            features |= MediaPlayerEntityFeature.VOLUME_SET | MediaPlayerEntityFeature.VOLUME_STEP
        if client is not None and client.can_mute:
            features |= MediaPlayerEntityFeature.VOLUME_MUTE
        self._attr_supported_features = features

    def _update_group(self) -> None:
        group = self._view.group
        medium = None if group is None else group.medium
        self._attr_state = MediaPlayerState.IDLE if group is None else PLAYBACK_TO_STATE[group.state]
        self._attr_media_content_id = None if medium is None else medium.media_id
        self._attr_media_content_type = None if medium is None else MediaType.MUSIC
        self._attr_media_title = None if medium is None else medium.title or name_of(medium.media_id)
        self._attr_media_artist = None if medium is None else medium.artist
        self._attr_media_album_name = None if medium is None else medium.album
        self._attr_media_duration = _seconds(None if medium is None else medium.duration_us)
        self._attr_media_position = _seconds(None if group is None else group.position_us)
        self._attr_media_position_updated_at = self._view.position_at
        if medium is not None and medium.is_seekable:
            self._attr_supported_features |= MediaPlayerEntityFeature.SEEK
        self.show_queue(group)


def _seconds(length_us: int | None) -> int | None:
    return None if length_us is None else round(length_us / US_PER_S)
