"""Finds the pictures of media and makes images of them, so that no audio ever waits for one."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
import logging
from typing import Final

from ..clock import Clock
from ..errors import PictureError
from ..images import ImageSpec, Picture
from ..media.picture import make_image
from ..media.picture_finder import PictureFinder
from ..media.request import MediaRequest
from ..media.source import SourceInfo
from ..units import US_PER_S, ServerTimeUs
from .runner import Runner

_LOGGER = logging.getLogger(__name__)

FINDING_AT_A_TIME: Final = 2
"""Of the media pool's threads: the others are for audio, wherever pictures may come from."""
MAKING_AT_A_TIME: Final = 1  # a large picture takes 100 ms of a processor and 200 MB
PATIENCE_US: Final = 15 * US_PER_S
"""How long one search may take once it has begun."""
MAX_KEPT: Final = 16
"""Images: those of a few groups, in the few sizes that their displays have."""


class Artwork:
    """The picture of one medium, as far as it is known. On the loop."""

    def __init__(self, request: MediaRequest) -> None:
        """Nothing has been looked for."""
        self.request = request
        self.picture: Picture | None = None
        """None while it is not known, or when there is none."""
        self.is_settled = False
        """Whether the search is over; before, it is better to show on what is shown."""
        self._pictures: Pictures | None = None
        self._finder: PictureFinder | None = None
        self._is_cancelled = False

    def look_for(self, pictures: Pictures, info: SourceInfo | None, found: Callable[[Artwork], None]) -> None:
        """Begin to search; `info` is what the medium says. `found` is told when that is over, if it was not ended.

        Again: nothing happens.
        """
        if self._pictures is not None:
            return
        self._pictures = pictures
        cover, path = (None, None) if info is None else (info.cover, info.path)
        self._finder = PictureFinder(self.request, cover, None if path is None else path.parent)
        if self._finder.is_worthwhile:
            pictures.start(self._search(pictures, self._finder, found))
        else:
            self.is_settled = True

    def cancel(self) -> None:
        """Search no longer; what was found stays."""
        self._is_cancelled = self.is_settled = True
        if self._finder is not None:
            self._finder.close()

    async def image(self, spec: ImageSpec) -> bytes:
        """Return its picture for a display; empty when there is none to show."""
        if self.picture is None or self._pictures is None:
            return b""
        return await self._pictures.image(self.picture, spec)

    async def _search(self, pictures: Pictures, finder: PictureFinder, found: Callable[[Artwork], None]) -> None:
        picture = await pictures.find(finder)
        if not self._is_cancelled:
            self.picture = picture
            self.is_settled = True
            found(self)


class Pictures:
    """Shares the little of the media pool that is for pictures among all groups, and what was made. On the loop."""

    def __init__(self, media: Runner, clock: Clock) -> None:
        """Nothing is being done."""
        self._media = media
        self._clock = clock
        self._finding = asyncio.Semaphore(FINDING_AT_A_TIME)
        self._making = asyncio.Semaphore(MAKING_AT_A_TIME)
        self._images: OrderedDict[tuple[str, ImageSpec], asyncio.Task[bytes]] = OrderedDict()
        """By digest; the one that was asked for last comes last."""
        self._tasks: set[asyncio.Task[object]] = set()

    def start[T](self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """Have something be done meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def find(self, finder: PictureFinder) -> Picture | None:
        """Return what a finder finds, within `PATIENCE_US` of its turn."""
        async with self._finding:
            if finder.is_closed:
                return None
            timer = self._clock.call_at(ServerTimeUs(self._clock.now() + PATIENCE_US), finder.hurry)
            try:
                return await self._media.run(finder.find)
            except Exception:
                _LOGGER.exception("Looking for a picture ended by an error of our own")
                return None
            finally:
                timer.cancel()

    async def image(self, picture: Picture, spec: ImageSpec) -> bytes:
        """Return an image of a picture, made once for all that show the same; empty when it is broken."""
        key = (picture.digest, spec)
        if key not in self._images:
            self._images[key] = self.start(self._make(picture, spec))
        self._images.move_to_end(key)
        while len(self._images) > MAX_KEPT:
            self._images.popitem(last=False)
        return await asyncio.shield(self._images[key])

    async def close(self) -> None:
        """Let go of everything; what threads still do is the pool's to end."""
        self._images.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _make(self, picture: Picture, spec: ImageSpec) -> bytes:
        async with self._making:
            try:
                return await self._media.run(make_image, picture, spec)
            except PictureError as error:
                _LOGGER.debug("A picture is not shown: %s", error)
            except Exception:
                _LOGGER.exception("Making an image ended by an error of our own")
        return b""
