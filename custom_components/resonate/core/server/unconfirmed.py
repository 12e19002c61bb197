"""What a player was told and has not said yet that it does."""

from collections.abc import Callable
from typing import Final

from ..clock import Clock
from ..units import US_PER_S, ServerTimeUs
from .clock import Alarm

UNCONFIRMED_US: Final = 2 * US_PER_S
"""How long a command counts as obeyed without the player's word."""


class Unconfirmed[T]:
    """One value that a player was told, until it reports that very value or is given up. On the loop.

    Other reports do not end it: they may answer a command before.
    """

    def __init__(self, clock: Clock, given_up: Callable[[], object]) -> None:
        """Hold none. `given_up` is called when too much time has passed."""
        self._clock = clock
        self._given_up = given_up
        self._value: T | None = None
        self._alarm = Alarm(clock, self._give_up)

    @property
    def value(self) -> T | None:
        """What was told last, if that is still open; None otherwise."""
        return self._value

    def told(self, value: T) -> None:
        """Take note of a command that was sent."""
        self._value = value
        self._alarm.stop()
        self._alarm.set(ServerTimeUs(self._clock.now() + UNCONFIRMED_US))

    def reported(self, value: T | None) -> None:
        """Take note of what the player says."""
        if value == self._value:
            self.drop()

    def drop(self) -> None:
        """Hold none any more."""
        self._value = None
        self._alarm.stop()

    def _give_up(self) -> None:
        self._value = None
        self._given_up()
