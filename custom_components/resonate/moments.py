"""When a moment of what plays is heard, worked out from what a media player's state says. Looks at no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from homeassistant.components.media_player import MediaPlayerState
from homeassistant.components.media_player.const import MediaPlayerEntityStateAttribute as Attribute
from homeassistant.core import State

from .const import ATTR_ANNOUNCING

ROUNDING_S: Final = 1.0
"""Positions in states are whole seconds: by less than this nobody has leapt or gone back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a state says of what plays."""

    media_id: str
    position_s: float
    valid_at: datetime
    """When that was the position; it goes on from there."""
    duration_s: float | None

    def position_at(self, now: datetime) -> float:
        """Return where it is at `now`."""
        return self.position_s + (now - self.valid_at).total_seconds()

    def heard_at(self, position_s: float) -> datetime:
        """Return when a position is heard, or was."""
        return self.valid_at + timedelta(seconds=position_s - self.position_s)


def is_announcing(state: State | None) -> bool:
    """Tell whether what a state shows is heard in between."""
    return state is not None and state.attributes.get(ATTR_ANNOUNCING) is True


def read_progress(state: State | None) -> Progress | None:
    """Return what goes on in a state; None while nothing does."""
    if state is None or state.state != MediaPlayerState.PLAYING:
        return None
    attributes = state.attributes
    position, valid_at = attributes.get(Attribute.MEDIA_POSITION), attributes.get(Attribute.MEDIA_POSITION_UPDATED_AT)
    if not isinstance(position, int | float) or not isinstance(valid_at, datetime):
        return None
    duration = attributes.get(Attribute.MEDIA_DURATION)
    return Progress(
        media_id=str(attributes.get(Attribute.MEDIA_CONTENT_ID)),
        position_s=position,
        valid_at=valid_at,
        duration_s=duration if isinstance(duration, int | float) else None,
    )


class Moment:
    """A position counted from the start or the end of whatever plays: when it is due, and that it was met.

    It is met again after going back, or in another medium; what was leapt over is not met.
    """

    def __init__(self, offset_s: float, *, is_from_end: bool) -> None:
        """`offset_s` is from the start, or before the end; longer than the medium: the medium's start."""
        self._offset_s = offset_s
        self._is_from_end = is_from_end
        self._media_id: str | None = None
        self._is_past = False

    def due_at(self, progress: Progress | None, now: datetime, *, is_first: bool = False) -> datetime | None:
        """Return when the moment is to be told, `now` or before: at once; None: not as things stand.

        `is_first`: nobody was watching before, so what was heard by now is not told.
        """
        if progress is None or (position_s := self._position_s(progress)) is None:
            return None
        is_rewound = progress.position_at(now) < position_s - ROUNDING_S
        is_awaited = progress.media_id == self._media_id
        if not is_awaited or is_rewound:
            self._media_id, self._is_past = progress.media_id, False
        due_at = progress.heard_at(position_s)
        is_leapt_over = progress.position_s - position_s > (ROUNDING_S if is_awaited else 0)
        if is_leapt_over or (is_first and due_at <= now):
            self._is_past = True
        return None if self._is_past else due_at

    def met(self) -> None:
        """Take note that it was told."""
        self._is_past = True

    def _position_s(self, progress: Progress) -> float | None:
        if not self._is_from_end:
            is_beyond = progress.duration_s is not None and self._offset_s > progress.duration_s
            return None if is_beyond else self._offset_s
        return None if progress.duration_s is None else max(0.0, progress.duration_s - self._offset_s)
