"""What a group does when a step of its own fails: it says so once and plays on, a few times and no more."""

import asyncio
from collections.abc import Callable
import gc
import logging
from weakref import ref

import numpy as np
import pytest

from core.events import MediumState, PlaybackBroke, PlaybackEnded
from core.server.restarts import MAX_RESTARTS, WITHIN_US, Restarts
from core.server.snapshot import PlaybackState
from core.step import StepResult
from core.units import ServerTimeUs
from tests.fakes.house import LEAD_US, House, housed, wish
from tests.fakes.rig import FLAC_44, ramp
from tests.fakes.stage import Material

SECOND = 1_000_000
SOON_US = LEAD_US + 10_000


def break_next_step(house: House) -> None:
    """Let the next step of what plays fail."""
    playback = house.group.performance._playback
    assert playback is not None

    def broken(*_: object) -> StepResult:
        raise ZeroDivisionError("ours")

    playback._renderer.step = broken  # type: ignore[method-assign, assignment]


def broke(house: House) -> list[PlaybackBroke]:
    return [event for event in house.events if isinstance(event, PlaybackBroke)]


def position_us(house: House) -> int:
    """Return what of its medium is heard now, as everybody is told."""
    snapshot = house.group.snapshot()
    assert snapshot.position_us is not None
    assert snapshot.position_at is not None
    return snapshot.position_us + house.clock.now() - snapshot.position_at


async def test_goes_on_where_it_was_heard_after_a_short_gap_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with housed("ann") as house:
        bob = house.add("bob", FLAC_44)
        material = Material(ramp(32_768), repeats=100)
        await house.group.play([wish(material)])
        await house.clock.sleep(5 * SECOND)
        heard_us = position_us(house)
        broken_at = house.clock.now()
        break_next_step(house)
        await house.clock.sleep(SECOND)
        first = house.sessions["ann"].chunks[0]
        assert broken_at < first.start <= broken_at + 200_000 + SOON_US  # at the next step, and a lead after it
        # The first frame is the one that was being heard when it broke.
        gap_us = first.start - broken_at
        assert house.state() == PlaybackState.PLAYING
        frame = round(float(house.pcm("ann")[0, 0]) * 32_768)
        restarted_us = (house.group.snapshot().position_us or 0) - heard_us
        assert 0 <= restarted_us < 200_000 + 1_000
        assert gap_us - restarted_us <= SOON_US
        assert frame == round((heard_us + restarted_us) * 48_000 / SECOND) % 32_768
        heard = house.pcm("ann")
        assert np.array_equal(heard, ramp(len(heard), frame))
        for name in ("ann", "bob"):
            assert house.sessions[name].end_count == 1
            assert len(house.sessions[name].starts) == 2
        assert house.media_told() == [("music", MediumState.STARTED)]
        (event,) = broke(house)
        assert (event.error, event.message, event.goes_on) == ("ZeroDivisionError", "ours", True)
        assert not material.is_closed
        assert bob.client_id in house.group.performance.held_bytes
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.exc_info
    assert material.is_closed


async def test_what_follows_still_follows() -> None:
    async with housed("ann") as house:
        second = Material(ramp(10_000, 7))
        await house.group.play([wish(Material(ramp(96_000)), "one"), wish(second, "two"), wish(Material(ramp(9)), "3")])
        await house.clock.sleep(SECOND)  # the second is open already
        break_next_step(house)
        await house.clock.sleep(3 * SECOND)
        assert house.media_told() == [(name, state) for name in ("one", "two", "3") for state in ("started", "ended")]
        assert np.array_equal(house.sent_pcm("ann")[-10_009:], np.concatenate([ramp(10_000, 7), ramp(9)]))
        assert house.state() == PlaybackState.IDLE


async def test_what_was_asked_for_and_not_heard_yet_is_what_is_heard() -> None:
    async with housed("ann") as house:
        old = Material(ramp(48_000), repeats=60)
        await house.group.play([wish(old, "old")])
        await house.clock.sleep(SECOND)
        break_next_step(house)
        await house.group.play([wish(Material(ramp(96_000, 5)), "new", start_us=SECOND // 2)])
        await house.clock.sleep(SECOND)
        assert old.is_closed
        assert np.array_equal(house.pcm("ann")[:9_000], ramp(9_000, 24_005))
        break_next_step(house)
        await house.group.seek(SECOND)
        await house.clock.sleep(SECOND)
        assert np.array_equal(house.pcm("ann")[:9_000], ramp(9_000, 48_005))


async def test_a_scheduled_start_keeps_its_time() -> None:
    async with housed("ann") as house:
        start_at = ServerTimeUs(house.clock.now() + 20 * SECOND)
        await house.group.play([wish(Material(ramp(48_000)))], start_at=start_at)
        break_next_step(house)
        await house.clock.sleep(20 * SECOND + SECOND // 2)
        assert broke(house)
        assert house.sessions["ann"].chunks[0].start == start_at


@pytest.mark.parametrize("when", ["with the pause", "while it is paused"])
async def test_paused_it_stays_paused_where_it_was(when: str) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(32_768), repeats=100))])
        await house.clock.sleep(3 * SECOND)
        if when == "with the pause":
            break_next_step(house)
        await house.group.pause()
        await house.clock.sleep(SECOND)
        paused_us = house.group.snapshot().position_us
        if when == "while it is paused":
            break_next_step(house)
            house.add("bob")
            await house.clock.sleep(SECOND)
        assert len(broke(house)) == 1
        assert (house.state(), house.group.snapshot().position_us) == (PlaybackState.PAUSED, paused_us)
        assert house.sessions["ann"].stream_format is None
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert paused_us is not None
        frame = round(paused_us * 48_000 / SECOND) % 32_768
        assert abs(round(float(house.pcm("ann")[0, 0]) * 32_768) - frame) <= 1
        assert house.state() == PlaybackState.PLAYING


async def test_what_cannot_be_sought_is_opened_anew_once_it_is_closed() -> None:
    async with housed("ann") as house:
        radio = Material(ramp(32_768), repeats=100, is_seekable=False, is_live=True)
        log: list[str] = []
        for name in ("open", "close"):
            log_calls(radio, name, log)
        await house.group.play([wish(radio, "radio"), wish(Material(ramp(9)), "next")])
        await house.clock.sleep(2 * SECOND)
        break_next_step(house)
        await house.clock.sleep(SECOND)
        assert log == ["open", "close", "open"]
        assert house.state() == PlaybackState.PLAYING
        assert house.media_told() == [("radio", "started")]
        assert [entry.request.media_id for entry in house.group.snapshot().queue.entries] == ["radio", "next"]


async def test_stopped_it_does_not_come_back() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        break_next_step(house)
        await house.group.stop()
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.IDLE
        assert not broke(house)


async def test_between_two_media_it_goes_on_with_the_next() -> None:
    async with housed("ann") as house:
        slow = Material(ramp(48_000, 3))
        house.media.shut(slow)
        await house.group.play([wish(Material(ramp(48_000)), "one"), wish(slow, "two")])
        await house.clock.sleep(5 * SECOND)
        assert ("one", "ended") in house.media_told()
        break_next_step(house)
        house.add("bob")
        await house.clock.sleep(SECOND)
        house.media.open()
        await house.clock.sleep(SECOND // 2)
        assert broke(house)
        assert np.array_equal(house.pcm("ann")[:9_000], ramp(9_000, 3))


async def test_one_that_always_breaks_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with housed("ann") as house:
        material = Material(ramp(48_000), repeats=60)
        await house.group.play([wish(material)])
        await house.clock.sleep(SECOND)
        run = house.render.run

        async def broken(*_: object) -> None:
            raise ZeroDivisionError("ours")

        house.render.run = broken  # type: ignore[method-assign, assignment]
        await house.clock.sleep(SECOND)
        assert [event.goes_on for event in broke(house)] == [True] * MAX_RESTARTS + [False]
        assert isinstance(house.events[-1], PlaybackEnded)
        assert house.state() == PlaybackState.IDLE
        assert material.is_closed
        # The next playing begins anew.
        house.render.run = run  # type: ignore[method-assign]
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        break_next_step(house)
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING


async def test_a_playing_that_broke_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "core.server.playback")  # pytest keeps records, and they hold tracebacks
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=6000))])
        gone = []
        for _ in range(5):
            await house.clock.sleep(70 * SECOND)
            gone.append(ref(house.group.performance._playback))
            break_next_step(house)
        await house.clock.sleep(SECOND)
        gc.collect()
        assert [broken() for broken in gone] == [None] * 5
        assert len(asyncio.all_tasks()) <= 3  # this one, the loop, the reading


def test_three_a_minute_and_no_more() -> None:
    restarts = Restarts()
    assert [restarts.allow(ServerTimeUs(at * SECOND)) for at in (1, 2, 3, 4, 60)] == [True] * 3 + [False] * 2
    assert restarts.allow(ServerTimeUs(SECOND + WITHIN_US))
    assert not restarts.allow(ServerTimeUs(SECOND + WITHIN_US + 1))


def log_calls(material: Material, name: str, log: list[str]) -> None:
    call: Callable[[], object] = getattr(material, name)

    def logged() -> object:
        log.append(name)
        return call()

    setattr(material, name, logged)
