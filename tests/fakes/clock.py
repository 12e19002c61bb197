"""Virtual time: jumps to the next sleeper when nobody has anything left to do."""

import asyncio
from collections.abc import Callable
from functools import partial
import heapq
from itertools import count

from core.units import US_PER_S, ServerTimeUs


class FakeTimer:
    """A call that is still to come."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    @property
    def is_pending(self) -> bool:
        return self._callback is not None

    def cancel(self) -> None:
        self._callback = None

    @property
    def callback(self) -> Callable[[], object] | None:
        return self._callback

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class FakeClock:
    """A `Clock` whose time only passes when the loop is idle (trio calls it autojump).

    - While any task or callback is ready to run, `now()` stands still: work takes no time.
    - When none is, time jumps to the earliest instant that `sleep_until` or `call_at` wait for; all that are due then
      are called, in order of their instants, equal ones in the order they were asked for.
    - A test waits by `await clock.sleep(us)` or by awaiting whatever it expects; everything in between has happened.
    - Exact and deterministic as long as nothing waits for the world: no threads (use InlineRunner), no sockets (use
      MemoryTransport), no `asyncio.sleep`/`asyncio.timeout` of more than 0: those are real time, and virtual time would
      race past them.
    - Time ends at `end_us`: whoever sleeps then gets a TimeoutError, so that a test that waits in vain beside something
      periodic fails instead of turning for ever.
    - One clock to a loop. Without a running loop it is a plain variable: set it with `advance`.
    """

    def __init__(self, start_us: int = 1_000 * US_PER_S, *, end_us: int = 7 * 86_400 * US_PER_S) -> None:
        self._now = start_us
        self._end_us = end_us
        self._timers: list[tuple[int, int, FakeTimer]] = []
        self._sleepers: set[asyncio.Future[None]] = set()
        self._order = count()
        self._is_watching = False
        self.called_count = 0
        """How many calls that `call_at` was asked for have come, those of whoever slept among them."""

    @property
    def pending(self) -> list[Callable[[], object]]:
        """The calls that are still to come."""
        return [timer.callback for _, _, timer in sorted(self._timers) if timer.callback is not None]

    def now(self) -> ServerTimeUs:
        return ServerTimeUs(self._now)

    def call_at(self, at: ServerTimeUs, callback: Callable[[], object]) -> FakeTimer | asyncio.Handle:
        if at <= self._now:
            self.called_count += 1
            return asyncio.get_running_loop().call_soon(callback)
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (at, next(self._order), timer))
        self._watch(asyncio.get_running_loop())
        return timer

    async def sleep_until(self, at: ServerTimeUs) -> None:
        if at <= self._now:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(at, partial(_wake, woken))
        self._sleepers.add(woken)
        try:
            await woken
        finally:
            self._sleepers.discard(woken)
            timer.cancel()

    async def sleep(self, length_us: int) -> None:
        """Let this much virtual time pass."""
        await self.sleep_until(ServerTimeUs(self._now + length_us))

    def advance(self, length_us: int) -> None:
        """Let time pass at once, as if the loop had been stalled; whoever is due by then is called at once."""
        self._now += length_us
        self._fire_due()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_watching:
            self._is_watching = True
            loop.call_soon(self._jump_when_idle, loop)

    def _jump_when_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        # asyncio has no public "is anything left to run": what is ready besides this very call is in `_ready`.
        ready = loop._ready  # type: ignore[attr-defined]
        while self._timers and not self._timers[0][2].is_pending:
            heapq.heappop(self._timers)
        if not ready:
            self._jump()
        self._is_watching = False
        if self._timers:
            self._watch(loop)

    def _jump(self) -> None:
        if not self._timers:
            return
        if self._timers[0][0] > self._end_us:
            self._timers.clear()
            for sleeper in list(self._sleepers):
                if not sleeper.done():
                    sleeper.set_exception(TimeoutError("virtual time is over"))
            return
        self._now = self._timers[0][0]
        self._fire_due()

    def _fire_due(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            timer = heapq.heappop(self._timers)[2]
            self.called_count += timer.is_pending
            timer.fire()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
