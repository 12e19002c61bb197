"""Something that is to be done at an instant, unless something else is asked for before."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..clock import Clock, Timer
from ..errors import ResonateError
from ..units import ServerTimeUs


class Appointment:
    """Holds one at most. On the loop."""

    def __init__(self, clock: Clock) -> None:
        """Hold none."""
        self._clock = clock
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None

    def make(self, at: ServerTimeUs, act: Callable[[], Awaitable[None]]) -> None:
        """Have `act` awaited at an instant, in the place of whatever was to be; what it refuses by then is no error."""
        self.cancel()
        self._timer = self._clock.call_at(at, lambda: self._begin(act))

    def cancel(self) -> None:
        """Have nothing be done any more; what has begun goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, act: Callable[[], Awaitable[None]]) -> None:
        self._timer = None
        # Begun right here: what is asked for a turn later is asked for later.
        self._task = asyncio.Task(self._keep(act), loop=asyncio.get_running_loop(), eager_start=True)

    @staticmethod
    async def _keep(act: Callable[[], Awaitable[None]]) -> None:
        with suppress(ResonateError):
            await act()
