"""Reads one source ahead, in the media pool, so that a slow disk or network is not heard at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from ..clock import Clock
from ..media.source import Passage, Source, WaitingSource
from ..step import TrackInput
from ..units import US_PER_MS, US_PER_S, ServerTimeUs, us_to_frames
from .runner import Runner

FIRST_READ_US: Final = 200 * US_PER_MS
"""Short, so that the first sound comes soon; as much as a renderer wants before it begins."""
READ_US: Final = 500 * US_PER_MS
"""Long, so that there are few hops."""
AHEAD_US: Final = 5 * US_PER_S


class Reader:
    """Keeps up to `AHEAD_US` of a source ready. On the loop; the source itself is only touched in the media pool."""

    def __init__(
        self,
        source: Source,
        *,
        mix_rate: int,
        media: Runner,
        on_data: Callable[[], None],
        wait_for_turn: Callable[[], Awaitable[object]],
    ) -> None:
        """`on_data` is called, on the loop, when there is something new to take; `wait_for_turn` before each read."""
        self.is_ended = False
        """Nothing follows what can still be taken."""
        self.read_count = 0
        """How many passages came in so far."""
        self.read_frames = 0
        """And how many frames."""
        self._source = source
        self._mix_rate = mix_rate
        self._media = media
        self._on_data = on_data
        self._wait_for_turn = wait_for_turn
        self._passages: deque[Passage] = deque()
        self._frame_count = 0
        self._is_told = False
        self._is_broken = False
        self.is_stopped = False
        """Nobody wants more of it."""
        self._has_room = asyncio.Event()

    @property
    def has_news(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._passages) or (self.is_ended and not self._is_told)

    async def run(self) -> None:
        """Read to the end, never further ahead than there is room. Raises MediaError where the medium breaks."""
        length_us = FIRST_READ_US
        while not self.is_stopped:
            frame_count = us_to_frames(length_us, self._mix_rate)
            if isinstance(self._source, WaitingSource):
                await self._source.wait(frame_count)
            await self._wait_for_turn()
            passage = await self._media.run(self._source.read, frame_count)
            if passage is None or self.is_stopped:
                return
            self._passages.append(passage)
            self.read_count += 1
            self.read_frames += len(passage.block)
            self._frame_count += len(passage.block)
            self._on_data()
            length_us = READ_US
            while not self.is_stopped and self._frame_count >= us_to_frames(AHEAD_US, self._mix_rate):
                self._has_room.clear()
                await self._has_room.wait()

    async def go_on_with(self, source: Source) -> None:
        """Read another source behind what is there, as `run` does. Raises MediaError."""
        self._source = source
        await self.run()

    async def rest(self, clock: Clock, until: ServerTimeUs) -> bool:
        """Return True at an instant, or False as soon as nobody wants more of it."""
        timer = clock.call_at(until, self._has_room.set)
        try:
            while not self.is_stopped and clock.now() < until:
                self._has_room.clear()
                await self._has_room.wait()
        finally:
            timer.cancel()
        return not self.is_stopped

    def take(self, frame_count: int) -> TrackInput:
        """Return passages of at least `frame_count` frames in all, or what there is."""
        taken: list[Passage] = []
        while self._passages and frame_count > 0:
            passage = self._passages.popleft()
            self._frame_count -= len(passage.block)
            frame_count -= len(passage.block)
            taken.append(passage)
        self._has_room.set()
        is_ended = self.is_ended and not self._passages
        self._is_told = self._is_told or is_ended
        return TrackInput(passages=tuple(taken), is_ended=is_ended, is_broken=is_ended and self._is_broken)

    def end(self, *, is_broken: bool = False) -> None:
        """Say that nothing follows what is there, though more should if it broke."""
        self._is_broken = is_broken
        if not self.is_stopped:
            self.is_ended = True
            self._on_data()

    def stop(self) -> None:
        """Read no further; what is there can still be taken."""
        self.is_stopped = True
        self._has_room.set()
