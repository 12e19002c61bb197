"""Sources that are read ahead, each reading as a track of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from itertools import count
import logging

from ..clock import Clock
from ..errors import MediaDecodeError, MediaError, MediaOpenError
from ..media.request import PATIENCE_US
from ..media.source import Source, SourceInfo
from ..step import TrackInput
from ..units import TrackId, frames_to_us
from .limited import LimitedRunner
from .reader import Reader
from .reconnecting import read_on
from .runner import Runner

_LOGGER = logging.getLogger(__name__)


class Access:
    """A source and how far it has been taken: what touches it goes through the media pool, one call at a time."""

    def __init__(
        self, source: Source, *, make_again: Callable[[], Source] | None = None, patience_us: int = PATIENCE_US
    ) -> None:
        """Open nothing yet. `make_again` gives the source anew, should it be live and break off; None: it cannot be.

        `patience_us` is how long each call on the source may take.
        """
        self.source = source
        self.info: SourceInfo | None = None
        """None until it is open."""
        self.has_given = False
        """Whether anything came of it so far."""
        self.reading: asyncio.Task[None] | None = None
        """The latest."""
        self.when_open: Callable[[], None] = lambda: None
        """Called once it is open."""
        self._make_again = make_again
        self._patience_us = patience_us
        self._is_started = False
        self._is_closed = False

    @property
    def can_come_back(self) -> bool:
        """Whether it is worth opening again when it has ended or broken."""
        return self._make_again is not None and self.info is not None and self.info.is_live

    async def open(self, media: Runner, clock: Clock) -> SourceInfo:
        """Open it. Raises MediaError, and lets go of it then."""
        try:
            self.info = await self._limited(media, clock, MediaOpenError).run(self.source.open)
        except BaseException:
            await media.run(self.source.close)
            raise
        self.when_open()
        return self.info

    def for_reading(self, media: Runner, clock: Clock) -> Runner:
        """Return what to read it by, so that no call takes longer than there is patience."""
        return self._limited(media, clock, MediaDecodeError)

    async def go_to(self, media: Runner, mix_rate: int, position_us: int) -> None:
        """Have it be read from a position on. Raises MediaError where that cannot be."""
        if self._is_started:
            await media.run(self.source.seek, position_us)
        else:
            self._is_started = True
            await media.run(self.source.start, mix_rate, position_us)

    async def open_again(self, media: Runner, clock: Clock, mix_rate: int) -> Source:
        """Return it opened anew and ready to be read, as it is now. Raises MediaError."""
        assert self._make_again is not None
        await media.run(self.source.close)
        if self._is_closed:
            raise MediaOpenError("let go of meanwhile")
        self.source = self._make_again()
        limited = self._limited(media, clock, MediaOpenError)
        await limited.run(self.source.open)
        await limited.run(self.source.start, mix_rate, 0)
        return self.source

    async def close(self, media: Runner) -> None:
        """Let go of it; returns when nothing touches it any more."""
        self._is_closed = True
        await self._close_source(media)
        if self.reading is not None:
            await asyncio.wait([self.reading])
            if self.can_come_back:  # it may have been on its way back
                await self._close_source(media)

    def _limited(self, media: Runner, clock: Clock, error: type[MediaError]) -> Runner:
        return LimitedRunner(media, clock=clock, limit_us=self._patience_us, source=lambda: self.source, error=error)

    async def _close_source(self, media: Runner) -> None:
        try:
            await media.run(self.source.close)
        except Exception:
            _LOGGER.exception("Closing a medium ended by an error of our own")


class Readings:
    """Knows all readings of a playing. On the loop."""

    def __init__(
        self,
        *,
        mix_rate: int,
        clock: Clock,
        media: Runner,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
        on_data: Callable[[TrackId], None],
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> None:
        """`spawn` runs tasks, `on_data` is told of tracks that have something new; `wait_for_turn` before each read."""
        self._mix_rate = mix_rate
        self._clock = clock
        self._media = media
        self._spawn = spawn
        self._on_data = on_data
        self._wait_for_turn = wait_for_turn
        self._track_ids = count(1)
        self._readers: dict[TrackId, Reader] = {}

    def begin(self, access: Access, position_us: int, done: Callable[[MediaError | None], None]) -> TrackId:
        """Read a source from a position on, once its reading before has ended; return the track that it is.

        `done` is told when all was read, or why not, unless it was stopped before.
        """
        track_id = TrackId(next(self._track_ids))
        media = access.for_reading(self._media, self._clock)
        reader = Reader(
            access.source,
            mix_rate=self._mix_rate,
            media=media,
            on_data=lambda: self._on_data(track_id),
            wait_for_turn=self._wait_for_turn,
        )
        self._readers[track_id] = reader
        access.reading = self._spawn(self._read(access, reader, media, position_us, access.reading, done))
        return track_id

    def length_us(self, track_id: TrackId | None) -> int:
        """Return how much of a track was read so far."""
        reader = None if track_id is None else self._readers.get(track_id)
        return 0 if reader is None else frames_to_us(reader.read_frames, self._mix_rate)

    def has_news(self, track_id: TrackId) -> bool:
        """Whether a track has something that was not taken."""
        reader = self._readers.get(track_id)
        return reader is not None and reader.has_news

    def take(self, wanted: Mapping[TrackId, int]) -> dict[TrackId, TrackInput]:
        """Return what there is, for the tracks that are wanted."""
        return {
            track_id: self._readers[track_id].take(frame_count)
            for track_id, frame_count in wanted.items()
            if self.has_news(track_id)
        }

    def stop(self, track_id: TrackId | None) -> None:
        """Read a track no further; what is there can still be taken."""
        if track_id is not None and (reader := self._readers.get(track_id)) is not None:
            reader.stop()

    def forget_all_but(self, track_ids: Collection[TrackId | None]) -> None:
        """Drop what nobody will hear any more: seek after seek makes many."""
        for track_id in self._readers.keys() - track_ids:
            self._readers.pop(track_id).stop()

    async def _read(
        self,
        access: Access,
        reader: Reader,
        media: Runner,
        position_us: int,
        before: asyncio.Task[None] | None,
        done: Callable[[MediaError | None], None],
    ) -> None:
        error: MediaError | None = None
        if before is not None:
            await asyncio.wait([before])
        try:
            if access.info is None:
                await access.open(self._media, self._clock)
            await access.go_to(media, self._mix_rate, position_us)
            await read_on(access, reader, mix_rate=self._mix_rate, clock=self._clock, media=self._media)
        except MediaError as err:
            error = err
        except Exception as err:
            _LOGGER.exception("Reading a medium ended by an error of our own")
            error = MediaDecodeError(str(err))
        access.has_given = access.has_given or reader.read_count > 0
        if error is None and not access.has_given and position_us == 0:
            error = MediaDecodeError("there is no audio in it")
        if not reader.is_stopped:
            done(error)
            reader.end(is_broken=error is not None)
