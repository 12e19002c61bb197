"""Calls on a source, none of which may take for ever."""

import asyncio
from collections.abc import Callable
from typing import Final

from ..clock import Clock
from ..errors import MediaError
from ..media.source import Passage, Source
from ..units import US_PER_S, ServerTimeUs
from .runner import Runner

GRACE_US: Final = 5 * US_PER_S
"""How long a call may still take once its source was closed; after that nobody waits for it any more."""


class LimitedRunner:
    """Runs calls on a source; where one takes too long the source is closed, so that it returns. On the loop.

    A server that sends a byte now and then is never silent, and no time-out of a socket ends that: what counts here is
    that a call returns. Its time begins when a thread takes it, not while it waits for one.
    """

    def __init__(
        self, runner: Runner, *, clock: Clock, limit_us: int, source: Callable[[], Source], error: type[MediaError]
    ) -> None:
        """`source` tells which one the calls are on at present; `error` is what too slow a call raises."""
        self._runner = runner
        self._clock = clock
        self._limit_us = limit_us
        self._source = source
        self._error = error
        self._given_up: Source | None = None

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the call returns. Raises MediaError where it takes too long, and on that source ever after."""
        watched = _Watched(self._clock, self._limit_us, self._give_up)
        # mypy cannot infer one ParamSpec inside another.
        work: asyncio.Future[R] = asyncio.ensure_future(
            self._runner.run(watched.make, call, *args, **kwargs)  # type: ignore[arg-type]
        )
        watched.forget = work.cancel
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            watched.stop()
        if self._given_up is not self._source():
            return work.result()
        return self._rest_of(work)

    def _give_up(self) -> None:
        """On the loop and not in the pool, whose threads may all be waiting for sources like this one."""
        self._given_up = self._source()
        self._given_up.close()

    def _rest_of[R](self, work: asyncio.Future[R]) -> R:
        """Return what still came of a source that was closed: frames, or an error that tells why there are no more."""
        error = self._error(f"no audio came for {self._limit_us // US_PER_S} s")
        if work.cancelled():
            raise error
        try:
            result = work.result()
        except Exception as cause:
            raise error from cause
        if isinstance(result, Passage):
            return result
        raise error


class _Watched:
    """One call, and how long it takes."""

    def __init__(self, clock: Clock, limit_us: int, give_up: Callable[[], None]) -> None:
        self.forget: Callable[[], object] = lambda: None
        """Called when it does not even return once its source is closed: leaves it to end by itself."""
        self._clock = clock
        self._limit_us = limit_us
        self._give_up = give_up
        self._begun_at: ServerTimeUs | None = None
        self._timer = clock.call_at(ServerTimeUs(clock.now() + limit_us), self._look)

    def make[R](self, call: Callable[..., R], *args: object, **kwargs: object) -> R:
        """Make the call, in the thread that has taken it."""
        self._begun_at = self._clock.now()
        return call(*args, **kwargs)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        now = self._clock.now()
        end_at = ServerTimeUs((now if self._begun_at is None else self._begun_at) + self._limit_us)
        if now < end_at:
            self._timer = self._clock.call_at(end_at, self._look)
            return
        self._timer = self._clock.call_at(ServerTimeUs(now + GRACE_US), self.forget)
        self._give_up()
