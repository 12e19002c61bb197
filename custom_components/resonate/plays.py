"""How often something began to play, and what did last: of a player, or of a named group. Counted while enabled."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, override

from homeassistant.components.sensor import RestoreSensor, SensorEntityDescription
from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from .const import SIGNAL_CORE_EVENT
from .coordinator import ResonateCoordinator
from .core.events import Event, MediumChanged, MediumState
from .core.units import GroupId
from .media import name_of
from .named_groups import group_device_info

ATTR_TITLE: Final = "title"


class Hearer(NamedTuple):
    """A player, or a named group."""

    own_id: str
    device_info: DeviceInfo
    heard: Callable[[], GroupId | None]
    """Returns which group it hears at present."""


def device_hearer(coordinator: ResonateCoordinator, device_id: str) -> Hearer:
    """Return a player by our own id; it hears nothing while it is away or used by something else."""

    def heard() -> GroupId | None:
        view = coordinator.data.devices.get(device_id)
        client = None if view is None else view.client
        return None if client is None or not client.is_available else client.group_id

    return Hearer(device_id, coordinator.device_info(coordinator.data.devices[device_id].device), heard)


def group_hearer(coordinator: ResonateCoordinator, group_id: GroupId) -> Hearer:
    """Return a named group."""
    return Hearer(group_id, group_device_info(coordinator.data.groups[group_id]), lambda: group_id)


class PlaySensor(RestoreSensor):
    """Takes note of what begins to play. Says so even while the player is away."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, description: SensorEntityDescription, hearer: Hearer) -> None:
        """`hearer` is whom it is about."""
        self.entity_description = description
        self._hearer = hearer
        self._attr_unique_id = f"{hearer.own_id}-{description.key}"
        self._attr_device_info = hearer.device_info

    @override
    async def async_added_to_hass(self) -> None:
        """Go on from what was said before, and listen."""
        await super().async_added_to_hass()
        await self._async_restore()
        self.async_on_remove(async_dispatcher_connect(self.hass, SIGNAL_CORE_EVENT, self._handle))

    @abstractmethod
    async def _async_restore(self) -> None:
        """Take what was said before a restart."""

    @abstractmethod
    def _take(self, medium: MediumChanged) -> None:
        """Take note of a medium that began."""

    @callback
    def _handle(self, event: Event) -> None:
        match event:
            case MediumChanged(state=MediumState.STARTED, is_between=False) if event.group_id == self._hearer.heard():
                self._take(event)
                self.async_write_ha_state()


class Plays(PlaySensor):
    """How many media began."""

    _count = 0

    @override
    async def _async_restore(self) -> None:
        last = await self.async_get_last_sensor_data()
        if last is not None and isinstance(last.native_value, int):
            self._count = last.native_value

    @override
    def _take(self, medium: MediumChanged) -> None:
        self._count += 1

    @property
    @override
    def native_value(self) -> int:
        return self._count


class LastPlayed(PlaySensor):
    """When a medium began last, and which."""

    @override
    async def _async_restore(self) -> None:
        last, state = await self.async_get_last_sensor_data(), await self.async_get_last_state()
        if last is not None and state is not None and isinstance(last.native_value, datetime):
            self._show(last.native_value, state.attributes.get(ATTR_TITLE))

    @override
    def _take(self, medium: MediumChanged) -> None:
        self._show(dt_util.utcnow(), medium.title or name_of(medium.media_id))

    def _show(self, at: datetime, title: str | None) -> None:
        self._attr_native_value = at
        self._attr_extra_state_attributes = {ATTR_TITLE: title}
