"""The queue of a group, as a media player shows and changes it."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, override

from homeassistant.components.media_player import (
    MediaPlayerEnqueue,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    RepeatMode,
)

from .const import ATTR_ANNOUNCING
from .coordinator import ResonateCoordinator
from .core.queue import Queue, Repeat
from .core.server.queue_controls import QueueControls
from .core.server.snapshot import GroupSnapshot, PlaybackState
from .core.units import ClientId, GroupId
from .entity import translated
from .media import MediaOrder

REPEAT_TO_MODE: Final = {Repeat.OFF: RepeatMode.OFF, Repeat.ONE: RepeatMode.ONE, Repeat.ALL: RepeatMode.ALL}
MODE_TO_REPEAT: Final = {mode: repeat for repeat, mode in REPEAT_TO_MODE.items()}


class QueuePlayer(MediaPlayerEntity):
    """Passes on what the user wants of a queue, once for a group however many of its members that reaches."""

    coordinator: ResonateCoordinator
    _shown_group: GroupSnapshot | None = None

    @property
    @abstractmethod
    def target(self) -> ClientId | GroupId:
        """Whom the core is told to play on."""

    # What is played

    @translated
    async def async_enqueue(self, order: MediaOrder, enqueue: MediaPlayerEnqueue | None) -> None:
        """Play an order, or put it into the queue; return when it is open, or in the queue."""
        if enqueue in (MediaPlayerEnqueue.ADD, MediaPlayerEnqueue.NEXT):
            is_next = enqueue is MediaPlayerEnqueue.NEXT

            async def add() -> None:  # found once too: each member might take another time for that
                requests = await self.coordinator.late_media.async_requests(order)
                await self._async_change(lambda queue: queue.add(requests, is_next=is_next))

            await self.async_once(("enqueue", order.media_id), add)
            return
        await self.coordinator.async_play(
            self.target, order, self._action, keeps_queue=enqueue is MediaPlayerEnqueue.PLAY
        )

    @translated
    async def async_announce(self, order: MediaOrder) -> None:
        """Let an order be heard in between; then all is as it was before."""
        await self.coordinator.announcer.async_announce(self._action, self.target, order)

    @override
    @translated
    async def async_media_next_track(self) -> None:
        """Play the next entry."""
        await self.async_change("next", lambda queue: queue.skip())

    @override
    @translated
    async def async_media_previous_track(self) -> None:
        """Play from the beginning, or, early in it, the entry before."""
        await self.async_change("previous", lambda queue: queue.skip_back())

    @override
    @translated
    async def async_clear_playlist(self) -> None:
        """Empty the queue and end what plays."""
        await self.async_change("clear", lambda queue: queue.clear())

    @override
    @translated
    async def async_set_shuffle(self, shuffle: bool) -> None:
        """Shuffle the queue, or put it in order again."""
        await self.async_change(("shuffle", shuffle), lambda queue: queue.set_shuffle(is_shuffled=shuffle))

    @override
    @translated
    async def async_set_repeat(self, repeat: RepeatMode) -> None:
        """Say what is repeated."""
        await self.async_change(("repeat", repeat), lambda queue: queue.set_repeat(MODE_TO_REPEAT[repeat]))

    async def async_change(self, what: Hashable, change: Callable[[QueueControls], Awaitable[None] | None]) -> None:
        """Have the queue changed on the core's loop. Raises ResonateError."""
        await self.async_once(what, lambda: self._async_change(change))

    async def _async_change(self, change: Callable[[QueueControls], Awaitable[None] | None]) -> None:
        await self.coordinator.bridge.async_ask(lambda server: _change(server.queue(self.target), change))

    async def async_once(self, what: Hashable, do: Callable[[], Awaitable[None]]) -> None:
        """Do something that an action asks of a group, once, however many of its members that reaches."""
        if self._action is None:
            await do()
        else:
            group_id = self.target if self._shown_group is None else self._shown_group.group_id
            await self.coordinator.once.async_do((self._action, group_id, what), self.entity_id, do)

    @property
    def _action(self) -> str | None:
        """The action that is being done, if one is."""
        return None if self._context is None else self._context.id

    # What is shown

    def show_queue(self, group: GroupSnapshot | None) -> None:
        """Take what the queue says, and which features it gives at present."""
        self._shown_group = group
        queue = Queue() if group is None else group.queue
        self._attr_shuffle = queue.is_shuffled
        self._attr_repeat = REPEAT_TO_MODE[queue.repeat]
        features = (
            MediaPlayerEntityFeature.MEDIA_ENQUEUE
            | MediaPlayerEntityFeature.SHUFFLE_SET
            | MediaPlayerEntityFeature.REPEAT_SET
        )
        if queue.has_next:
            features |= MediaPlayerEntityFeature.NEXT_TRACK
        if queue.has_previous or (group is not None and group.state is not PlaybackState.IDLE):
            features |= MediaPlayerEntityFeature.PREVIOUS_TRACK
        if queue.entries:
            features |= MediaPlayerEntityFeature.CLEAR_PLAYLIST
        self._attr_supported_features |= features

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Where in its queue it is, and whether what is heard is an announcement."""
        group = self._shown_group
        is_announcing = group is not None and group.interrupted is not None
        return {**place_in(Queue() if group is None else group.queue), ATTR_ANNOUNCING: is_announcing}


def place_in(queue: Queue) -> dict[str, Any]:
    """Return where in a queue a group is, counted from 1, and how long that is."""
    index = queue.current_index
    return {"queue_position": None if index is None else index + 1, "queue_size": len(queue.entries)}


async def _change(queue: QueueControls, change: Callable[[QueueControls], Awaitable[None] | None]) -> None:
    changing = change(queue)
    if changing is not None:
        await changing
