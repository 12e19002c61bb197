"""What can be done to a group's queue."""

from collections.abc import Callable, Collection, Sequence
from secrets import randbits
from typing import Final, Protocol

from ..errors import CommandRefusedError, Refusal, ResonateError
from ..media.request import MediaRequest
from ..queue import Queue, Repeat
from ..units import US_PER_S, EntryId
from .item import Item
from .program import Program
from .snapshot import Interrupted

BACK_TO_START_US: Final = 3 * US_PER_S
"""From here on the way back leads to the beginning of what is heard first."""


class Performer(Protocol):
    """What plays a queue."""

    @property
    def item(self) -> Item | None:
        """What is heard, or will be next, or is paused."""
        ...

    @property
    def position_us(self) -> int:
        """What of it is heard now."""
        ...

    @property
    def interrupted(self) -> Interrupted | None:
        """What goes on behind what is heard in between; None while nothing is."""
        ...

    @property
    def is_playing(self) -> bool:
        """Whether something is heard, or about to be."""
        ...

    async def play_from(self, queue: Queue, *, backwards: bool = False) -> None:
        """Play what a queue is at, or what comes next, or before, if that cannot be. Raises MediaError."""
        ...

    async def seek(self, position_us: int) -> None:
        """Go on elsewhere in what is heard. Raises CommandRefusedError."""
        ...

    async def stop(self) -> None:
        """End what plays."""
        ...

    def follow_anew(self) -> None:
        """Take note that something else may follow what is heard."""
        ...


class QueueControls:
    """Changes the queue of one group. On the loop."""

    def __init__(self, program: Program, performer: Performer) -> None:
        """`program` is what it changes, `performer` what plays it."""
        self._program = program
        self._performer = performer

    async def skip(self) -> None:
        """Play the next entry. Raises CommandRefusedError when there is none."""
        queue = self._program.latest.skip()
        if queue is None:
            raise CommandRefusedError(Refusal.NO_NEXT)
        await self._performer.play_from(queue)

    async def skip_back(self) -> None:
        """Play what is heard from its beginning, or, early in it, the entry before. Raises CommandRefusedError."""
        item, queue = self._performer.item, self._program.latest.back()
        interrupted = self._performer.interrupted
        has_place = item is not None if interrupted is None else interrupted.entry_id is not None
        position_us = self._performer.position_us if interrupted is None else interrupted.position_us
        if has_place and (queue is None or position_us > BACK_TO_START_US):
            is_heard = self._performer.is_playing and interrupted is None
            if is_heard and item is not None and item.info is not None and item.info.is_seekable:
                await self._performer.seek(0)
                return
            queue = self._program.latest
        if queue is None or queue.current is None:
            raise CommandRefusedError(Refusal.NO_PREVIOUS)
        await self._performer.play_from(queue, backwards=True)

    async def jump(self, entry_id: EntryId) -> None:
        """Play an entry. Raises UnknownEntryError."""
        await self._performer.play_from(self._program.latest.at(entry_id))

    def add(self, requests: Sequence[MediaRequest], *, is_next: bool = False) -> None:
        """Let media come last, or next. Nothing begins to play by that. Raises QueueError."""
        self._edit(lambda queue: queue.add_next(requests) if is_next else queue.add(requests))

    def move(self, entry_ids: Sequence[EntryId], index: int) -> None:
        """Put entries into another place, one behind the other. Raises UnknownEntryError."""
        self._edit(lambda queue: queue.move(entry_ids, index))

    async def remove(self, entry_ids: Collection[EntryId]) -> None:
        """Take entries out; is what is heard among them, the next one is played. Raises UnknownEntryError."""
        item = self._performer.item
        is_heard = item is not None and item.entry_id in entry_ids
        self._edit(lambda queue: queue.remove(entry_ids))
        if not is_heard:
            return
        if self._performer.is_playing and self._program.latest.current is not None:
            try:
                await self._performer.play_from(self._program.latest)
            except ResonateError:
                await self._performer.stop()
                raise
        else:
            await self._performer.stop()

    async def clear(self) -> None:
        """Empty the queue, and end what plays."""
        self._program.clear()
        await self._performer.stop()

    def set_repeat(self, repeat: Repeat) -> None:
        """Say what is repeated."""
        self._edit(lambda queue: queue.repeated(repeat))

    def set_shuffle(self, *, is_shuffled: bool, seed: int | None = None) -> None:
        """Shuffle what is to come, or put it back in order. `seed` makes the order known in advance."""
        seed = randbits(32) if seed is None else seed
        self._edit(lambda queue: queue.shuffled(seed) if is_shuffled else queue.in_order())

    async def go_on(self) -> None:
        """Leave what is heard: it has been taken out."""
        queue = self._program.following_heard
        if queue is None or queue.current is None:
            await self._performer.stop()
        else:
            await self._performer.play_from(queue)

    def _edit(self, change: Callable[[Queue], Queue]) -> None:
        self._program.edit(change)
        self._performer.follow_anew()
