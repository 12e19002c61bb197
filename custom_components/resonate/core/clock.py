"""What the core knows of time: somebody tells it."""

from typing import Protocol

from .units import ServerTimeUs


class Clock(Protocol):
    """The server's clock: monotonic, never slewed or stepped."""

    def now(self) -> ServerTimeUs:
        """Return the present instant."""
        ...

    async def sleep_until(self, at: ServerTimeUs) -> None:
        """Return at `at` or soon after; at once when it has passed."""
        ...
