"""Clocks: the real one, and the fake one against the same promises."""

import asyncio
from collections.abc import Callable
from functools import partial
import time

import pytest

from core.clock import Clock
from core.server import clock as clock_module
from core.server.clock import ORIGIN_US, MonotonicClock
from core.units import US_PER_S, ServerTimeUs
from tests.fakes.clock import FakeClock


def after(clock: Clock, length_us: int) -> ServerTimeUs:
    return ServerTimeUs(clock.now() + length_us)


@pytest.fixture(params=[MonotonicClock, FakeClock])
def any_clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


async def test_sleeps_until_the_instant_is_reached(any_clock: Clock) -> None:
    at = after(any_clock, 3_000)
    await any_clock.sleep_until(at)
    assert any_clock.now() >= at


async def test_sleep_in_the_past_lets_others_run_first(any_clock: Clock) -> None:
    seen: list[str] = []
    other = asyncio.create_task(asyncio.sleep(0))
    other.add_done_callback(lambda _: seen.append("other"))
    while not seen:
        await any_clock.sleep_until(any_clock.now())
    assert seen == ["other"]


async def test_calls_come_in_the_order_of_their_instants(any_clock: Clock) -> None:
    seen: list[int] = []
    at = after(any_clock, 1_000)
    for index in (2, 0, 1):
        any_clock.call_at(ServerTimeUs(at + index * 2_000), partial(seen.append, index))
    any_clock.call_at(ServerTimeUs(any_clock.now() - 1), lambda: seen.append(-1))
    await any_clock.sleep_until(ServerTimeUs(at + 6_000))
    assert seen == [-1, 0, 1, 2]


async def test_a_cancelled_call_does_not_come(any_clock: Clock) -> None:
    seen: list[int] = []
    any_clock.call_at(after(any_clock, 1_000), lambda: seen.append(1)).cancel()
    done = any_clock.call_at(after(any_clock, 1_000), lambda: seen.append(2))
    await any_clock.sleep_until(after(any_clock, 3_000))
    done.cancel()
    assert seen == [2]


def test_real_clock_is_small_and_never_zero() -> None:
    clock = MonotonicClock()
    first = clock.now()
    assert ORIGIN_US <= first < ORIGIN_US + US_PER_S
    assert isinstance(first, int)
    assert clock.now() >= first


class Slow:
    """CLOCK_MONOTONIC_RAW at half the speed of the loop's clock: NTP at its very worst."""

    CLOCK_MONOTONIC_RAW = time.CLOCK_MONOTONIC_RAW

    @staticmethod
    def clock_gettime_ns(which: int) -> int:
        return time.clock_gettime_ns(which) // 2


async def test_real_clock_sleeps_on_when_the_loop_wakes_it_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "time", Slow)
    clock = MonotonicClock()
    at = after(clock, 2_000)
    called: list[ServerTimeUs] = []
    clock.call_at(at, lambda: called.append(clock.now()))
    await clock.sleep_until(at)
    assert clock.now() >= at
    await clock.sleep_until(after(clock, 2_000))
    assert called
    assert called[0] >= at


async def test_fake_time_stands_still_while_anybody_can_run() -> None:
    clock = FakeClock()
    began = clock.now()
    seen: list[int] = []

    async def busy() -> None:
        for _ in range(500):
            await asyncio.sleep(0)
            seen.append(clock.now())

    sleeper = asyncio.create_task(clock.sleep(1))
    await busy()
    assert set(seen) == {began}
    await sleeper
    assert clock.now() == began + 1


async def test_an_hour_of_two_loops_passes_at_once() -> None:
    clock = FakeClock()
    ticks: dict[int, int] = {}

    async def tick(period_us: int) -> None:
        at = clock.now()
        for _ in range(3_600 * US_PER_S // period_us):
            at = ServerTimeUs(at + period_us)
            await clock.sleep_until(at)
            assert clock.now() == at
            ticks[period_us] = ticks.get(period_us, 0) + 1

    began = time.process_time()
    await asyncio.gather(tick(100_000), tick(250_000))
    assert ticks == {100_000: 36_000, 250_000: 14_400}
    assert time.process_time() - began < 10


async def test_fake_time_ends_for_those_who_wait_in_vain() -> None:
    clock = FakeClock(0, end_us=10)
    clock.call_at(ServerTimeUs(20), lambda: pytest.fail("after the end"))
    with pytest.raises(TimeoutError):
        await clock.sleep_until(ServerTimeUs(11))
    assert clock.now() == 0


async def test_a_stall_calls_what_was_due_and_leaves_the_rest() -> None:
    clock = FakeClock(0)
    seen: list[int] = []
    for at in (5, 15):
        clock.call_at(ServerTimeUs(at), partial(seen.append, at))
    clock.advance(10)
    assert (clock.now(), seen) == (10, [5])
    await clock.sleep(10)
    assert (clock.now(), seen) == (20, [5, 15])


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock(0)
    sleeper = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    sleeper.cancel()
    await clock.sleep(100)
    assert (clock.now(), sleeper.cancelled()) == (100, True)
