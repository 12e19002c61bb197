"""What is kept of a queue: which media, in which order, and where in it one was."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from homeassistant.components.media_player import MediaType

from .core.queue import Queue, QueueEntry, Repeat
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import EntryId, GroupId, ServerTimeUs
from .late_media import LateMedia
from .media import SPEECH_SOURCE, MediaOrder
from .stores import DamagedError, text_of

_OPTIONAL_TEXTS: Final = ("title", "artist", "album", "artwork_url")

type Groups = Mapping[GroupId, GroupSnapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queue was."""

    current: EntryId | None = None
    position_us: int | None = None
    """None: nothing was on."""
    duration_us: int | None = None
    is_playing: bool = False
    """As it was stored: what was on was heard, or about to be, and not paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQueue:
    """A queue as it was: what orders are for is looked for anew."""

    orders: tuple[tuple[EntryId, MediaOrder], ...]
    repeat: Repeat
    unshuffled: tuple[EntryId, ...] | None
    seed: int
    place: Place = Place()


def orders_of(queue: Queue) -> tuple[tuple[EntryId, MediaOrder], ...]:
    """Return what can be looked for again: speech cannot, nor a file whose name is no text."""
    return tuple(
        (entry.entry_id, entry.request.origin)
        for entry in queue.entries
        if isinstance(entry.request.origin, MediaOrder)
        and not entry.request.media_id.startswith(SPEECH_SOURCE)
        and _is_text(entry.request.media_id)
    )


def _is_text(value: str) -> bool:
    """Tell texts from what Python makes of bytes that are none: no JSON can hold that."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def build_queue(late_media: LateMedia, stored: StoredQueue) -> Queue:
    """Return a queue as it was; what is in it is looked for when its turn comes."""
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


def stored_queue(group: GroupSnapshot, now: ServerTimeUs) -> StoredQueue:
    """Return what a group plays, and where it is in that at an instant."""
    queue = group.queue
    return StoredQueue(
        orders=orders_of(queue),
        repeat=queue.repeat,
        unshuffled=queue.unshuffled,
        seed=queue.seed,
        place=place_of(group, now),
    )


# As JSON


def queues_to_json(groups: Groups, waiting: Mapping[GroupId, StoredQueue]) -> dict[str, Any]:
    """Return the queues of all groups, and of those that are not there, as JSON."""
    queues = dict(waiting)
    for group_id, group in groups.items():
        if orders := orders_of(queue := group.queue):
            queues[group_id] = StoredQueue(
                orders=orders, repeat=queue.repeat, unshuffled=queue.unshuffled, seed=queue.seed
            )
    return {"queues": [{"group_id": group_id, **queue_to_json(queue)} for group_id, queue in queues.items()]}


def queue_to_json(queue: StoredQueue) -> dict[str, Any]:
    """Return what is in a queue as JSON; not where it was."""
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
        "media_type": order.media_type or MediaType.MUSIC,
        "entity_id": order.entity_id,
        # An empty text says nothing, and is none to be read.
        **{key: value for key, value in known.items() if value and (isinstance(value, int) or _is_text(value))},
    }


def places_to_json(
    groups: Groups, waiting: Mapping[GroupId, StoredQueue], now: ServerTimeUs, *, playing: Container[GroupId] = ()
) -> dict[str, Any]:
    """Return where all groups are in their queues as JSON; `playing` are those that play, or are about to play on."""
    places = {group_id: queue.place for group_id, queue in waiting.items()}
    places |= {group_id: place_of(group, now) for group_id, group in groups.items() if group.queue.entries}
    return {
        "places": [
            {
                "group_id": group_id,
                "current": place.current,
                "position_us": place.position_us,
                "duration_us": place.duration_us,
                "is_playing": group_id in playing,
            }
            for group_id, place in places.items()
        ]
    }


def place_of(group: GroupSnapshot, now: ServerTimeUs) -> Place:
    """Return where a group is in its queue at an instant."""
    medium, current = group.medium, group.queue.current
    if (interrupted := group.interrupted) is not None:
        is_there = interrupted.entry_id == current and interrupted.state is not PlaybackState.IDLE
        return Place(current=current, position_us=interrupted.position_us if is_there else None)
    if medium is None or current is None or group.position_us is None or group.position_at is None:
        return Place(current=current)
    is_on = group.state is PlaybackState.PLAYING
    heard_us = max(0, now - group.position_at) if is_on else 0
    return Place(
        current=current,
        position_us=0 if medium.is_live else group.position_us + heard_us,
        duration_us=medium.duration_us,
    )


def parse_queues(data: Any) -> dict[GroupId, StoredQueue]:
    """Return queues by their groups. Raises as `parse_queue` does."""
    return {GroupId(text_of(queue, "group_id")): parse_queue(queue) for queue in data["queues"]}


def parse_queue(data: Any) -> StoredQueue:
    """Return what is in a queue. Raises DamagedError, KeyError, TypeError for what `queue_to_json` never gave."""
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


def parse_places(data: Any) -> dict[GroupId, Place]:
    """Return places by their groups. Raises as `parse_queue` does."""
    return {
        GroupId(text_of(place, "group_id")): Place(
            current=None if place["current"] is None else EntryId(_number(place, "current")),
            position_us=None if place["position_us"] is None else max(0, _number(place, "position_us")),
            duration_us=None if place["duration_us"] is None else _number(place, "duration_us"),
            is_playing=place.get("is_playing") is True,  # not written at first
        )
        for place in data["places"]
    }


def _number(data: Any, key: str) -> int:
    number = data[key]
    if not isinstance(number, int) or isinstance(number, bool):
        raise DamagedError
    return number
