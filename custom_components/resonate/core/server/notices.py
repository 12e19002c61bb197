"""Tells whoever listens what happens, and shows them a new picture when something in it has changed."""

import asyncio
from collections.abc import Callable
import logging

from ..events import Event
from .snapshot import ServerSnapshot

_LOGGER = logging.getLogger(__name__)

type Listener = Callable[[Event | ServerSnapshot], None]


class Notices:
    """Calls listeners on the loop: events at once, pictures at most one a turn of the loop."""

    def __init__(self, paint: Callable[[], ServerSnapshot]) -> None:
        """`paint` makes a picture of how everything stands."""
        self._paint = paint
        self._picture: ServerSnapshot | None = None
        self._listeners: list[Listener] = []
        self._handle: asyncio.Handle | None = None

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

    def emit(self, event: Event) -> None:
        """Tell of something that happened."""
        self._tell(event)

    def changed(self) -> None:
        """Have a new picture made on the next turn of the loop."""
        self._picture = None
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._show)

    def close(self) -> None:
        """Show the last picture, if one is due, and call nobody any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._show()
        self._listeners.clear()

    def _show(self) -> None:
        self._handle = None
        self._tell(self.picture)

    def _tell(self, what: Event | ServerSnapshot) -> None:
        for listener in list(self._listeners):
            try:
                listener(what)
            except Exception:
                _LOGGER.exception("A listener failed")
