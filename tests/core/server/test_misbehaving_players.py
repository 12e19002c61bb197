"""Players that misbehave: none of them costs another a sample, nor the server its time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from core.server.audience import SETTLE_US
from core.server.snapshot import PlaybackState
from core.units import US_PER_S, ClientId, ServerTimeUs
from tests.fakes.clock import FakeClock
from tests.fakes.house import House, housed, wish
from tests.fakes.rig import FLAC_48, OPUS_48, PCM_44, PCM_48, noise
from tests.fakes.stage import Material

BOB = ClientId("bob")
FORMATS = (PCM_48, FLAC_48, OPUS_48, PCM_44)

type Heard = dict[str, list[tuple[int, bytes]]]
type Disturb = Callable[[House], Awaitable[None]]


async def listen(clock: FakeClock, disturb: Disturb | None = None) -> tuple[Heard, House]:
    """Play to three while Bob, one of them, does as he likes; return what the two others are sent, and the house."""
    async with housed("ann", clock=clock) as house:
        house.add("cid", FLAC_48)
        house.add(BOB, *FORMATS)
        begin = house.clock.now()
        await house.group.play([wish(Material(noise(48_000), repeats=12))])
        await house.clock.sleep(US_PER_S)
        if disturb is not None:
            await disturb(house)
        await house.clock.sleep_until(ServerTimeUs(begin + 13 * US_PER_S))
        assert house.state() == PlaybackState.IDLE
        heard = {
            name: [
                (chunk.start - begin, chunk.data) for output in house.sessions[name].outputs for chunk in output.chunks
            ]
            for name in ("ann", "cid")
        }
        assert all(len(house.sessions[name].starts) == 1 for name in heard)
        return heard, house


# Who changes its mind all the time


async def flip_formats(house: House) -> None:
    """Ask for another format a hundred times a second."""
    bob, session = house.group.members[BOB], house.sessions[BOB]
    for second in range(10):
        before = len(session.starts)
        for turn in range(100):
            session.preferred_format = FORMATS[(second + turn) % len(FORMATS)]
            house.group.client_changed(bob)
            await house.clock.sleep(10_000)
        assert 1 <= len(session.starts) - before <= 4


async def wobble(house: House) -> None:
    """Say every 50 ms that another lead, another least buffer and another delay are needed."""
    bob, session = house.group.members[BOB], house.sessions[BOB]
    assert session.state is not None
    for turn in range(200):
        session.state = replace(
            session.state,
            required_lead_time_ms=250 + turn % 5 * 100,
            min_buffer_ms=250 + turn % 7 * 300,
            output_delay_ms=turn % 3 * 10,
        )
        house.group.client_changed(bob)
        await house.clock.sleep(50_000)
    assert len(session.starts) == 1


async def come_and_go(house: House) -> None:
    """Be used by something else, and be there again, fifty times a second."""
    bob, session = house.group.members[BOB], house.sessions[BOB]
    assert session.state is not None
    for turn in range(1_000):
        session.state = replace(session.state, is_available=turn % 2 == 1)
        house.group.client_changed(bob)
        await house.clock.sleep(10_000)
    assert len(session.starts) <= 41


@pytest.mark.parametrize("disturb", [flip_formats, wobble, come_and_go])
async def test_who_changes_its_mind_all_the_time_costs_little_and_others_nothing(disturb: Disturb) -> None:
    clock = FakeClock()
    quiet, house = await listen(clock)
    quiet_steps = house.render.call_count
    heard, house = await listen(clock, disturb)
    assert heard == quiet
    # A change costs a step or two; who comes and goes changes twice.
    assert house.render.call_count <= quiet_steps + 3 * 10 * US_PER_S // SETTLE_US


async def test_a_change_after_a_quiet_time_is_served_at_once_and_the_latest_wish_in_the_end() -> None:
    async with housed() as house:
        bob = house.add(BOB, *FORMATS)
        session = house.sessions[BOB]
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(US_PER_S)
        for wished in (FLAC_48, OPUS_48, PCM_48, PCM_44):
            session.preferred_format = wished
            house.group.client_changed(bob)
            await house.clock.sleep(SETTLE_US // 4 - 1)
        assert [start.format for start in session.starts] == [PCM_48, FLAC_48]
        await house.clock.sleep(SETTLE_US)
        assert [start.format for start in session.starts] == [PCM_48, FLAC_48, PCM_44]
        await house.clock.sleep(US_PER_S)
        assert len(session.starts) == 3


async def test_a_mind_that_was_changed_back_in_time_changes_nothing() -> None:
    async with housed() as house:
        bob = house.add(BOB, *FORMATS)
        session = house.sessions[BOB]
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        for wished in (FLAC_48, None):
            session.preferred_format = wished
            house.group.client_changed(bob)
            await house.clock.sleep(SETTLE_US // 4)
        await house.clock.sleep(US_PER_S)
        assert [start.format for start in session.starts] == [PCM_48]


async def test_a_new_connection_and_a_new_medium_are_served_as_wished_at_once() -> None:
    async with housed() as house:
        bob = house.add(BOB, *FORMATS)
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(10_000)
        session = house.connect(bob, bob.hello)
        session.preferred_format = FLAC_48
        house.group.session_replaced(bob)
        await house.clock.sleep(10_000)
        assert [start.format for start in session.starts] == [FLAC_48]
        session.preferred_format = OPUS_48
        house.group.client_changed(bob)
        await house.clock.sleep(10_000)
        assert len(session.starts) == 1
        await house.group.stop()
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(10_000)
        assert [start.format for start in session.starts] == [FLAC_48, OPUS_48]


async def test_what_is_left_to_be_changed_ends_with_the_playing() -> None:
    async with housed() as house:
        bob = house.add(BOB, *FORMATS)
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        house.sessions[BOB].preferred_format = FLAC_48
        house.group.client_changed(bob)
        await house.clock.sleep(10_000)
        await house.group.stop()
        outputs = len(house.sessions[BOB].outputs)
        await house.clock.sleep(US_PER_S)
        assert len(house.sessions[BOB].outputs) == outputs
