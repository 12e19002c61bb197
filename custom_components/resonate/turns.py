"""Many small calls, some in each turn of the loop: a hundred players have fifteen hundred entities."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from typing import Final

CALLS_A_TURN: Final = 100
"""Each may write a state, which takes Home Assistant some 30 µs."""


class Turns:
    """Makes calls in their order, the first ones at once. On one loop."""

    def __init__(self, loop: AbstractEventLoop, call: Callable[[int], None], done: Callable[[], None]) -> None:
        """`call` is called with each key, `done` once no more are left, if some had to wait."""
        self._loop = loop
        self._call = call
        self._done = done
        self._due: list[int] = []
        self._is_busy = False

    @property
    def is_busy(self) -> bool:
        """Whether some calls have still to be made."""
        return self._is_busy

    def begin(self, keys: Iterable[int]) -> None:
        """Have all of these called from now on, those first that wait already."""
        waiting = set(self._due)
        self._due += [key for key in keys if key not in waiting]
        if not self._is_busy:
            self._is_busy = True
            self._make_some()
            if not self._is_busy:
                return
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._make_some()
        if self._is_busy:
            self._loop.call_soon(self._go_on)
        else:
            self._done()

    def _make_some(self) -> None:
        now, self._due = self._due[:CALLS_A_TURN], self._due[CALLS_A_TURN:]
        for key in now:
            self._call(key)
        self._is_busy = bool(self._due)
