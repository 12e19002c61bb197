"""What becomes of queues: one event for all that is done to one within a second, however many entries that is."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN, EVENT_QUEUE_CHANGED, SIGNAL_QUEUE_RESTORED
from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .core.queue import Queue
from .core.units import GroupId
from .queue_player import place_in

SETTLE_S: Final = 1.0
"""How long more may be done to a queue before it is told: who loads an album song by song is told of once."""


class QueueChangeReason(StrEnum):
    """What was done to a queue, the first that is true. Going on to the next entry is none of that."""

    REPLACED = "replaced"
    """Something came, and something went."""
    ADDED = "added"
    CLEARED = "cleared"
    REMOVED = "removed"
    SHUFFLED = "shuffled"
    """Or put in order again."""
    MOVED = "moved"
    REPEAT = "repeat"
    """Something else is repeated."""


def reason_of(before: Queue, after: Queue) -> QueueChangeReason | None:
    """Return what was done to a queue; None for nothing."""
    came, went = _count_other(after, before), _count_other(before, after)
    if came:
        return QueueChangeReason.REPLACED if went else QueueChangeReason.ADDED
    if went:
        return QueueChangeReason.REMOVED if after.entries else QueueChangeReason.CLEARED
    if before.is_shuffled != after.is_shuffled or before.seed != after.seed:
        return QueueChangeReason.SHUFFLED
    if before.entries != after.entries:
        return QueueChangeReason.MOVED
    return None if before.repeat is after.repeat else QueueChangeReason.REPEAT


def _count_other(queue: Queue, other: Queue) -> int:
    """Return how many entries of a queue are not in the other: an entry stays the same object while it is in one."""
    if queue.entries is other.entries:
        return 0
    there = {entry.entry_id: entry for entry in other.entries}
    return sum(there.get(entry.entry_id) is not entry for entry in queue.entries)


@callback
def async_watch_queues(hass: HomeAssistant, entry: ResonateConfigEntry, coordinator: ResonateCoordinator) -> None:
    """Tell Home Assistant of every change while the entry is loaded."""
    watch = _Watch(hass, coordinator)
    entry.async_on_unload(watch.close)
    entry.async_on_unload(coordinator.async_add_listener(watch.update))
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_QUEUE_RESTORED, watch.know))


class _Watch:
    """Compares queues with what they were when they were told last."""

    def __init__(self, hass: HomeAssistant, coordinator: ResonateCoordinator) -> None:
        self._hass = hass
        self._coordinator = coordinator
        self._known: dict[GroupId, Queue] = {}
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def know(self, group_id: GroupId, queue: Queue) -> None:
        """Take a queue for one that was there before, which it was before a restart."""
        self._known[group_id] = queue

    @callback
    def update(self) -> None:
        """Look whether any has changed."""
        queues = self._queues()
        self._known = {group_id: self._known.get(group_id, queue) for group_id, queue in queues.items()}
        if self._cancel is None and any(reason_of(self._known[it], queue) for it, queue in queues.items()):
            self._cancel = async_call_later(self._hass, SETTLE_S, self._tell)

    @callback
    def close(self) -> None:
        """Tell nothing any more."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    @callback
    def _tell(self, _: datetime) -> None:
        self._cancel = None
        before, self._known = self._known, self._queues()
        for group_id, queue in self._known.items():
            if (reason := reason_of(before.get(group_id, queue), queue)) is not None:
                data = {ATTR_ENTITY_ID: self._players(group_id), "reason": reason, **place_in(queue)}
                self._hass.bus.async_fire(EVENT_QUEUE_CHANGED, data)

    def _queues(self) -> dict[GroupId, Queue]:
        data = self._coordinator.data
        groups = [view.group for views in (data.devices, data.groups) for view in views.values()]
        return {group.group_id: group.queue for group in groups if group is not None}

    def _players(self, group_id: GroupId) -> list[str]:
        """Return the media players whose queue it is: those in the group, and a named group itself."""
        data, registry = self._coordinator.data, er.async_get(self._hass)
        views = data.devices.items()
        own_ids = [own_id for own_id, view in views if view.group is not None and view.group.group_id == group_id]
        if group_id in data.groups:
            own_ids.append(group_id)
        found = (registry.async_get_entity_id(MEDIA_PLAYER_DOMAIN, DOMAIN, own_id) for own_id in own_ids)
        return sorted(entity_id for entity_id in found if entity_id is not None)
