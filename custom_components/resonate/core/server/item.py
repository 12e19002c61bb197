"""A medium of a playing: what was asked for, its source, what is known of it."""

import asyncio

from ..errors import MediaError
from ..media.opener import open_source
from ..media.request import MediaRequest
from ..media.source import SourceInfo
from ..units import TrackId
from .runner import Runner
from .snapshot import MediumSnapshot


class Item:
    """A medium of a playing."""

    def __init__(self, request: MediaRequest) -> None:
        self.request = request
        self.source = open_source(request)
        self.info: SourceInfo | None = None
        """None until it is open."""
        self.error: MediaError | None = None
        """Why it could not be played, or not to its end."""
        self.track_id: TrackId | None = None
        """Its present reading: a seek makes another."""
        self.reading: asyncio.Task[None] | None = None
        self.was_heard = False

    async def open(self, media: Runner) -> SourceInfo:
        """Open the medium. Raises MediaError, and lets go of it then."""
        try:
            self.info = await media.run(self.source.open)
        except BaseException:
            await media.run(self.source.close)
            raise
        return self.info

    def snapshot(self) -> MediumSnapshot:
        """Return what is known of it: what the asker says counts more than what the medium says."""
        request, info = self.request, self.info
        if info is None:
            return MediumSnapshot(
                media_id=request.media_id,
                title=request.title,
                artist=request.artist,
                album=request.album,
                mime_type=request.mime_type,
            )
        return MediumSnapshot(
            media_id=request.media_id,
            title=request.title or info.title,
            artist=request.artist or info.artist,
            album=request.album or info.album,
            mime_type=request.mime_type,
            duration_us=info.duration_us,
            is_live=info.is_live,
            is_seekable=info.is_seekable,
        )
