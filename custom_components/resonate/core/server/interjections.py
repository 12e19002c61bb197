"""What is heard in between, such as announcements, and what that interrupts."""

from collections.abc import Sequence
from dataclasses import replace

from ..media.request import MediaRequest
from ..queue import Queue
from ..units import ServerTimeUs
from .item import Item
from .snapshot import Interrupted, PlaybackState
from .standing import Standing


class Interjections:
    """Holds what is to be heard in between, one after another. Those items have no place in the queue. On the loop."""

    def __init__(self) -> None:
        """Interrupt nothing."""
        self.interrupted: Interrupted | None = None
        """None while nothing is heard in between."""
        self._waiting: list[MediaRequest] = []
        """What has not been heard yet, with that which is on its way; but for the first."""
        self._has_started = False
        """Before, what is interrupted is heard on."""

    def begin(self, standing: Standing, others: Sequence[MediaRequest]) -> None:
        """Take note of what is interrupted by the first; `others` come after that."""
        self._has_started = False
        self._waiting = list(others)
        self._note(standing, standing.position_us)

    def add(self, requests: Sequence[MediaRequest]) -> None:
        """Let more come last."""
        self._waiting += requests

    def started(self, item: Item, standing: Standing, at: ServerTimeUs) -> bool:
        """Take note that one begins to be heard at an instant, at which `standing` is still of what was before.

        Return whether that is the first: what follows could not be said before.
        """
        del self._waiting[: self._index(item) + 1]
        is_news, self._has_started = not self._has_started, True
        if is_news and standing.item is not None and standing.item.entry_id is not None:
            self._note(standing, standing.position_at(at))  # it was heard until now
        return is_news

    def following(self, item: Item, queue: Queue) -> Item | None:
        """Return what is to be heard after one of them; None: nothing, or it cannot be said yet."""
        following = self._waiting[self._index(item) + 1 :]
        if following:
            return Item(following[0])
        if self.interrupted is None or not self._has_started or not self.interrupted.is_to_play:
            return None
        return what_goes_on(self.interrupted, queue)

    def holds(self, item: Item) -> bool:
        """Whether an item was interrupted, and so has not ended."""
        return self.interrupted is not None and item.entry_id is not None and item.entry_id == self.interrupted.entry_id

    def end(self) -> Sequence[MediaRequest]:
        """Have nothing more be in between; return what was not heard: it came when the music was on its way already."""
        left, self._waiting = self._waiting, []
        self.interrupted = None
        return left

    def _index(self, item: Item) -> int:
        """Return its place among those that wait; -1: before them."""
        return next((index for index, request in enumerate(self._waiting) if request is item.request), -1)

    def _note(self, standing: Standing, position_us: int) -> None:
        item = standing.item
        if item is not None and item.is_live:
            position_us = 0
        self.interrupted = Interrupted(standing.state, None if item is None else item.entry_id, position_us)


def what_goes_on(interrupted: Interrupted, queue: Queue) -> Item | None:
    """Return what is heard or paused next, by what the queue is by now; None: nothing."""
    entry = queue.current_entry
    if entry is None or interrupted.state == PlaybackState.IDLE:
        return None
    if entry.entry_id != interrupted.entry_id:  # taken out meanwhile
        return Item(entry.request, entry.entry_id)
    item = Item(replace(entry.request, start_us=interrupted.position_us), entry.entry_id)
    item.was_heard = True  # it was told that it started, once
    return item
