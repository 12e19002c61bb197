"""What actions do to the queue of a player, beyond what every media player can."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from homeassistant.exceptions import ServiceValidationError

from .const import DOMAIN
from .core.media.m3u import write_m3u
from .core.media.playlist_entry import PlaylistEntry
from .core.queue import Queue, QueueEntry
from .core.server.queue_controls import QueueControls
from .core.server.snapshot import GroupSnapshot
from .core.units import US_PER_S, EntryId
from .entity import translated
from .media import MediaOrder, name_of
from .queue_player import REPEAT_TO_MODE, QueuePlayer, place_in
from .queue_records import Place, StoredQueue, build_queue, stored_queue


class QueueActions(QueuePlayer):
    """Shows and changes entries by their ids, and keeps queues under names."""

    async def async_get_queue(self, offset: int = 0, limit: int | None = None) -> dict[str, Any]:
        """Return what is in the queue, in the order in which it is played."""
        queue = Queue() if self._shown_group is None else self._shown_group.queue
        entries = queue.entries[offset : None if limit is None else offset + limit]
        return {
            **place_in(queue),
            "repeat": REPEAT_TO_MODE[queue.repeat],
            "shuffle": queue.is_shuffled,
            # Ten thousand take longer than Home Assistant's loop may be held up.
            "items": await self.hass.async_add_executor_job(_items, entries, offset + 1),
        }

    async def async_export_queue(self) -> dict[str, Any]:
        """Return the queue as an M3U playlist, which a file can hold and be played from."""
        entries = () if self._shown_group is None else self._shown_group.queue.entries
        playlist = await self.hass.async_add_executor_job(lambda: write_m3u(_entry(entry) for entry in entries))
        return {"playlist": playlist}

    @translated
    async def async_play_queue_item(self, queue_id: int) -> None:
        """Play an entry."""
        await self.async_change(("jump", queue_id), lambda queue: queue.jump(EntryId(queue_id)))

    @translated
    async def async_remove_from_queue(self, queue_ids: Sequence[int]) -> None:
        """Take entries out; what is heard may be among them."""
        entry_ids = [EntryId(queue_id) for queue_id in queue_ids]
        await self.async_change(("remove", *queue_ids), lambda queue: queue.remove(entry_ids))

    @translated
    async def async_move_queue_item(self, queue_ids: Sequence[int], destination_position: int) -> None:
        """Put entries one behind the other into a place, counted from 1."""

        def move(queue: QueueControls) -> None:
            queue.move([EntryId(queue_id) for queue_id in queue_ids], destination_position - 1)

        await self.async_change(("move", *queue_ids), move)

    async def async_save_queue(self, name: str) -> None:
        """Keep what is in the queue under a name."""
        group = self._shown_group
        if group is None or not (stored := await self._async_stored(group)).orders:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="refused_nothing_to_play")
        await self.coordinator.presets.async_save(name.strip(), replace(stored, place=Place()))

    @translated
    async def async_load_queue(self, name: str) -> None:
        """Play what is kept under a name, from its beginning, in place of the queue."""
        queue = await self._async_build(self._preset(name))
        await self.async_reinstate(replace(queue, current=queue.entries[0].entry_id), None, is_playing=True)

    async def async_remove_saved_queue(self, name: str) -> None:
        """Keep what is kept under a name no longer."""
        self._preset(name)
        await self.coordinator.presets.async_remove(name.strip())

    async def _async_stored(self, group: GroupSnapshot) -> StoredQueue:
        return await self.hass.async_add_executor_job(stored_queue, group, self.coordinator.bridge.clock.now())

    async def _async_build(self, stored: StoredQueue) -> Queue:
        return await self.hass.async_add_executor_job(build_queue, self.coordinator.late_media, stored)

    async def async_reinstate(self, queue: Queue, position_us: int | None, *, is_playing: bool) -> None:
        """Have a queue take the place of this one. Raises ResonateError."""

        async def do() -> None:
            await self.coordinator.bridge.async_ask(
                lambda server: server.reinstate(self.target, queue, position_us=position_us, is_playing=is_playing)
            )

        await self.async_once("reinstate", do)

    def _preset(self, name: str) -> StoredQueue:
        presets: Mapping[str, StoredQueue] = self.coordinator.presets.presets
        if (stored := presets.get(name.strip())) is not None:
            return stored
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_saved_queue",
            translation_placeholders={"name": name, "names": ", ".join(sorted(presets)) or "-"},
        )


def _items(entries: Sequence[QueueEntry], first_position: int) -> list[dict[str, Any]]:
    return [_item(entry, position) for position, entry in enumerate(entries, start=first_position)]


def _entry(entry: QueueEntry) -> PlaylistEntry:
    request = entry.request
    artwork_url = request.origin.artwork_url if isinstance(request.origin, MediaOrder) else None
    return PlaylistEntry(
        location=request.media_id,
        title=request.title or name_of(request.media_id),
        artist=request.artist,
        album=request.album,
        duration_us=request.duration_us,
        artwork_url=artwork_url,
    )


def _item(entry: QueueEntry, position: int) -> dict[str, Any]:
    request = entry.request
    media_type = request.origin.media_type if isinstance(request.origin, MediaOrder) else None
    return {
        "queue_id": entry.entry_id,
        "position": position,
        "media_content_id": request.media_id,
        "media_content_type": media_type,
        "title": request.title or name_of(request.media_id),
        "artist": request.artist,
        "album": request.album,
        "duration": None if request.duration_us is None else round(request.duration_us / US_PER_S),
    }
