"""While nothing plays the server sleeps: no step, no read, no timer but those of connections, no word to anybody."""

import asyncio
from collections.abc import Awaitable, Callable
import json

import pytest

from core.server.pump import Pump
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.server.snapshot import PlaybackState
from core.server.watch import PING_AFTER_US
from core.units import US_PER_S, ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.home import Home, at_home
from tests.fakes.house import wish
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_48, noise, ramp
from tests.fakes.runner import InlineRunner
from tests.fakes.stage import Material

FORMATS = (PCM_48, FLAC_48, FLAC_44, OPUS_48)
HOUR_S = 3_600
QUESTION_S = 5
"""Clients ask for the time about so often once their clocks agree."""


async def settled(home: Home) -> GroupId:
    """Have a group of players of all kinds, and one who is alone."""
    for at, stream_format in enumerate(FORMATS):
        await home.join(f"g{at}", stream_format)
    await home.join("alone")
    group_id = await home.gather("g", "g0", "g1", "g2", "g3")
    await home.pass_s(10)
    return group_id


async def ask_for_the_time(home: Home, client: MemoryClient) -> None:
    """Be a client that is connected and says nothing else."""
    while True:
        client.say("client/time", {"client_transmitted": home.clock.now()})
        await home.clock.sleep(QUESTION_S * US_PER_S)


async def assert_asleep(home: Home, *, seconds: int = HOUR_S) -> None:
    """Let time pass and see that nothing but the connections and their clock questions cost anything."""
    hops, reads, events = home.render.call_count, home.media.call_count, len(home.events)
    tasks = len(asyncio.all_tasks())
    sent = {name: len(client.transport.sent) for name, client in home.clients.items()}
    writes = {name: len(client.transport.writes) for name, client in home.clients.items()}
    asking = [asyncio.create_task(ask_for_the_time(home, client)) for client in home.clients.values()]
    await home.pass_s(seconds)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert (home.render.call_count, home.media.call_count, len(home.events)) == (hops, reads, events)
    assert len(asyncio.all_tasks()) == tasks
    questions = seconds // QUESTION_S + 1
    for name, client in home.clients.items():
        # Replies alone, each a write: not even a ping, for who asks is there.
        said = [json.loads(text)["type"] for text in client.transport.sent[sent[name] :]]
        assert said == ["server/time"] * questions
        assert len(client.transport.writes) - writes[name] == questions
    assert_only_connections_wait(home)


def assert_only_connections_wait(home: Home) -> None:
    """See that each connection waits for a sign of life, and that nobody waits for anything else."""
    alarms = [getattr(call, "__self__", None) for call in home.clock.pending]
    pumps = {getattr(getattr(alarm, "_callback", None), "__self__", None) for alarm in alarms}
    assert all(isinstance(pump, Pump) for pump in pumps)
    assert len(pumps) == len(alarms) == len(home.clients)


async def test_connected_and_nothing_was_ever_played() -> None:
    async with at_home() as home:
        await settled(home)
        assert home.render.call_count == home.media.call_count == 0
        await assert_asleep(home)


async def test_those_who_are_silent_are_pinged_and_that_is_all() -> None:
    async with at_home() as home:
        await settled(home)
        writes = {name: len(client.transport.writes) for name, client in home.clients.items()}
        calls = home.clock.called_count
        await home.pass_s(HOUR_S)
        pings = HOUR_S * US_PER_S // PING_AFTER_US
        for name, client in home.clients.items():
            assert len(client.transport.writes) - writes[name] in (pings - 1, pings)
        # Each ping is a timer, and so is our own sleep; the answer sets the next one.
        assert home.clock.called_count - calls <= len(home.clients) * pings + 1
        assert_only_connections_wait(home)


async def end(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000))), wish(Material(noise(4_800)), "second")])
    await home.pass_s(3)


async def stop(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60))])
    await home.pass_s(3)
    await home.server.stop(group_id)


async def stop_while_paused(home: Home, group_id: GroupId) -> None:
    await pause(home, group_id)
    await home.pass_s(1)
    await home.server.stop(group_id)


async def stop_before_the_start(home: Home, group_id: GroupId) -> None:
    start_at = home.clock.now() + 600 * US_PER_S
    await home.server.play(group_id, [wish(Material(noise(48_000)))], start_at=start_at)  # type: ignore[arg-type]
    await home.pass_s(3)
    await home.server.stop(group_id)


async def stop_with_an_appointment(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60))])
    await home.pass_s(3)
    await home.server.stop(group_id, at=home.clock.now() + 600 * US_PER_S)  # type: ignore[arg-type]
    await home.server.stop(group_id)


async def pause(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60))])
    await home.pass_s(3)
    await home.server.pause(group_id)


async def pause_a_radio(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60, is_live=True))])
    await home.pass_s(3)
    await home.server.pause(group_id)


async def seek_while_paused(home: Home, group_id: GroupId) -> None:
    await pause(home, group_id)
    await home.server.seek(group_id, 20 * US_PER_S)


async def break_off(home: Home, group_id: GroupId) -> None:
    await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60, breaks_at=48_000))])
    await home.pass_s(3)


type Act = Callable[[Home, GroupId], Awaitable[None]]


@pytest.mark.parametrize(
    "act", [end, stop, stop_while_paused, stop_before_the_start, stop_with_an_appointment, break_off]
)
async def test_after_a_playing(act: Act) -> None:
    async with at_home() as home:
        group_id = await settled(home)
        tasks = asyncio.all_tasks()
        await act(home, group_id)
        assert home.group("g").state == PlaybackState.IDLE
        await home.pass_s(1)
        assert asyncio.all_tasks() == tasks
        assert_only_connections_wait(home)
        await assert_asleep(home)


@pytest.mark.parametrize("act", [pause, pause_a_radio, seek_while_paused])
async def test_while_it_is_paused(act: Act) -> None:
    """What was being read ahead is read until there is no more room: that takes no second."""
    async with at_home() as home:
        group_id = await settled(home)
        await act(home, group_id)
        await home.pass_s(1)
        assert home.group("g").state == PlaybackState.PAUSED
        await assert_asleep(home)
        await home.server.resume(group_id)
        await home.pass_s(1)
        assert home.group("g").state == PlaybackState.PLAYING


async def test_a_pause_of_an_hour_reads_no_further_than_there_is_room() -> None:
    async with at_home() as home:
        group_id = await settled(home)
        material = Material(ramp(48_000), repeats=10_000)
        await home.server.play(group_id, [wish(material)])
        await home.pass_s(3)
        await home.server.pause(group_id)
        await home.pass_s(HOUR_S)
        heard_s, horizon_s, decoded_s, read_s = 3, 2, 1, 5
        assert material.read_count <= 2 * (heard_s + horizon_s + decoded_s + read_s + 1)  # half a second each


async def test_one_that_plays_wakes_nobody_else() -> None:
    async with at_home() as home:
        group_id = await settled(home)
        alone = home.clients["alone"].transport
        await home.server.play(group_id, [wish(Material(noise(48_000), repeats=600))])
        await home.pass_s(1)
        writes = len(alone.writes)
        await home.pass_s(40)
        assert len(alone.writes) - writes in (1, 2)  # pings


async def test_without_clients_there_are_no_timers_at_all() -> None:
    clock = FakeClock()
    settings = ServerSettings(server_id="s" * 43, name="Home", host="127.0.0.1", port=0)
    render, content = InlineRunner(), InlineRunner()
    server = ResonateServer(settings, clock=clock, render=render, media=content)
    await server.start()
    loop = asyncio.get_running_loop()
    try:
        for _ in range(20):
            await asyncio.sleep(0)
        assert clock.pending == []
        assert not loop._scheduled  # type: ignore[attr-defined]
        assert not loop._ready  # type: ignore[attr-defined]
        client = MemoryClient().connect(server.accept)
        client.introduce()
        await clock.sleep(10 * US_PER_S)
        assert len(clock.pending) == 1
        client.transport.close_by_peer()
        await clock.sleep(1)
        assert not server.snapshot.clients[ClientId("kitchen")].is_connected
        assert clock.pending == []
        assert not loop._scheduled  # type: ignore[attr-defined]
        assert render.call_count == content.call_count == 0
    finally:
        await server.close()
