"""What is to begin, pause or end at an instant."""

import pytest

from core.errors import CommandRefusedError
from core.server.snapshot import PlaybackState
from core.units import ServerTimeUs
from tests.fakes.house import House, housed, wish
from tests.fakes.rig import ramp
from tests.fakes.stage import Material

SECOND = 1_000_000


async def playing(house: House) -> None:
    await house.group.play([wish(Material(ramp(48_000), repeats=60))])
    await house.clock.sleep(2 * SECOND)


def in_s(house: House, seconds: int) -> ServerTimeUs:
    return ServerTimeUs(house.clock.now() + seconds * SECOND)


async def test_a_stop_comes_at_its_instant_and_not_before() -> None:
    async with housed("ann") as house:
        await playing(house)
        await house.group.stop(at=in_s(house, 5))
        await house.clock.sleep(5 * SECOND - 1_000)
        assert house.state() == PlaybackState.PLAYING
        assert house.sessions["ann"].end_count == 0
        await house.clock.sleep(2_000)
        assert house.state() == PlaybackState.IDLE
        assert house.sessions["ann"].end_count == 1


async def test_a_pause_comes_at_its_instant_and_is_gone_on_from_there() -> None:
    async with housed("ann") as house:
        await playing(house)
        before_us = house.group.snapshot().position_us or 0
        at = house.group.snapshot().position_at
        assert at is not None
        pause_at = in_s(house, 3)
        await house.group.pause(at=pause_at)
        await house.clock.sleep(4 * SECOND)
        assert house.state() == PlaybackState.PAUSED
        assert house.group.snapshot().position_us == pytest.approx(before_us + pause_at - at, abs=100)
        await house.group.resume()
        await house.clock.sleep(60 * SECOND)
        assert house.media_told()[-1] == ("music", "ended")


@pytest.mark.parametrize("wish_for", ["play", "resume", "pause and resume"])
async def test_what_is_asked_for_before_counts_instead(wish_for: str) -> None:
    async with housed("ann") as house:
        await playing(house)
        await house.group.stop(at=in_s(house, 5))
        match wish_for:
            case "play":
                await house.group.play([wish(Material(ramp(48_000), repeats=60), "other")])
            case "resume":
                await house.group.resume()
            case _:
                await house.group.pause()
                await house.group.resume()
        await house.clock.sleep(10 * SECOND)
        assert house.state() == PlaybackState.PLAYING


async def test_the_latest_appointment_counts_and_one_in_the_past_is_now() -> None:
    async with housed("ann") as house:
        await playing(house)
        await house.group.stop(at=in_s(house, 5))
        await house.group.pause(at=in_s(house, 3))
        await house.clock.sleep(10 * SECOND)
        assert house.state() == PlaybackState.PAUSED
        await house.group.stop(at=in_s(house, -1))
        assert house.state() == PlaybackState.IDLE


async def test_a_stop_before_the_start_cancels_it() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000)))], start_at=in_s(house, 10))
        await house.group.stop(at=in_s(house, 5))
        await house.clock.sleep(30 * SECOND)
        assert house.state() == PlaybackState.IDLE
        assert not house.sessions["ann"].chunks
        assert house.media_told() == []


async def test_a_failed_wish_leaves_the_appointment() -> None:
    async with housed("ann") as house:
        await playing(house)
        await house.group.stop(at=in_s(house, 5))
        with pytest.raises(CommandRefusedError):
            await house.group.play([])
        await house.clock.sleep(6 * SECOND)
        assert house.state() == PlaybackState.IDLE


async def test_nothing_left_to_pause_by_then_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000)))])
        await house.group.pause(at=in_s(house, 30))
        await house.clock.sleep(60 * SECOND)
        assert house.state() == PlaybackState.IDLE
        with pytest.raises(CommandRefusedError):
            await house.group.pause(at=in_s(house, 1))
    assert not caplog.records


async def test_groups_that_start_at_one_instant_are_together() -> None:
    async with housed("ann") as one, housed("ann", clock=one.clock) as other:
        start_at = ServerTimeUs(in_s(one, 5) + 7)
        for house in (one, other):
            await house.group.play([wish(Material(ramp(48_000)))], start_at=start_at)
            await house.clock.sleep(SECOND)
        await one.clock.sleep(6 * SECOND)
        for house in (one, other):
            first = next(chunk for output in house.sessions["ann"].outputs for chunk in output.chunks)
            assert (first.start, first.frame) == (start_at, 0)
