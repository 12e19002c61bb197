"""Runners: the pool, and the fake one against the same promises."""

import asyncio
from collections.abc import AsyncIterator
import threading

import pytest

from core.server.runner import PoolRunner, Runner
from tests.fakes.runner import InlineRunner


@pytest.fixture(params=["pool", "inline"])
async def runner(request: pytest.FixtureRequest) -> AsyncIterator[Runner]:
    if request.param == "inline":
        yield InlineRunner()
        return
    pool = PoolRunner(2, "test-pool")
    yield pool
    assert await asyncio.to_thread(pool.close)


def divide(one: int, *, by: int) -> float:
    return one / by


async def test_gives_back_what_the_call_returns(runner: Runner) -> None:
    assert await runner.run(divide, 6, by=3) == 2


async def test_raises_what_the_call_raises(runner: Runner) -> None:
    with pytest.raises(ZeroDivisionError):
        await runner.run(divide, 6, by=0)


async def test_the_fake_lets_others_in_between_as_the_pool_may() -> None:
    seen: list[str] = []
    asyncio.get_running_loop().call_soon(seen.append, "other")
    await InlineRunner().run(seen.append, "call")
    assert seen == ["other", "call"]


async def test_the_pool_leaves_the_loops_thread_and_no_thread_behind() -> None:
    pool = PoolRunner(1, "gone")
    assert await pool.run(threading.current_thread) is not threading.current_thread()
    assert await asyncio.to_thread(pool.close)
    assert await asyncio.to_thread(pool.close)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gone")]


async def test_closing_is_bounded_when_a_call_hangs() -> None:
    pool = PoolRunner(1, "stuck")
    release = threading.Event()
    hanging = asyncio.create_task(pool.run(release.wait))
    queued = asyncio.create_task(pool.run(release.wait))
    await asyncio.sleep(0)
    assert not await asyncio.to_thread(pool.close, 0.01)
    release.set()
    assert await hanging
    assert await asyncio.to_thread(pool.close)
    with pytest.raises(asyncio.CancelledError):
        await queued
