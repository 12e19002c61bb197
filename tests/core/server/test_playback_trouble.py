"""A playing whose media break, hesitate or come at the wrong moment, and whoever asks for several things at once."""

import asyncio
import gc
import logging

import numpy as np
import pytest

from core.commands import AddTrack
from core.errors import CommandRefusedError, MediaDecodeError
from core.media.source import Passage
from core.server.item import Item
from core.step import Halted, TrackEnded, TrackStarted, TrackStarved
from core.stream.topology import Topology
from core.units import TrackId
from tests.fakes.rig import LEAD_US, ramp
from tests.fakes.stage import ANN, Material, Stage, item, request, staged

SECOND = 1_000_000


async def test_a_medium_that_comes_during_the_last_step_is_heard() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(10_000)), "old"))
        new = item(Material(ramp(20_000, 7)), "new")
        await new.open(stage.media, stage.clock)
        run = stage.render.run

        async def last_step(call, *args):  # type: ignore[no-untyped-def]
            result = await run(call, *args)
            if result.is_finished and new.track_id is None:
                stage.playback.play(new)
            return result

        stage.render.run = last_step  # type: ignore[method-assign, assignment]
        await stage.is_finished.wait()
        assert stage.told(TrackStarted) == stage.told(TrackEnded) == ["old", "new"]
        assert np.array_equal(stage.pcm()[-20_000:], ramp(20_000, 7))


async def test_a_seek_during_the_last_step_is_heard() -> None:
    async with staged() as stage:
        it = item(Material(ramp(48_000)))
        await stage.play(it)
        run, sought = stage.render.run, False

        async def last_step(call, *args):  # type: ignore[no-untyped-def]
            nonlocal sought
            result = await run(call, *args)
            if result.is_finished and not sought:
                sought = True
                stage.playback.seek(it, SECOND // 2)
            return result

        stage.render.run = last_step  # type: ignore[method-assign, assignment]
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm()[-24_000:], ramp(24_000, 24_000))


async def test_what_plays_goes_on_as_long_as_what_comes_hesitates() -> None:
    async with staged() as stage:
        old, slow = Material(ramp(60 * 48_000)), Material(ramp(48_000, 5))
        await stage.play(item(old, "old"))
        await stage.clock.sleep(SECOND)
        new = item(slow, "new")
        await new.open(stage.media, stage.clock)
        stage.media.shut(slow)
        stage.playback.play(new)
        await stage.clock.sleep(20 * SECOND)
        assert not stage.told(TrackStarved)
        assert old.is_closed is False
        stage.media.open()
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(48_000, 5))
        assert old.is_closed


async def test_what_was_never_heard_is_let_go_when_something_else_is_asked_for() -> None:
    async with staged() as stage:
        materials = [Material(ramp(48_000, at)) for at in range(30)]
        for at, material in enumerate(materials):
            await stage.play(item(material, str(at)), request(Material(ramp(5))))
        await stage.clock.sleep(SECOND // 2)
        assert [it.is_closed for it in materials] == [True] * 29 + [False]
        assert len(stage.playback._items) <= 2
        await stage.is_finished.wait()
        assert stage.told(TrackStarted)[0] == "29"


async def test_seek_after_seek_while_paused_leaves_no_readings_behind() -> None:
    async with staged() as stage:
        it = item(Material(ramp(48_000), repeats=100))
        await stage.play(it)
        await stage.clock.sleep(SECOND)
        stage.playback.halt()
        for position_s in range(50):
            stage.playback.seek(it, position_s * SECOND)
            await stage.clock.sleep(10_000)
        assert len(stage.playback._readings._readers) <= 2
        (*_, halted) = (event for _, event in stage.events if isinstance(event, Halted))
        assert halted.position_us == 49 * SECOND
        stage.chunks.clear()
        stage.playback.resume()
        await stage.clock.sleep(SECOND // 2)
        assert np.array_equal(stage.pcm()[:20_000], ramp(20_000, 0))


async def test_a_source_that_breaks_while_it_is_let_go_of_is_logged_and_harmless(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with staged() as stage:
        material = Material(ramp(10_000))

        def broken() -> None:
            raise OSError("cannot close")

        material.close = broken  # type: ignore[method-assign]
        await stage.play(item(material))
        await stage.is_finished.wait()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    gc.collect()  # an exception that nobody took would come up here


async def test_an_error_of_our_own_in_a_source_fails_that_medium_only(caplog: pytest.LogCaptureFixture) -> None:
    async with staged() as stage:
        odd = Material(ramp(10_000))

        def broken(frame_count: int) -> Passage | None:
            raise ZeroDivisionError("ours")

        odd.read = broken  # type: ignore[method-assign]
        await stage.play(item(Material(ramp(10_000))), request(odd, "odd"), request(Material(ramp(9, 10_000)), "last"))
        await stage.is_finished.wait()
        assert [(name, type(error)) for name, error in stage.failures] == [("odd", MediaDecodeError)]
        assert np.array_equal(stage.pcm(), ramp(10_009))
    assert "error of our own" in caplog.text


async def test_an_error_of_our_own_in_a_step_ends_the_playing_and_lets_go(caplog: pytest.LogCaptureFixture) -> None:
    async with staged() as stage:
        material = Material(ramp(60 * 48_000))
        await stage.play(item(material))
        await stage.clock.sleep(SECOND)

        def broken(*args: object) -> None:
            raise ZeroDivisionError("ours")

        stage.playback._renderer.step = broken  # type: ignore[method-assign, assignment]
        await stage.is_finished.wait()
    assert material.is_closed
    assert "error of our own" in caplog.text


async def test_a_medium_that_broke_can_be_sought_and_fails_once_for_each_reading() -> None:
    async with staged() as stage:
        it = item(Material(ramp(8 * 48_000), breaks_at=4 * 48_000), "broken")
        await stage.play(it)
        await stage.clock.sleep(3 * SECOND)
        assert len(stage.failures) == 1
        stage.playback.seek(it, SECOND)
        assert it.error is None
        await stage.clock.sleep(SECOND)
        assert len(stage.failures) == 2
        stage.playback.seek(it, 6 * SECOND)  # behind where it broke: nothing is there
        await stage.is_finished.wait()


async def test_an_empty_medium_in_the_middle_and_at_the_end_costs_nothing() -> None:
    async with staged() as stage:
        empty = [Material(ramp(48_000), repeats=0) for _ in range(3)]
        await stage.play(
            item(Material(ramp(10_000)), "0"),
            request(empty[0], "1"),
            request(empty[1], "2"),
            request(Material(ramp(10_000, 10_000)), "3"),
            request(empty[2], "4"),
        )
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(20_000))
        assert stage.told(TrackEnded) == ["0", "1", "2", "3", "4"]
    assert all(material.is_closed for material in empty)


async def test_a_seek_takes_back_what_was_opened_ahead_and_plays_it_in_its_turn() -> None:
    async with staged() as stage:
        materials = [Material(ramp(48_000, at * 100)) for at in range(3)]
        first = item(materials[0], "0")
        await stage.play(first, request(materials[1], "1"), request(materials[2], "2"))
        await stage.clock.sleep(SECOND // 2)
        assert len(stage.playback._items) > 1
        stage.playback.seek(first, SECOND // 2)
        await stage.is_finished.wait()
        assert stage.told(TrackStarted) == ["0", "0", "1", "2"]
        expected = [ramp(24_000, 24_000), ramp(48_000, 100), ramp(48_000, 200)]
        assert np.array_equal(stage.pcm(), np.concatenate(expected))


async def test_what_is_over_or_not_open_cannot_be_sought() -> None:
    async with staged() as stage:
        over = item(Material(ramp(4_800)), "over")
        await stage.play(over, request(Material(ramp(10 * 48_000))))
        await stage.clock.sleep(2 * SECOND)
        with pytest.raises(CommandRefusedError):
            stage.playback.seek(over, 0)
        with pytest.raises(CommandRefusedError):
            stage.playback.seek(item(Material(ramp(5))), 0)


async def test_closing_while_a_medium_is_being_opened_waits_for_it_and_lets_go() -> None:
    stage = Stage()
    slow = Material(ramp(48_000))
    stage.media.shut(slow)
    await stage.play(item(Material(ramp(4_800))), request(slow))
    await stage.clock.sleep(SECOND // 10)
    closing = asyncio.create_task(stage.playback.close())
    await asyncio.sleep(0)
    stage.media.open()
    await closing
    assert stage.is_finished.is_set()
    assert slow.is_closed
    assert not stage.playback._tasks


async def test_closing_again_after_the_end_does_nothing() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(100))))
        await stage.is_finished.wait()
        await stage.playback.close()


async def test_pause_after_pause_and_seek_after_seek_leave_nothing_behind() -> None:
    async with staged() as stage:
        it = item(Material(ramp(48_000), repeats=10**6))
        await stage.play(it)
        for round_ in range(60):
            await stage.clock.sleep(2 * SECOND)
            stage.playback.halt()
            await stage.clock.sleep(SECOND)
            if round_ % 2:
                stage.playback.seek(it, round_ * SECOND)
            stage.playback.resume()
            stage.chunks.clear()
        assert len(stage.playback._readings._readers) <= 2
        assert len(stage.playback._items) == 1
        assert len(stage.playback._tasks) <= 3  # the loop, the reading, and one that makes way for it
        assert len(stage.playback._renderer._lineup._past) <= 1
        assert len(stage.playback._renderer._telling._audible) <= 1


async def test_while_nothing_is_to_be_heard_there_are_no_steps() -> None:
    async with staged() as stage:
        await stage.clock.sleep(3_600 * SECOND)
        assert stage.render.call_count == 1  # the topology
        stage.playback.set_topology(Topology())
        await stage.play(item(Material(ramp(48_000), repeats=3_600)))
        await stage.clock.sleep(600 * SECOND)
        assert stage.render.call_count < 600 * 12


async def test_what_a_step_tells_of_readings_that_are_gone_is_not_passed_on() -> None:
    async with staged() as stage:
        it: Item = item(Material(ramp(60 * 48_000)))
        await stage.play(it)
        await stage.clock.sleep(SECOND)
        stage.playback._commands.append(AddTrack(track_id=TrackId(99)))
        stage.playback.seek(it, 30 * SECOND)
        await stage.clock.sleep(SECOND)
        assert stage.told(TrackEnded) == []
        assert len(stage.told(TrackStarted)) == 2
        first = stage.chunks[ANN][0]
        assert first.start <= stage.clock.now() - SECOND + LEAD_US + 10_000
