"""What a group does, with which medium, and where in that it is heard."""

from ..clock import Clock
from ..units import ServerTimeUs
from .item import Item
from .snapshot import AUDIBLE_STATES, PlaybackState


class Standing:
    """Plain data and a clock; nobody is told anything here. On the loop."""

    def __init__(self, clock: Clock) -> None:
        """Do nothing."""
        self.state = PlaybackState.IDLE
        self.item: Item | None = None
        """What is heard, or will be next; what is paused."""
        self.noted_position_us = 0
        """What of the item was heard at `noted_at`, and goes on from there while the state is PLAYING."""
        self.noted_at = clock.now()
        """When that was; behind a silence, when it will be."""
        self._clock = clock

    @property
    def is_playing(self) -> bool:
        """Whether something is heard, or about to be."""
        return self.state in AUDIBLE_STATES

    @property
    def is_idle(self) -> bool:
        """Whether nothing is heard or paused, nor about to be heard."""
        return self.state == PlaybackState.IDLE

    @property
    def is_paused(self) -> bool:
        """Whether it would go on where it was."""
        return self.state == PlaybackState.PAUSED

    @property
    def position_us(self) -> int:
        """What of the item is heard now, or will be heard next."""
        return self.position_at(self._clock.now())

    @property
    def told_position_us(self) -> int:
        """The position that counts from now on: before a silence ends it is as much too early as that has to last."""
        if self.state != PlaybackState.PLAYING:
            return self.noted_position_us
        return self.position_us - max(0, self.noted_at - self._clock.now())

    def position_at(self, at: ServerTimeUs) -> int:
        """Return what of the item is heard at an instant if it goes on as now."""
        if self.state != PlaybackState.PLAYING:
            return self.noted_position_us
        return self.noted_position_us + max(0, at - self.noted_at)

    def move_to(self, item: Item, position_us: int, at: ServerTimeUs | None = None) -> None:
        """Take note of what is heard at an instant, None: now."""
        self.item = item
        self.noted_position_us = position_us
        self.noted_at = self._clock.now() if at is None else at

    def hold(self) -> None:
        """Stay at what is heard now."""
        self.noted_position_us, self.noted_at = self.position_us, self._clock.now()
