"""A media player per named group."""

from collections.abc import Iterable
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .coordinator import ResonateCoordinator
from .core.units import GroupId
from .entity import translated
from .named_groups import GroupView, group_device_info
from .player_entity import MAX_VOLUME, PlayerEntity


class ResonateGroupPlayer(CoordinatorEntity[ResonateCoordinator], PlayerEntity):
    """Shows a named group, and passes on what the user wants of all its members at once."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ResonateCoordinator, group_id: GroupId) -> None:
        """`group_id` is the id of its subentry."""
        super().__init__(coordinator)
        self._group_id = group_id
        self._view: GroupView = coordinator.data.groups[group_id]
        self._attr_unique_id = group_id
        self._attr_device_info = group_device_info(self._view)
        self._update()

    @property
    @override
    def available(self) -> bool:
        """Whether there is anybody to play to."""
        return self._view.is_connected

    @property
    @override
    def target(self) -> GroupId:
        return self._group_id

    @override
    @translated
    async def async_set_volume_level(self, volume: float) -> None:
        """Move the volume of all members, 0 to 1; they keep their differences."""
        level = round(volume * MAX_VOLUME)
        await self.coordinator.bridge.async_ask(lambda server: server.set_group_volume(self.target, level))

    @override
    @translated
    async def async_mute_volume(self, mute: bool) -> None:
        """Mute all members."""
        await self.coordinator.bridge.async_ask(lambda server: server.set_group_muted(self.target, mute))

    @override
    @translated
    async def async_turn_off(self) -> None:
        """Stop: a group has nothing else that could be off."""
        await self.coordinator.bridge.async_ask(lambda server: server.stop(self.target))

    @override
    @translated
    async def async_turn_on(self) -> None:
        """Play on."""
        await self.coordinator.household.async_play_on(self.target)

    @override
    @translated
    async def async_unjoin_player(self) -> None:
        """Let all go that were only joined to it."""
        await self.coordinator.household.async_dismiss_guests(self.target)

    @property
    @override
    def _member_ids(self) -> Iterable[str]:
        return self._view.member_ids

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        view = self.coordinator.data.groups.get(self._group_id)
        if view is None or view == self._view:  # removed, or the news are of others
            return
        if view.name != self._view.name and self.device_entry is not None:
            dr.async_get(self.hass).async_update_device(self.device_entry.id, name=view.name)
        self._view = view
        self._update()
        self.async_write_ha_state()

    def _update(self) -> None:
        group = self._view.group
        if group is None:
            self._show_volume(None, None, can_set=False, can_mute=False)
        else:
            self._show_volume(group.volume, group.is_muted, can_set=group.can_set_volume, can_mute=group.can_mute)
        self._show_group(group, self._view.position_at)
