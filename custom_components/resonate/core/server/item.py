"""A medium of a playing: what was asked for, its sources, who hears which, what is known of it."""

import asyncio
from collections.abc import Callable, Collection
import logging
from pathlib import Path

from ..channel import FeedId
from ..clock import Clock
from ..errors import MediaError
from ..formats import StreamFormat
from ..media.media_stream import FeedChoice
from ..media.opener import open_stream
from ..media.request import MediaRequest
from ..media.source import Source, SourceInfo
from ..media.tags import Tags, merge_tags
from ..units import ClientId, EntryId, ServerTimeUs, TrackId
from .pictures import Artwork, Pictures
from .readings import Access
from .runner import Runner
from .snapshot import MediumSnapshot

_LOGGER = logging.getLogger(__name__)


class Item:
    """A medium of a playing."""

    def __init__(self, request: MediaRequest, entry_id: EntryId | None = None) -> None:
        """`entry_id`: its place in the queue; None: it has none."""
        self.request = request
        self.entry_id = entry_id
        self._stream = open_stream(request)
        is_at_hand = request.resolve is None and isinstance(request.location, Path | bytes)
        can_be_made_again = request.stream is None and not is_at_hand
        self.main = Access(
            self._stream.main,
            make_again=self._main_again if can_be_made_again else None,
            patience_us=request.patience_us,
        )
        self.error: MediaError | None = None
        """Why it could not be played, or not to its end."""
        self.track_id: TrackId | None = None
        """Its present reading: a seek makes another."""
        self.was_heard = False
        self.is_read = False
        """Its present reading has come to an end, good or bad."""
        self._first_tags: Tags | None = None
        self._tags: Tags | None = None
        """What it said of itself last, as far as that was heard."""
        self.choices: dict[ClientId, FeedChoice | None] = {}
        """What players hear in the place of the main source."""
        self.sides: dict[FeedId, TrackId] = {}
        """Present readings of the sources that somebody chose."""
        self._accesses: dict[FeedId, Access] = {}
        self._broken: set[FeedId] = set()
        self.artwork = Artwork(request)
        self._position_us = request.start_us
        self._position_at: ServerTimeUs | None = None
        """Since when it goes on from `_position_us`; None while it does not."""

    @property
    def info(self) -> SourceInfo | None:
        """What is known of it once it is open."""
        return self.main.info

    @property
    def sample_rate(self) -> int:
        """Its own rate; only once it is open."""
        assert self.info is not None
        return self.info.sample_rate

    @property
    def is_live(self) -> bool:
        """Whether it gives no faster than it is heard, as far as is known."""
        return self.request.is_live if self.info is None else self.info.is_live

    async def open(self, media: Runner, clock: Clock) -> SourceInfo:
        """Open the medium. Raises MediaError, and lets go of it then."""
        return await self.main.open(media, clock)

    def look_for_artwork(self, pictures: Pictures, found: Callable[[Artwork], None]) -> None:
        """Have its picture looked for once it is open, and `found` told of it."""

        def look() -> None:
            self.artwork.look_for(pictures, self.info, found)

        if self.info is None:
            self.main.when_open = look
        else:
            look()

    def anew(self, closed: asyncio.Task[None]) -> Item:
        """Return the same medium once more; nothing of it is opened before this one is `closed`."""
        item = Item(self.request, self.entry_id)
        item.was_heard = self.was_heard
        item.artwork, self.artwork = self.artwork, Artwork(self.request)
        item.main.reading = closed
        for feed in self._accesses:
            item.access(feed).reading = closed
        return item

    async def close(self, media: Runner) -> None:
        """Let go of the medium and of all that it brings."""
        self.artwork.cancel()
        # At once: one that hangs must not keep the others.
        await asyncio.gather(*(access.close(media) for access in (self.main, *self._accesses.values())))

    # Where it is heard

    def move_to(self, position_us: int, at: ServerTimeUs | None = None) -> None:
        """Take note of what of it is heard at an instant, and goes on from there; None: what will be heard next."""
        self._position_us, self._position_at = position_us, at

    def position_us(self, at: ServerTimeUs) -> int:
        """Return what of it is heard at an instant, as far as can be told."""
        if self._position_at is None:
            return self._position_us
        return self._position_us + max(0, at - self._position_at)

    # Who hears what of it

    def access(self, feed: FeedId) -> Access:
        """Return the way to one of the sources that it brings beside the main one."""
        if feed not in self._accesses:
            self._accesses[feed] = Access(self._stream.feeds[feed], patience_us=self.request.patience_us)
        return self._accesses[feed]

    def give_up(self, feed: FeedId) -> None:
        """Take note that a source cannot be read: who chose it hears the main one from now on."""
        self._broken.add(feed)

    def choose(self, player_id: ClientId, stream_format: StreamFormat, position_us: int) -> None:
        """Have the medium say what a player hears from a position on."""
        self.choices[player_id] = None
        if self._stream.player_channel is None:
            return
        try:
            choice = self._stream.player_channel(player_id, stream_format, position_us)
        except Exception:
            _LOGGER.exception("Asked what %s hears, a medium failed: it hears the main mix", player_id)
            return
        if choice is None or choice.feed in self._stream.feeds:
            self.choices[player_id] = choice
        else:
            _LOGGER.error("A medium has nothing called %s, so %s hears the main mix", choice.feed, player_id)

    def forget_players(self, present: Collection[ClientId]) -> None:
        """Drop what all but these players chose."""
        self.choices = {player_id: choice for player_id, choice in self.choices.items() if player_id in present}

    @property
    def wanted_feeds(self) -> dict[FeedId, int]:
        """The sources that players chose and that can be read, and from which position each is needed."""
        wanted: dict[FeedId, int] = {}
        for choice in self.choices.values():
            if choice is not None and choice.feed not in self._broken:
                wanted[choice.feed] = min(wanted.get(choice.feed, choice.position_us), choice.position_us)
        return wanted

    def side_of(self, player_id: ClientId) -> TrackId | None:
        """Return the reading that a player hears in the place of the main one; None: the main one."""
        choice = self.choices.get(player_id)
        return None if choice is None else self.sides.get(choice.feed)

    def _main_again(self) -> Source:
        return open_stream(self.request).main

    def tag(self, tags: Tags) -> bool:
        """Take note of what it says of itself now; return whether that shows."""
        before = self.snapshot()
        self._tags = tags
        if self._first_tags is None:
            self._first_tags = tags
        return self.snapshot() != before

    def snapshot(self) -> MediumSnapshot:
        """Return what is known of it: what the asker says counts more than what the medium says at its beginning."""
        request, info = self.request, self.info
        if info is None:
            return MediumSnapshot(
                media_id=request.media_id,
                title=request.title,
                artist=request.artist,
                album=request.album,
                mime_type=request.mime_type,
                duration_us=request.duration_us,
                artwork_digest=self._artwork_digest,
            )
        opened = Tags(info.title, info.artist, info.album, info.album_artist, info.year, info.track)
        said = opened if self._tags is None else self._tags
        asked = Tags(request.title, request.artist, request.album)
        shown = merge_tags(asked, said, is_current=self._tags is not None and self._is_current)
        return MediumSnapshot(
            media_id=request.media_id,
            title=shown.title,
            artist=shown.artist,
            album=shown.album,
            album_artist=shown.album_artist,
            year=shown.year,
            track=shown.track,
            mime_type=request.mime_type,
            duration_us=request.duration_us if info.duration_us is None and not info.is_live else info.duration_us,
            is_live=info.is_live,
            is_seekable=info.is_seekable,
            artwork_digest=self._artwork_digest,
        )

    @property
    def _artwork_digest(self) -> str | None:
        return None if self.artwork.picture is None else self.artwork.picture.digest

    @property
    def _is_current(self) -> bool:
        """Whether what it says is of this very moment: of a radio always, otherwise once it said something else."""
        return (self.info is not None and self.info.is_live) or self._tags != self._first_tags
