"""What one client's display shows: channel by channel, after all that is heard."""

import asyncio
from collections.abc import Callable
from functools import partial
import logging
from typing import Final

from ..clock import Clock
from ..images import ImageSpec
from ..protocol.artwork import ArtworkStream
from ..protocol.messages.artwork import ArtworkChannel, ArtworkSource
from ..units import US_PER_MS, ServerTimeUs
from .outbox import ShownLast
from .pictures import Artwork

_LOGGER = logging.getLogger(__name__)

IMAGE_EVERY_US: Final = 50 * US_PER_MS
"""How far apart the images of one display are: a few at once would be in front of clock replies (protocol.md 11.3)."""

type _Shown = tuple[str, ImageSpec] | None
"""An image, by the digest of its picture; None: nothing."""


class Display:
    """Keeps a display at what is to be seen, and sends it no image twice. On the loop."""

    def __init__(self, stream: ArtworkStream, clock: Clock, send: Callable[[ShownLast], None]) -> None:
        """`send` has a message written behind those before it."""
        self._stream = stream
        self._clock = clock
        self._send = send
        self._artwork: Artwork | None = None
        self._channels: tuple[ArtworkChannel, ...] = ()
        """What it was told last that it is sent."""
        self._shown: dict[int, _Shown] = {}
        """What each channel shows; what is not in it was not told."""
        self._waiting: dict[int, bytes] = {}
        """Images that wait to be written: a newer one takes the place of one that was not."""
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def show(self, artwork: Artwork | None) -> None:
        """Let this be seen, None: nothing; while its picture is looked for, what is seen stays."""
        if artwork is None or artwork.is_settled:
            self._artwork = artwork
            self._update()

    def refresh(self) -> None:
        """Take note that the client shows something else now, or may be sent pictures, or no more."""
        wanted = self._stream.wanted
        if wanted == self._channels:
            return
        before, self._channels = self._channels, wanted
        if not wanted:
            self._shown.clear()
            self._waiting.clear()
            self._send(self._end)
            return
        for number, (old, new) in enumerate(zip(before, wanted, strict=False)):
            if old != new:
                self._waiting.pop(number, None)
                if self._shown.pop(number, None) is not None and new.source is ArtworkSource.NONE:
                    self._put(number, b"")
        self._send(self._start)
        self._update()

    def close(self) -> None:
        """Send nothing more."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()

    def _update(self) -> None:
        if self._task is None and not self._is_closed and self._next() is not None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while (due := self._next()) is not None:
                number, shown = due
                image = b"" if shown is None or self._artwork is None else await self._artwork.image(shown[1])
                if due != self._next():
                    continue
                self._shown[number] = shown
                self._put(number, image)
                if image:
                    await self._clock.sleep_until(ServerTimeUs(self._clock.now() + IMAGE_EVERY_US))
        except Exception:
            _LOGGER.exception("Showing a picture ended by an error of our own")
        finally:
            self._task = None

    def _next(self) -> tuple[int, _Shown] | None:
        """Return the first channel that does not show what it should, and what that is."""
        for number, channel in enumerate(self._channels):
            due = self._due(channel)
            is_used = channel.source is not ArtworkSource.NONE
            if is_used and (number not in self._shown or self._shown[number] != due):
                return number, due
        return None

    def _due(self, channel: ArtworkChannel) -> _Shown:
        # Nobody brings pictures of artists.
        if channel.source is not ArtworkSource.ALBUM or self._artwork is None or self._artwork.picture is None:
            return None
        return self._artwork.picture.digest, channel.image

    def _put(self, number: int, image: bytes) -> None:
        self._waiting[number] = image
        self._send(partial(self._image, number))

    # What is written in its turn, if it is still due by then

    def _start(self, now: ServerTimeUs) -> str | None:
        return self._stream.start(transmitted=now) if self._stream.wanted else None

    def _end(self, now: ServerTimeUs) -> str | None:
        return self._stream.end() if self._stream.started and not self._stream.wanted else None

    def _image(self, number: int, now: ServerTimeUs) -> bytes | None:
        image = self._waiting.pop(number, None)
        if image is None or number >= len(self._stream.started):
            return None
        return self._stream.image(number, image, shown_at=now)
