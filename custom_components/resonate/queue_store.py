"""Queues survive a restart: what is in them, where they were, and whether something was on."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .bridge import Bridge
from .const import DOMAIN
from .core.errors import ResonateError
from .core.queue import Queue, QueueEntry, Repeat
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import EntryId, GroupId, ServerTimeUs
from .gathering import Spawn
from .late_media import LateMedia
from .media import SPEECH_SOURCE, MediaOrder
from .stores import DamagedError, async_read, make_store, text_of

KEY_QUEUES: Final = f"{DOMAIN}.queues"
KEY_PLACES: Final = f"{DOMAIN}.places"
SAVE_DELAY_S: Final = 30.0
"""As much may be lost when the power goes; oftener would wear out the cards that many Home Assistants live on."""
_OPTIONAL_TEXTS: Final = ("title", "artist", "album", "artwork_url")

type Groups = Mapping[GroupId, GroupSnapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queue was."""

    current: EntryId | None = None
    position_us: int | None = None
    """None: nothing was on."""
    duration_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQueue:
    """A queue as it was: what orders are for is looked for anew."""

    orders: tuple[tuple[EntryId, MediaOrder], ...]
    repeat: Repeat
    unshuffled: tuple[EntryId, ...] | None
    seed: int
    place: Place = Place()


class QueueStore:
    """The queue of every group: read once, written while they change. Home Assistant's loop only.

    What is in them is written apart from where they are: the one is long and seldom another.
    """

    def __init__(self, hass: HomeAssistant, late_media: LateMedia, *, bridge: Bridge, spawn: Spawn) -> None:
        """Prepare; `async_load` fills it. `spawn` runs a coroutine in the background."""
        self._hass = hass
        self._late_media = late_media
        self._bridge = bridge
        self._spawn = spawn
        self._queues = make_store(hass, KEY_QUEUES, is_large=True)
        self._places = make_store(hass, KEY_PLACES, is_large=True)
        self._waiting: dict[GroupId, StoredQueue] = {}
        """Those whose group has not come yet."""
        self._returning: set[GroupId] = set()
        self._groups: Groups = {}
        self._written: object = None
        self._cancel: CALLBACK_TYPE | None = None

    async def async_load(self, known: Collection[GroupId]) -> None:
        """Read what was stored for these groups; a damaged store is set aside, and there are no queues then."""
        queues = await async_read(self._hass, self._queues, _parse_queues) or {}
        places = await async_read(self._hass, self._places, _parse_places) or {}
        self._waiting = {
            group_id: replace(queue, place=places.get(group_id, Place()))
            for group_id, queue in queues.items()
            if group_id in known
        }

    async def async_take(self, group_ids: Collection[GroupId]) -> list[tuple[GroupId, Queue, int | None]]:
        """Return the queues of groups that are there from the start, each with the position it is to be paused at."""
        taken = {group_id: self._waiting.pop(group_id) for group_id in group_ids if group_id in self._waiting}
        return [
            (group_id, await self._async_build(stored), stored.place.position_us) for group_id, stored in taken.items()
        ]

    @callback
    def async_update(self, groups: Groups) -> None:
        """Take note of how all groups stand, and give those their queue back that have come."""
        self._groups = groups
        for group_id in [it for it in self._waiting if it in groups and it not in self._returning]:
            self._returning.add(group_id)
            self._spawn(self._async_give_back(group_id), "resonate queue")
        if self._cancel is None and (_marks(groups) != self._written or _is_any_playing(groups)):
            self._cancel = async_call_later(self._hass, SAVE_DELAY_S, self._async_save_later)

    async def async_close(self) -> None:
        """Write what has not been written; what becomes of the groups from here on is no news."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
            await self._async_save()

    async def _async_save_later(self, _: datetime) -> None:
        self._cancel = None
        await self._async_save()
        self.async_update(self._groups)

    async def _async_give_back(self, group_id: GroupId) -> None:
        stored = self._waiting[group_id]
        queue = await self._async_build(stored)
        with suppress(ResonateError):  # it is gone again, or everything ends
            await self._bridge.async_call(
                lambda server: server.restore(group_id, queue, position_us=stored.place.position_us)
            )
            del self._waiting[group_id]
        self._returning.discard(group_id)

    async def _async_build(self, stored: StoredQueue) -> Queue:
        return await self._hass.async_add_executor_job(_build, self._late_media, stored)

    async def _async_save(self) -> None:
        groups, waiting = self._groups, dict(self._waiting)
        marks = _marks(groups)
        if marks != self._written:
            self._written = marks
            await self._queues.async_save(await self._hass.async_add_executor_job(_queues_to_json, groups, waiting))
        await self._places.async_save(_places_to_json(groups, waiting, self._bridge.clock.now()))


def _marks(groups: Groups) -> object:
    """Return what differs when the queues are to be written: all of it there is already, and compared in no time."""
    return {
        group_id: (group.queue.entries, group.queue.repeat, group.queue.unshuffled)
        for group_id, group in groups.items()
        if group.queue.entries
    }


def _is_any_playing(groups: Groups) -> bool:
    return any(group.state is PlaybackState.PLAYING for group in groups.values())


def _orders(queue: Queue) -> tuple[tuple[EntryId, MediaOrder], ...]:
    """Return what can be looked for again: speech cannot."""
    return tuple(
        (entry.entry_id, entry.request.origin)
        for entry in queue.entries
        if isinstance(entry.request.origin, MediaOrder) and not entry.request.media_id.startswith(SPEECH_SOURCE)
    )


def _build(late_media: LateMedia, stored: StoredQueue) -> Queue:
    place = stored.place
    entries = [QueueEntry(entry_id=key, request=late_media.request(order)) for key, order in stored.orders]
    ids = {key for key, _ in stored.orders}
    if place.duration_us is not None:  # what is paused shows it, though it is not open yet
        entries = [
            replace(entry, request=replace(entry.request, duration_us=place.duration_us))
            if entry.entry_id == place.current
            else entry
            for entry in entries
        ]
    return Queue(
        entries=tuple(entries),
        current=place.current if place.current in ids else None,
        repeat=stored.repeat,
        unshuffled=None if stored.unshuffled is None else tuple(key for key in stored.unshuffled if key in ids),
        seed=stored.seed,
        next_id=max(ids, default=0) + 1,
    )


# As JSON


def _queues_to_json(groups: Groups, waiting: Mapping[GroupId, StoredQueue]) -> dict[str, Any]:
    queues = dict(waiting)
    for group_id, group in groups.items():
        if orders := _orders(queue := group.queue):
            queues[group_id] = StoredQueue(
                orders=orders, repeat=queue.repeat, unshuffled=queue.unshuffled, seed=queue.seed
            )
    return {"queues": [{"group_id": group_id, **_queue_to_json(queue)} for group_id, queue in queues.items()]}


def _queue_to_json(queue: StoredQueue) -> dict[str, Any]:
    return {
        "entries": [{"id": entry_id, **_order_to_json(order)} for entry_id, order in queue.orders],
        "repeat": queue.repeat.value,
        "unshuffled": queue.unshuffled,
        "seed": queue.seed,
    }


def _order_to_json(order: MediaOrder) -> dict[str, Any]:
    known = {"duration_us": order.duration_us} | {key: getattr(order, key) for key in _OPTIONAL_TEXTS}
    return {
        "media_id": order.media_id,
        "media_type": order.media_type,
        "entity_id": order.entity_id,
        **{key: value for key, value in known.items() if value is not None},
    }


def _places_to_json(groups: Groups, waiting: Mapping[GroupId, StoredQueue], now: ServerTimeUs) -> dict[str, Any]:
    places = {group_id: queue.place for group_id, queue in waiting.items()}
    places |= {group_id: _place(group, now) for group_id, group in groups.items() if group.queue.entries}
    return {
        "places": [
            {
                "group_id": group_id,
                "current": place.current,
                "position_us": place.position_us,
                "duration_us": place.duration_us,
            }
            for group_id, place in places.items()
        ]
    }


def _place(group: GroupSnapshot, now: ServerTimeUs) -> Place:
    medium, current = group.medium, group.queue.current
    if medium is None or current is None or group.position_us is None or group.position_at is None:
        return Place(current=current)
    is_on = group.state is PlaybackState.PLAYING
    heard_us = max(0, now - group.position_at) if is_on else 0
    return Place(
        current=current,
        position_us=0 if medium.is_live else group.position_us + heard_us,
        duration_us=medium.duration_us,
    )


def _parse_queues(data: Any) -> dict[GroupId, StoredQueue]:
    return {GroupId(text_of(queue, "group_id")): _parse_queue(queue) for queue in data["queues"]}


def _parse_queue(data: Any) -> StoredQueue:
    orders = tuple((EntryId(_number(entry, "id")), _parse_order(entry)) for entry in data["entries"])
    unshuffled = data["unshuffled"]
    if len({entry_id for entry_id, _ in orders}) != len(orders) or data["repeat"] not in Repeat:
        raise DamagedError
    return StoredQueue(
        orders=orders,
        repeat=Repeat(data["repeat"]),
        unshuffled=None if unshuffled is None else _parse_order_of(unshuffled, (key for key, _ in orders)),
        seed=_number(data, "seed"),
    )


def _parse_order_of(ids: Any, there: Iterable[EntryId]) -> tuple[EntryId, ...]:
    """Return an order of all that is there, whatever was taken out since."""
    wanted = dict.fromkeys(EntryId(_number({"id": entry_id}, "id")) for entry_id in ids)
    present = dict.fromkeys(there)
    return (*(key for key in wanted if key in present), *(key for key in present if key not in wanted))


def _parse_order(data: Any) -> MediaOrder:
    texts = {key: text_of(data, key) for key in _OPTIONAL_TEXTS if data.get(key) is not None}
    return MediaOrder(
        media_id=text_of(data, "media_id"),
        media_type=text_of(data, "media_type"),
        entity_id=text_of(data, "entity_id"),
        duration_us=None if data.get("duration_us") is None else _number(data, "duration_us"),
        **texts,
    )


def _parse_places(data: Any) -> dict[GroupId, Place]:
    return {
        GroupId(text_of(place, "group_id")): Place(
            current=None if place["current"] is None else EntryId(_number(place, "current")),
            position_us=None if place["position_us"] is None else max(0, _number(place, "position_us")),
            duration_us=None if place["duration_us"] is None else _number(place, "duration_us"),
        )
        for place in data["places"]
    }


def _number(data: Any, key: str) -> int:
    number = data[key]
    if not isinstance(number, int) or isinstance(number, bool):
        raise DamagedError
    return number
