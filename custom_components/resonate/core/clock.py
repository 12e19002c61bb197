"""What the core knows of time: somebody tells it."""

from collections.abc import Callable
from typing import Protocol

from .units import ServerTimeUs


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Make it not come; nothing happens when it has."""
        ...


class Clock(Protocol):
    """The server's clock: monotonic, never slewed or stepped."""

    def now(self) -> ServerTimeUs:
        """Return the present instant. Any thread."""
        ...

    def call_at(self, at: ServerTimeUs, callback: Callable[[], object]) -> Timer:
        """Have the running loop make the call at `at` or soon after; on its next turn when that has passed."""
        ...

    async def sleep_until(self, at: ServerTimeUs) -> None:
        """Return at `at` or soon after; at once when it has passed."""
        ...
