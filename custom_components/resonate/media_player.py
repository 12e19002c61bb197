"""A media player per client that plays, and one per named group."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.media_player import MediaPlayerState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ResonateConfigEntry
from .core.units import ClientId
from .entity import ResonateEntity, translated
from .group_player import ResonateGroupPlayer
from .per_device import async_add_per_device, async_add_per_group
from .player_entity import MAX_VOLUME, PlayerEntity

PARALLEL_UPDATES = 0

_QUIET = (MediaPlayerState.IDLE, MediaPlayerState.PAUSED)


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the players and groups that are known, and those to come."""
    coordinator = entry.runtime_data
    async_add_per_device(entry, async_add_entities, lambda device_id: [ResonateMediaPlayer(coordinator, device_id)])
    async_add_per_group(entry, async_add_entities, lambda group_id: [ResonateGroupPlayer(coordinator, group_id)])


class ResonateMediaPlayer(ResonateEntity, PlayerEntity):
    """Shows a player and the group it is in, and passes on what the user wants."""

    @property
    @override
    def target(self) -> ClientId:
        return self._view.device.client_id

    @override
    @translated
    async def async_set_volume_level(self, volume: float) -> None:
        """Set this player's volume, 0 to 1; it is shown when the player has confirmed it."""
        level = round(volume * MAX_VOLUME)
        await self.coordinator.bridge.async_ask(lambda server: server.set_volume(self.target, level))

    @override
    @translated
    async def async_mute_volume(self, mute: bool) -> None:
        """Mute this player."""
        await self.coordinator.bridge.async_ask(lambda server: server.set_muted(self.target, mute))

    @override
    @translated
    async def async_turn_off(self) -> None:
        """Leave the group and be quiet; no named group takes this player along."""
        await self.coordinator.household.async_turn_off(self._view.device.device_id)

    @override
    @translated
    async def async_turn_on(self) -> None:
        """Go on with what was played last, or with a named group that plays."""
        await self.coordinator.household.async_turn_on(self._view.device.device_id)

    @override
    @translated
    async def async_unjoin_player(self) -> None:
        """Leave the group; the others play on."""
        await self.coordinator.household.async_unjoin(self.target)

    @property
    @override
    def _member_ids(self) -> Iterable[str]:
        """All devices of its group, itself included."""
        return () if self._view.group is None else self.coordinator.devices.ids_of(self._view.group.members)

    @override
    def _update(self) -> None:
        client = self._view.client
        if client is None:
            self._show_volume(None, None, can_set=False, can_mute=False)
        else:
            self._show_volume(client.volume, client.is_muted, can_set=client.can_set_volume, can_mute=client.can_mute)
        self._show_group(self._view.group, self._view.position_at)
        if self._view.device.is_off and self._attr_state in _QUIET:
            self._attr_state = MediaPlayerState.OFF
