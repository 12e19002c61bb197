"""Sources that take too long, in virtual time: given up at an instant, and what comes after goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.errors import MediaDecodeError, MediaError, MediaOpenError
from core.media.media_stream import MediaStream
from core.media.request import PATIENCE_US, MediaRequest
from core.media.source import Passage, SourceInfo
from core.server.item import Item
from core.server.limited import GRACE_US, LimitedRunner
from core.step import TrackStarted
from tests.fakes.clock import FakeClock
from tests.fakes.rig import ramp
from tests.fakes.runner import InlineRunner
from tests.fakes.stage import Material, Stage, request, staged

LIMIT_US = 3_000_000


class Slow(Material):
    """One whose calls go on, as they do while a byte comes now and then, until the limit is over or it is closed."""

    def __init__(self, clock: FakeClock, *, slow_open: bool = False, slow_read_at: int | None = None) -> None:
        super().__init__(ramp(48_000))
        self._clock = clock
        self._slow_open = slow_open
        self._slow_read_at = slow_read_at
        self.gives_the_rest = False

    def open(self) -> SourceInfo:
        if self._slow_open:
            self._take_long()
        return super().open()

    def read(self, frame_count: int) -> Passage | None:
        if self.read_count == self._slow_read_at:
            self._take_long()
        return super().read(frame_count)

    def _take_long(self) -> None:
        for _ in range(100):
            self._clock.advance(1_000_000)
            if self.is_closed and self.gives_the_rest:
                return
            if self.is_closed:
                raise MediaError("the medium was closed")
        pytest.fail("nobody closed it")


class HangingRunner(InlineRunner):
    """One whose calls begin and never return."""

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        call(lambda: None)  # type: ignore[call-arg, arg-type]
        await asyncio.Event().wait()
        raise AssertionError


def limited(clock: FakeClock, material: Material, runner: InlineRunner | None = None) -> LimitedRunner:
    return LimitedRunner(
        runner or InlineRunner(), clock=clock, limit_us=LIMIT_US, source=lambda: material, error=MediaDecodeError
    )


async def test_what_returns_in_time_is_left_alone() -> None:
    clock = FakeClock()
    material = Material(ramp(1_000))
    passage = await limited(clock, material).run(material.read, 100)
    assert passage is not None
    assert len(passage.block) == 100
    await clock.sleep(10 * LIMIT_US)
    assert not material.is_closed


async def test_what_takes_too_long_is_closed_and_says_why() -> None:
    clock = FakeClock()
    material = Slow(clock, slow_read_at=0)
    begun_at = clock.now()
    with pytest.raises(MediaDecodeError, match="no audio came for 3 s"):
        await limited(clock, material).run(material.read, 100)
    assert material.is_closed
    assert clock.now() - begun_at == LIMIT_US


async def test_what_it_still_had_is_heard_and_after_that_it_says_why() -> None:
    clock = FakeClock()
    material = Slow(clock, slow_read_at=0)
    material.gives_the_rest = True
    runner = limited(clock, material)
    assert await runner.run(material.read, 100) is not None
    for call in (lambda: None, lambda: (_ for _ in ()).throw(ValueError("closed file"))):
        with pytest.raises(MediaDecodeError, match="no audio came for 3 s"):
            await runner.run(call)


async def test_a_call_that_does_not_even_return_then_is_waited_for_no_longer() -> None:
    clock = FakeClock()
    material = Material(ramp(1_000))
    begun_at = clock.now()
    with pytest.raises(MediaDecodeError, match="no audio came for 3 s"):
        await limited(clock, material, HangingRunner()).run(material.read, 100)
    assert material.is_closed
    assert clock.now() - begun_at == LIMIT_US + GRACE_US


async def test_the_wait_for_a_thread_does_not_count() -> None:
    async with staged() as stage:
        material = Material(ramp(1_000))
        stage.media.shut()
        runner = LimitedRunner(
            stage.media, clock=stage.clock, limit_us=LIMIT_US, source=lambda: material, error=MediaDecodeError
        )
        reading = asyncio.create_task(runner.run(material.read, 100))
        await stage.clock.sleep(10 * LIMIT_US)
        stage.media.open()
        assert await reading is not None
        assert not material.is_closed
        await stage.play(Item(request(Material(ramp(1_000)))))
        await stage.is_finished.wait()


async def test_who_is_cancelled_leaves_no_alarm() -> None:
    clock = FakeClock()
    material = Material(ramp(1_000))
    reading = asyncio.create_task(limited(clock, material, HangingRunner()).run(material.read, 100))
    await clock.sleep(LIMIT_US // 2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await clock.sleep(10 * LIMIT_US)
    assert not material.is_closed


def asked(material: Material, *, patience_us: int = PATIENCE_US) -> MediaRequest:
    return replace(request(material, "slow"), stream=MediaStream(main=material), patience_us=patience_us)


@pytest.mark.parametrize("patience_us", [PATIENCE_US, 45_000_000])
async def test_an_open_is_given_up_when_there_is_no_patience_left(patience_us: int) -> None:
    stage = Stage()
    material = Slow(stage.clock, slow_open=True)
    begun_at = stage.clock.now()
    with pytest.raises(MediaOpenError, match=f"no audio came for {patience_us // 1_000_000} s"):
        await Item(asked(material, patience_us=patience_us)).open(stage.media, stage.clock)
    assert stage.clock.now() - begun_at == patience_us
    await stage.playback.close()


async def test_what_follows_a_medium_that_is_given_up_is_heard() -> None:
    async with staged() as stage:
        material = Slow(stage.clock, slow_read_at=1)
        await stage.play(Item(asked(material)), request(Material(ramp(48_000)), "next"))
        await stage.is_finished.wait()
        assert stage.told(TrackStarted) == ["slow", "next"]
        assert [(name, str(error)) for name, error in stage.failures] == [("slow", "no audio came for 15 s")]
        assert np.array_equal(stage.pcm()[-48_000:], ramp(48_000))
