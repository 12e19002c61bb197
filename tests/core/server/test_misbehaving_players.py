"""Players that misbehave: none of them costs another a sample, nor the server its time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
import gc
from itertools import pairwise
import logging

import pytest

from core.codecs.opus import OpusEncoder
from core.errors import FormatError
from core.events import ClientLost, LossReason
from core.formats import StreamFormat
from core.protocol.websocket import CloseCode
from core.server.audience import SETTLE_US
from core.server.pump import MESSAGES_PER_TURN
from core.server.session import Session
from core.server.snapshot import PlaybackState
from core.stream.pipeline import Pipeline
from core.units import US_PER_S, ClientId, ServerTimeUs
from tests.fakes.client import MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.home import Home
from tests.fakes.house import House, housed, wish
from tests.fakes.hum import hum
from tests.fakes.rig import FLAC_48, OPUS_48, PCM_44, PCM_48, noise
from tests.fakes.stage import Material

ANN = ClientId("ann")
CID = ClientId("cid")
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
    session = house.sessions[BOB]
    for second in range(10):
        before = len(session.starts)
        for turn in range(100):
            session.preferred_format = FORMATS[(second + turn) % len(FORMATS)]
            house.group.company.client_changed()
            await house.clock.sleep(10_000)
        assert 1 <= len(session.starts) - before <= 4


async def wobble(house: House) -> None:
    """Say every 50 ms that another lead, another least buffer and another delay are needed."""
    session = house.sessions[BOB]
    assert session.state is not None
    for turn in range(200):
        session.state = replace(
            session.state,
            required_lead_time_ms=250 + turn % 5 * 100,
            min_buffer_ms=250 + turn % 7 * 300,
            output_delay_ms=turn % 3 * 10,
        )
        house.group.company.client_changed()
        await house.clock.sleep(50_000)
    assert len(session.starts) == 1


async def come_and_go(house: House) -> None:
    """Be used by something else, and be there again, fifty times a second."""
    session = house.sessions[BOB]
    assert session.state is not None
    for turn in range(1_000):
        session.state = replace(session.state, is_available=turn % 2 == 1)
        house.group.company.client_changed()
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
        house.add(BOB, *FORMATS)
        session = house.sessions[BOB]
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(US_PER_S)
        for wished in (FLAC_48, OPUS_48, PCM_48, PCM_44):
            session.preferred_format = wished
            house.group.company.client_changed()
            await house.clock.sleep(SETTLE_US // 4 - 1)
        assert [start.format for start in session.starts] == [PCM_48, FLAC_48]
        await house.clock.sleep(SETTLE_US)
        assert [start.format for start in session.starts] == [PCM_48, FLAC_48, PCM_44]
        await house.clock.sleep(US_PER_S)
        assert len(session.starts) == 3


async def test_a_mind_that_was_changed_back_in_time_changes_nothing() -> None:
    async with housed() as house:
        house.add(BOB, *FORMATS)
        session = house.sessions[BOB]
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        for wished in (FLAC_48, None):
            session.preferred_format = wished
            house.group.company.client_changed()
            await house.clock.sleep(SETTLE_US // 4)
        await house.clock.sleep(US_PER_S)
        assert [start.format for start in session.starts] == [PCM_48]


async def test_a_new_connection_is_served_at_once_and_the_one_after_it_a_little_later() -> None:
    async with housed("ann") as house:
        bob = house.add(BOB, *FORMATS)
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(US_PER_S)
        for is_quick in (False, True):
            session = house.connect(bob, bob.hello)
            session.preferred_format = PCM_44
            house.group.company.session_replaced(bob)
            await house.clock.sleep(10_000)
            assert [start.format for start in session.starts] == ([] if is_quick else [PCM_44])
        await house.clock.sleep(SETTLE_US)
        assert [start.format for start in session.starts] == [PCM_44]
        house.group.company.remove(bob)
        house.group.company.add(bob)
        await house.clock.sleep(10_000)
        assert len(session.starts) == 2


async def test_a_new_medium_is_served_as_wished_at_once() -> None:
    async with housed() as house:
        house.add(BOB, *FORMATS)
        session = house.sessions[BOB]
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(10_000)
        session.preferred_format = OPUS_48
        house.group.company.client_changed()
        await house.clock.sleep(10_000)
        assert [start.format for start in session.starts] == [PCM_48]
        await house.group.stop()
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        await house.clock.sleep(10_000)
        assert [start.format for start in session.starts] == [PCM_48, OPUS_48]


async def test_what_is_left_to_be_changed_ends_with_the_playing() -> None:
    async with housed() as house:
        house.add(BOB, *FORMATS)
        await house.group.play([wish(Material(noise(48_000), repeats=60))])
        house.sessions[BOB].preferred_format = FLAC_48
        house.group.company.client_changed()
        await house.clock.sleep(10_000)
        await house.group.stop()
        outputs = len(house.sessions[BOB].outputs)
        await house.clock.sleep(US_PER_S)
        assert len(house.sessions[BOB].outputs) == outputs


# Who misbehaves on the wire


type Mischief = Callable[[Home], Awaitable[None]]


async def live(clock: FakeClock, mischief: Mischief | None = None) -> Heard:
    """Play to Ann and Cid for a while and let somebody else in, or not; return what they are sent."""
    house = Home(clock)
    ann = await house.join("ann")
    cid = await house.join("cid", stream_format=FLAC_48)
    await house.server.move(CID, house.group_of(ANN))
    begin = clock.now()
    await house.server.play(ANN, [wish(Material(noise(48_000), repeats=14))])
    await house.pass_s(1)
    if mischief is not None:
        await mischief(house)
    await clock.sleep_until(ServerTimeUs(begin + 15 * US_PER_S))
    assert house.server.snapshot.groups[house.group_of(ANN)].state == PlaybackState.IDLE
    await house.server.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [len(client.got("stream/start")) for client in (ann, cid)] == [1, 1]
    return {client.client_id: [(at - begin, data) for at, data in client.audio] for client in (ann, cid)}


@pytest.fixture(scope="module")
def quiet() -> Heard:
    """What Ann and Cid are sent when they are alone."""

    async def alone() -> Heard:
        return await live(FakeClock())

    return asyncio.run(alone())


async def join(house: Home, **changes: object) -> MemoryClient:
    """Let Bob in and into the others' group; he may be turned away."""
    bob = await house.join(BOB, **changes)  # type: ignore[arg-type]
    if BOB in house.server.snapshot.clients:
        await house.server.move(BOB, house.group_of(ANN))
    return bob


def support(capacity: object, *formats: StreamFormat) -> dict[str, object]:
    """Return what a hello says of a player that holds so many bytes."""
    entries = [
        {
            "codec": entry.codec,
            "sample_rate": entry.sample_rate,
            "channels": entry.channel_count,
            "bit_depth": entry.bit_depth,
        }
        for entry in formats or (PCM_48,)
    ]
    return {"player@v1_support": {"supported_formats": entries, "buffer_capacity": capacity}}


@pytest.mark.parametrize("capacity", [0, -1, "much", None, 0.5])
async def test_a_buffer_that_cannot_be_is_a_broken_rule(quiet: Heard, capacity: object) -> None:
    async def come(house: Home) -> None:
        bob = await join(house, **support(capacity))
        assert bob.kinds == []
        assert bob.transport.closed_with == (CloseCode.PROTOCOL_ERROR, "")
        assert BOB not in house.server.snapshot.clients

    assert await live(FakeClock(), come) == quiet


@pytest.mark.parametrize("capacity", [1, 1_000, 4_808, 4_809, 14_000])
async def test_a_buffer_too_small_for_any_format_is_said_and_costs_nothing(
    quiet: Heard, capacity: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def come(house: Home) -> None:
        bob = await join(house, **support(capacity))
        await house.pass_s(3)
        assert bob.audio == []
        assert house.server.snapshot.clients[BOB].is_connected
        await house.server.move(BOB, None)
        with pytest.raises(FormatError, match="Bob has too small a buffer"):
            await house.server.play(BOB, hum())

    assert await live(FakeClock(), come) == quiet
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


async def test_a_buffer_too_small_for_the_best_format_is_filled_with_another(quiet: Heard) -> None:
    async def come(house: Home) -> None:
        bob = await join(house, **support(6_000, PCM_48, OPUS_48))
        await house.pass_s(3)
        assert [start["player"]["codec"] for start in bob.got("stream/start")] == ["opus"]
        spans = {later - sooner for (sooner, _), (later, _) in pairwise(bob.audio)}
        assert len(spans) == 1
        assert bob.audio[-1][0] > house.clock.now()

    assert await live(FakeClock(), come) == quiet


@pytest.mark.parametrize("capacity", [2**31 - 1, 2**53, 10**30])
async def test_a_buffer_without_end_is_filled_no_further_than_any(quiet: Heard, capacity: int) -> None:
    async def come(house: Home) -> None:
        bob = await join(house, **support(capacity))
        await house.pass_s(3)
        assert 1_500_000 < bob.audio[-1][0] - house.clock.now() < 2_500_000

    assert await live(FakeClock(), come) == quiet


async def test_questions_that_come_at_once_are_answered_and_others_have_their_turns(quiet: Heard) -> None:
    async def ask(house: Home) -> None:
        bob = await join(house)
        await house.pass_s(3)
        before = len(bob.got("server/time"))
        for index in range(150):
            bob.say("client/time", {"client_transmitted": index})
        answered = [0]
        while answered[-1] < 150:
            await asyncio.sleep(0)
            answered.append(len(bob.got("server/time")) - before)
        assert max(later - sooner for sooner, later in pairwise(answered)) <= MESSAGES_PER_TURN
        stamps = bob.got("server/time")[before:]
        assert [stamp["client_transmitted"] for stamp in stamps] == list(range(150))

    assert await live(FakeClock(), ask) == quiet


async def test_a_thousand_questions_at_once_end_the_session(quiet: Heard) -> None:
    async def ask(house: Home) -> None:
        bob = await join(house)
        for index in range(1_000):
            bob.say("client/time", {"client_transmitted": index})
        await house.pass_s(1)
        assert len(bob.got("server/time")) == 150
        assert house.server.snapshot.clients[BOB].loss_reason == LossReason.PROTOCOL_ERROR

    assert await live(FakeClock(), ask) == quiet


async def test_one_that_reconnects_all_the_time_costs_others_nothing_and_leaves_nothing(quiet: Heard) -> None:
    async def reconnect(house: Home) -> None:
        await join(house, stream_format=OPUS_48)
        await house.pass_s(1)
        task_count, kept = len(asyncio.all_tasks()), count_alive()
        encoded_count = house.server.statistics.encoded_chunk_count
        for turn in range(200):
            bob = await house.join(BOB, stream_format=OPUS_48)
            if turn % 3 == 0:
                bob.transport.lose()  # otherwise the next one takes its place
            await house.clock.sleep(50_000)
        await house.join(BOB, stream_format=OPUS_48)
        del bob
        await house.pass_s(1)
        assert len(asyncio.all_tasks()) <= task_count
        assert house.server.statistics.encoded_chunk_count < encoded_count + 5_000
        assert len(house.server._registry.sessions) == len(house.server._running) == 3
        assert house.server.snapshot.groups[house.group_of(ANN)].members == (ANN, CID, BOB)
        assert count_alive() == kept

    assert await live(FakeClock(), reconnect) == quiet


def count_alive() -> Counter[str]:
    """Return how many of what a player costs there are."""
    gc.collect()
    return Counter(
        type(each).__name__ for each in gc.get_objects() if isinstance(each, (Session, OpusEncoder, Pipeline))
    )


async def test_one_that_is_out_of_step_or_used_otherwise_is_heard_again_when_it_is_well(quiet: Heard) -> None:
    async def suffer(house: Home) -> None:
        bob = await join(house)
        await house.pass_s(2)
        bob.say("client/state", {"state": "error"})
        await house.pass_s(2)
        assert house.server.snapshot.clients[BOB].is_out_of_sync
        assert len(bob.got("stream/start")) == 1
        assert bob.audio[-1][0] > house.clock.now()  # it is to be sent on
        bob.say("client/state", {"available": False})
        count = len(bob.audio)
        await house.pass_s(2)
        assert len(bob.audio) == count
        assert house.group_of(BOB) != house.group_of(ANN)
        bob.say("client/state", {"state": "synchronized", "available": True})
        await house.pass_s(1)
        await house.server.move(BOB, house.group_of(ANN))
        await house.pass_s(2)
        assert len(bob.got("stream/start")) == 2
        assert bob.audio[-1][0] > house.clock.now()

    assert await live(FakeClock(), suffer) == quiet


async def test_one_that_takes_a_little_now_and_then_is_let_go_when_too_much_waits(
    quiet: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.server.outbox.MAX_QUEUED_US", 5 * US_PER_S)

    async def trickle(house: Home) -> None:
        bob = await join(house)
        await house.pass_s(1)
        bob.transport.is_stuck = True
        for _ in range(9):
            bob.transport.take(100)
            await house.pass_s(1)
        (lost,) = (event for event in house.events if isinstance(event, ClientLost))
        assert lost.reason == LossReason.TOO_SLOW
        assert "ms of audio wait" in lost.detail
        assert not bob.transport.is_open

    assert await live(FakeClock(), trickle) == quiet
