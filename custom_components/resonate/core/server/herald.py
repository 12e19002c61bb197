"""What a group tells the outside of its playing."""

from collections.abc import Callable
import logging

from ..clock import Clock
from ..errors import MediaError
from ..events import (
    Event,
    LoadChanged,
    MediumChanged,
    MediumState,
    MetadataChanged,
    PlaybackBroke,
    PlaybackEnded,
    Underrun,
)
from ..step import TrackStarved
from ..units import ClientId, GroupId, ServerTimeUs
from .item import Item
from .load import Load

_LOGGER = logging.getLogger(__name__)


class Herald:
    """Puts what happens to a group into events. On the loop."""

    def __init__(self, group_id: GroupId, name: str, *, clock: Clock, emit: Callable[[Event], None]) -> None:
        """`emit` is called with each event; `name` is for the log."""
        self.name = name
        self._group_id = group_id
        self._clock = clock
        self._emit = emit

    def medium(self, item: Item, state: MediumState, at: ServerTimeUs) -> None:
        """Tell what became of a medium."""
        medium = item.snapshot()
        self._emit(
            MediumChanged(
                group_id=self._group_id,
                media_id=medium.media_id,
                state=state,
                at=at,
                is_between=item.entry_id is None,
                title=medium.title,
            )
        )

    def failed(self, item: Item, error: MediaError) -> None:
        """Tell that a medium cannot be played, or not on."""
        self._emit(
            MediumChanged(
                group_id=self._group_id,
                media_id=item.request.media_id,
                state=MediumState.FAILED,
                at=self._clock.now(),
                is_between=item.entry_id is None,
                error=type(error).__name__,
                message=str(error),
            )
        )

    def metadata(self, item: Item, at: ServerTimeUs) -> None:
        """Tell that a medium says something else of itself."""
        medium = item.snapshot()
        self._emit(
            MetadataChanged(
                group_id=self._group_id,
                media_id=medium.media_id,
                at=at,
                title=medium.title,
                artist=medium.artist,
                album=medium.album,
            )
        )

    def starved(self, item: Item, event: TrackStarved) -> None:
        """Tell that silence was heard for want of data."""
        media_id = item.request.media_id
        self._emit(Underrun(group_id=self._group_id, media_id=media_id, at=event.at, length_us=event.length_us))

    def load(self, load: Load) -> None:
        """Tell that the machine cannot keep up, or can again."""
        now = self._clock.now()
        share = load.share(now)
        if load.is_overloaded:
            _LOGGER.warning("This machine is too slow for what %s plays: %d %% of real time", self.name, 100 * share)
        self._emit(LoadChanged(group_id=self._group_id, at=now, is_overloaded=load.is_overloaded, share=share))

    def broke(self, error: Exception, *, goes_on: bool) -> None:
        """Tell that a playing broke by an error of our own."""
        self._emit(
            PlaybackBroke(
                group_id=self._group_id,
                at=self._clock.now(),
                error=type(error).__name__,
                message=str(error),
                goes_on=goes_on,
            )
        )

    def ended(self, client_ids: tuple[ClientId, ...]) -> None:
        """Tell that nothing is left to play for those."""
        self._emit(PlaybackEnded(group_id=self._group_id, client_ids=client_ids))
