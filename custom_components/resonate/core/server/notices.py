"""Tells whoever listens what happens, and shows them a new picture when something in it has changed."""

from collections.abc import Callable
import logging
from typing import Final

from ..clock import Clock
from ..events import Event
from ..units import US_PER_MS, ServerTimeUs
from .clock import Alarm
from .snapshot import ServerSnapshot

_LOGGER = logging.getLogger(__name__)

SHOW_EVERY_US: Final = 50 * US_PER_MS
"""How far apart pictures are that can wait: one of a hundred clients takes a millisecond to make."""

type Listener = Callable[[Event | ServerSnapshot], None]


class Notices:
    """Calls listeners on the loop: events at once, pictures at most one a turn, and never two equal ones."""

    def __init__(self, paint: Callable[[], ServerSnapshot], clock: Clock) -> None:
        """`paint` makes a picture of how everything stands."""
        self._clock = clock
        self._paint = paint
        self._picture: ServerSnapshot | None = None
        self._shown: ServerSnapshot | None = None
        """The picture that listeners were told last."""
        self._listeners: list[Listener] = []
        self._is_due = False
        self._behind: list[Event] = []
        """What is told behind the next picture."""
        self._next_at = ServerTimeUs(0)
        self._alarm = Alarm(clock, self._show)

    @property
    def picture(self) -> ServerSnapshot:
        """How everything stands; the same object until something changes."""
        if self._picture is None:
            self._picture = self._paint()
        return self._picture

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have it called from now on; the call that is returned ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def emit(self, event: Event, *, behind_picture: bool = False) -> None:
        """Tell of something that happened; `behind_picture`: once the picture that shows it has been told."""
        if behind_picture:
            self._behind.append(event)
            return
        if self._behind:  # they came before
            self._show()
        self._tell(event)

    def changed(self, *, can_wait: bool = False) -> None:
        """Have a new picture made on the next turn of the loop, and shown if it is another.

        `can_wait`: not so soon after the last one; for what clients can bring about as often as they like.
        """
        self._picture = None
        self._is_due = True
        now = self._clock.now()
        self._alarm.set(max(now, self._next_at) if can_wait else now)

    def close(self) -> None:
        """Show the last picture, if one is due, and call nobody any more."""
        self._alarm.stop()
        if self._is_due:
            self._show()
        self._listeners.clear()

    def _show(self) -> None:
        self._is_due = False
        self._next_at = ServerTimeUs(self._clock.now() + SHOW_EVERY_US)
        if self.picture != self._shown:
            self._shown = self.picture
            self._tell(self.picture)
        behind, self._behind = self._behind, []
        for event in behind:
            self._tell(event)

    def _tell(self, what: Event | ServerSnapshot) -> None:
        for listener in list(self._listeners):
            try:
                listener(what)
            except Exception:
                _LOGGER.exception("A listener failed")
