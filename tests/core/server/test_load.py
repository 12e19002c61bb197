"""How much the steps of groups take, and what is told when the machine cannot keep up."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from core.events import LoadChanged
from core.server.load import LEAST_SPARE_US, WINDOW_US, Load
from core.units import ServerTimeUs
from tests.fakes.clock import FakeClock
from tests.fakes.house import House, housed, wish
from tests.fakes.rig import FLAC_44, ramp
from tests.fakes.runner import InlineRunner
from tests.fakes.stage import Material

SECOND = 1_000_000
BALANCED_US = 2 * SECOND


class OneThread(InlineRunner):
    """A runner of a single thread in which every call takes virtual time."""

    def __init__(self, clock: FakeClock, cost_us: int) -> None:
        super().__init__()
        self.cost_us = cost_us
        self._clock = clock
        self._is_free = asyncio.Lock()

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._is_free:
            await self._clock.sleep(self.cost_us)
            return await super().run(call, *args, **kwargs)


def loads(house: House) -> list[LoadChanged]:
    return [event for event in house.events if isinstance(event, LoadChanged)]


def at(seconds: float) -> ServerTimeUs:
    return ServerTimeUs(round(seconds * SECOND))


def test_the_share_is_that_of_the_last_seconds() -> None:
    load = Load(at(0))
    assert load.share(at(0)) == 0
    load.add(at(0), at(0.5))
    assert load.share(at(1)) == 0.5
    load.add(at(3), at(4))
    assert load.share(at(4)) == pytest.approx(1.5 / 4)
    assert load.share(ServerTimeUs(at(0.6) + WINDOW_US)) == pytest.approx(1 / 5)
    assert load.share(at(100)) == 0


def test_too_little_ahead_counts_once_it_lasts_and_until_it_is_well_over() -> None:
    load = Load(at(0))
    few, enough = LEAST_SPARE_US - 1, LEAST_SPARE_US
    assert not load.judge(few, BALANCED_US, at(1))
    assert not load.judge(enough, BALANCED_US, at(1.1))
    assert not load.judge(few, BALANCED_US, at(1.15))
    assert not load.judge(None, BALANCED_US, at(1.2))  # it waits for data
    assert not load.judge(few, BALANCED_US, at(2))
    assert load.judge(few, BALANCED_US, at(2.2))
    assert load.is_overloaded
    assert not load.judge(enough, BALANCED_US, at(2.3))
    assert load.judge(enough + 200_000, BALANCED_US, at(2.4))
    assert not load.is_overloaded


@pytest.mark.parametrize("horizon_us", [500_000, 2 * SECOND, 10 * SECOND])
def test_what_is_usual_is_not_too_little_under_any_policy(horizon_us: int) -> None:
    load = Load(at(0))
    assert not any(load.judge(horizon_us - 250_000, horizon_us, at(second)) for second in range(60))
    changed = [load.judge(horizon_us // 8, horizon_us, at(60 + second)) for second in range(2)]
    assert changed == [False, horizon_us < 10 * SECOND]


async def test_a_machine_that_becomes_too_slow_is_told_before_anything_is_late_and_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.renderer.FEW_PIPELINES", 1)  # steps cost here what they cost, however long
    async with housed("ann") as house:
        slow = OneThread(house.clock, 1_000)
        house.group.performance._render = slow
        await house.group.play([wish(Material(ramp(32_768), repeats=600))])
        await house.clock.sleep(20 * SECOND)
        assert loads(house) == []
        assert 0 < house.group.performance.load < 0.05
        slow.cost_us = 230_000  # of 200 ms of audio
        began = house.clock.now()
        await house.clock.sleep(12 * SECOND)
        (event,) = loads(house)
        assert event.is_overloaded
        assert event.share > 0.9
        chunks = house.sessions["ann"].chunks
        sent = [chunk for chunk in chunks if chunk.start <= event.at]
        # When it is told, players still hold audio: nothing was missed by then.
        assert event.at > began
        assert max(chunk.end for chunk in chunks) > event.at
        assert all(one.end == other.start for one, other in pairwise(sent))
        slow.cost_us = 1_000
        await house.clock.sleep(20 * SECOND)
        assert [event.is_overloaded for event in loads(house)] == [True, False]
    assert sum("too slow" in record.message for record in caplog.records) == 1


async def test_a_source_that_stalls_and_a_start_and_a_seek_are_no_overload() -> None:
    async with housed("ann") as house:
        material = Material(ramp(32_768), repeats=600)
        house.group.performance._render = OneThread(house.clock, 5_000)
        await house.group.play([wish(material)])
        await house.clock.sleep(10 * SECOND)
        house.media.shut(material)
        await house.clock.sleep(20 * SECOND)
        house.media.open()
        await house.clock.sleep(10 * SECOND)
        await house.group.seek(30 * SECOND)
        await house.clock.sleep(10 * SECOND)
        assert loads(house) == []


async def test_groups_share_one_thread_and_one_that_catches_up_does_not_starve_the_others() -> None:
    clock = FakeClock()
    render = OneThread(clock, 12_000)
    async with AsyncExitStack() as stack:
        houses = [await stack.enter_async_context(housed("ann", clock=clock)) for _ in range(8)]
        for house in houses:
            house.group.performance._render = render
            await house.group.play([wish(Material(ramp(32_768), repeats=600))])
        await clock.sleep(10 * SECOND)
        # All the formats of a house at once, each primed from what is there, again and again.
        for number in range(10):
            houses[0].add(f"late{number}", FLAC_44)
            await houses[0].group.seek(number * 3 * SECOND)
            await clock.sleep(SECOND)
        await clock.sleep(5 * SECOND)
        for house in houses[1:]:
            assert loads(house) == []
            chunks = house.sessions["ann"].chunks
            assert all(one.end == other.start for one, other in pairwise(chunks))
            assert chunks[-1].end > clock.now() + SECOND
        # Five steps a second of 12 ms each, and about as long waiting for the thread.
        assert all(0.05 < house.group.performance.load < 0.2 for house in houses[1:])
