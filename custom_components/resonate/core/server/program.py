"""What a group plays one after another, and where in that it is."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from ..errors import CommandRefusedError, MediaError, QueueError, Refusal
from ..queue import Queue
from ..units import EntryId
from .item import Item

MOST_FAILURES: Final = 100
"""How many media that cannot be played are passed over one after another: it is the network then, not the media."""


class Program:
    """Holds a group's queue and says what follows. On the loop."""

    def __init__(self) -> None:
        """Begin with an empty queue."""
        self.queue = Queue()
        """As it is heard."""
        self._coming: Queue | None = None
        """What takes its place once its medium is open."""
        self._failure_count = 0
        """How many media in a row gave nothing to be heard."""
        self._heard: EntryId | None = None
        """The entry that was heard last."""

    @property
    def latest(self) -> Queue:
        """The queue that whatever is wished next goes by."""
        return self.queue if self._coming is None else self._coming

    @property
    def is_awaiting(self) -> bool:
        """Whether another queue is to take its place."""
        return self._coming is not None

    @property
    def patience(self) -> int:
        """How many media may be tried one after another."""
        return min(len(self.latest.entries), MOST_FAILURES)

    def edit(self, change: Callable[[Queue], Queue]) -> None:
        """Change the queue, the one that is coming first of all. Raises QueueError, and nothing is changed then."""
        changed = change(self.latest)
        if self._coming is None:
            self.queue = changed
            return
        self._coming = changed
        with suppress(QueueError):  # it need not hold the same; but if the other never comes, nothing is lost
            self.queue = change(self.queue)

    def wait_for(self, coming: Queue) -> None:
        """Let another queue take its place, once `arrive` is called."""
        self._coming = coming

    def arrive(self) -> None:
        """Let the queue that is coming be the one that is heard."""
        self.queue, self._coming = self.latest, None
        self._failure_count = 0

    def give_up(self) -> None:
        """Have nothing take the place of the queue that is heard."""
        self._coming = None

    def clear(self) -> None:
        """Drop every entry."""
        self.queue, self._coming = self.queue.cleared(), None

    async def open(
        self,
        open_item: Callable[[Item], Awaitable[None]],
        *,
        is_wanted: Callable[[], bool],
        most_tries: int | None = None,
        backwards: bool = False,
    ) -> Item:
        """Return what the queue that is coming is at, open; what cannot be opened is passed over, while `is_wanted`.

        `open_item` raises MediaError; so does this when nothing can be opened, of `most_tries` at most.
        """
        first_error: MediaError | None = None
        for _ in range(self.patience if most_tries is None else min(most_tries, self.patience)):
            entry = self.latest.current_entry
            if entry is None:  # taken out meanwhile
                break
            item = Item(entry.request, entry.entry_id)
            try:
                await open_item(item)
            except MediaError as err:
                first_error = first_error or err
                following = self.latest.back() if backwards else self.latest.skip()
                if following is None or not is_wanted():
                    break
                self._coming = following
            else:
                return item
        raise first_error or CommandRefusedError(Refusal.NOTHING_TO_PLAY)

    @property
    def following_heard(self) -> Queue | None:
        """The queue at what comes behind the entry that was heard last: there already, if that was taken out of it."""
        return self.latest.skip() if self.latest.current == self._heard else self.latest

    # What a playing asks and tells

    def following(self, item: Item) -> Item | None:
        """Return what is to be heard after an item; None: nothing."""
        queue = self.queue
        if item.main.has_given:
            self._failure_count = 0
        if item.entry_id is None or self._failure_count >= self.patience:
            return None
        if item.entry_id in queue:
            entry = queue.after(item.entry_id)
        else:  # taken out while it was on its way
            rest = queue.step()
            entry = None if rest is None else rest.current_entry
        return None if entry is None else Item(entry.request, entry.entry_id)

    def failed(self, item: Item) -> None:
        """Take note that an item could not be played, or not to its end."""
        if not item.main.has_given:
            self._failure_count += 1

    def started(self, item: Item) -> bool:
        """Take note of what is heard; return whether it still has a place in the queue."""
        if item.entry_id is None:
            return True
        if item.entry_id not in self.queue:
            return False
        self._heard = item.entry_id
        self.queue = self.queue.moved_to(item.entry_id)
        return True

    def ended(self) -> None:
        """Take note that all was heard: it begins at its beginning when it is played again."""
        self.queue = self.queue.rewound()
