"""What is heard in between, such as announcements, and what that interrupts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..errors import QueueFullError
from ..media.request import MediaRequest
from ..queue import Queue
from ..units import EntryId, ServerTimeUs
from .item import Item
from .snapshot import Interrupted, PlaybackState
from .standing import Standing

MOST_WAITING: Final = 100


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
        self.is_endless = False
        """What was begun with is live: whatever comes next takes its place."""
        self._after_wish = 0

    def begin(self, first: Item, others: Sequence[MediaRequest], standing: Standing, *, after_wish: int) -> None:
        """Take note of what is interrupted, if nothing is yet; `others` come after the first.

        `after_wish` is the number of the latest wish before: what it is for may still be on its way.
        """
        self.is_endless = first.is_live
        self._waiting = list(others)
        if self.interrupted is None:
            self._has_started = False
            self._after_wish = after_wish
            self._note(standing, standing.position_us)

    def add(self, requests: Sequence[MediaRequest]) -> None:
        """Let more come last. Raises QueueFullError."""
        if len(self._waiting) + len(requests) > MOST_WAITING:
            raise QueueFullError(f"more than {MOST_WAITING} announcements would wait")
        self._waiting += requests

    def covers(self, wish: int) -> bool:
        """Whether something is in between that came later than a wish, by its number."""
        return self.interrupted is not None and wish <= self._after_wish

    def interrupt(self, entry_id: EntryId | None, position_us: int, *, was_heard: bool) -> None:
        """Let something else be what goes on behind; `was_heard`: that it started was told."""
        self.interrupted = Interrupted(PlaybackState.PLAYING, entry_id, position_us, was_heard)
        self._has_started = True  # whatever is heard until then is no more what goes on

    def catch_up(self, standing: Standing, at: ServerTimeUs) -> None:
        """Take note of how far what is interrupted is heard, if it still is, at an instant."""
        if not self._has_started and standing.item is not None and standing.item.entry_id is not None:
            self._note(standing, standing.position_at(at))

    def started(self, item: Item, standing: Standing, at: ServerTimeUs) -> bool:
        """Take note that one begins to be heard at an instant, at which `standing` is still of what was before.

        Return whether that is the first: what follows could not be said before.
        """
        del self._waiting[: self._index(item) + 1]
        self.catch_up(standing, at)
        is_news, self._has_started = not self._has_started, True
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
        if item is None:
            self.interrupted = Interrupted(standing.state, None, 0)
        else:
            position_us = 0 if item.is_live else position_us
            self.interrupted = Interrupted(standing.state, item.entry_id, position_us, item.was_heard)


def what_goes_on(interrupted: Interrupted, queue: Queue) -> Item | None:
    """Return what is heard or paused next, by what the queue is by now; None: nothing."""
    entry = queue.current_entry
    if entry is None or interrupted.state == PlaybackState.IDLE:
        return None
    if entry.entry_id != interrupted.entry_id:  # taken out meanwhile
        return Item(entry.request, entry.entry_id)
    item = Item(replace(entry.request, start_us=interrupted.position_us), entry.entry_id)
    item.was_heard = interrupted.was_heard
    return item
