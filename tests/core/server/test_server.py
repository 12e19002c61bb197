"""The whole server in virtual time: clients over memory, real groups and encoders, no sockets."""

import asyncio
from collections.abc import AsyncIterator
import logging

import pytest

from core.errors import CommandRefusedError, MediaOpenError, UnknownTargetError
from core.events import ClientConnected, ClientLost, Event, LossReason, MediumChanged, PlaybackEnded
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import SourceInfo
from core.protocol.websocket import CloseCode
from core.server.dialer import DialPolicy, Target
from core.server.notices import SHOW_EVERY_US
from core.server.registry import MAX_CLIENTS
from core.server.snapshot import PlaybackState, ServerSnapshot
from core.server.transport import Transport
from core.units import US_PER_S, ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home as House
from tests.fakes.hum import Hum, hum

KITCHEN = ClientId("kitchen")
BATH = ClientId("bath")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.server.close()
    await house.server.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The picture


async def test_a_client_appears_with_a_group_of_its_own(house: House) -> None:
    assert house.server.snapshot == ServerSnapshot()
    client = await house.join(
        "kitchen",
        device_info={
            "product_name": "Box",
            "manufacturer": "Maker",
            "software_version": "1",
            "mac_address": "AA-BB-CC-DD-EE-FF",
        },
    )
    picture = house.server.snapshot
    assert picture is house.server.snapshot
    assert picture is house.pictures[-1]
    shown = picture.clients[KITCHEN]
    assert (shown.name, shown.is_connected, shown.is_available, shown.is_player) == ("Kitchen", True, True, True)
    assert (shown.volume, shown.is_muted, shown.output_delay_ms, shown.loss_reason) == (50, False, 0, None)
    assert (shown.can_set_volume, shown.can_mute, shown.can_set_output_delay) == (True, True, False)
    assert (shown.product_name, shown.mac_address, shown.address) == ("Box", "aa:bb:cc:dd:ee:ff", "192.0.2.1")
    assert picture.groups[shown.group_id].members == (KITCHEN,)
    assert house.events == [ClientConnected(client_id=KITCHEN)]
    update = client.got("group/update")[0]
    assert update == {"playback_state": "stopped", "group_id": shown.group_id, "group_name": "Kitchen"}


async def test_many_changes_are_few_new_pictures_and_the_last_shows_all(house: House) -> None:
    client = await house.join("kitchen")
    await house.pass_s(1)
    count = len(house.pictures)
    client.say_state(volume=99)
    await house.pass_s(0)
    assert len(house.pictures) == count + 1
    assert house.pictures[-1].clients[KITCHEN].volume == 99
    for volume in range(100):
        client.say_state(volume=volume)
        await house.pass_s(0.01)
    assert len(house.pictures) <= count + 1 + US_PER_S // SHOW_EVERY_US
    assert house.server.snapshot.clients[KITCHEN].volume == 99
    await house.clock.sleep(SHOW_EVERY_US)
    assert house.pictures[-1].clients[KITCHEN].volume == 99


async def test_a_picture_in_which_nothing_is_another_is_not_told(house: House) -> None:
    client = await house.join("kitchen")
    await house.server.play(KITCHEN, hum())
    await house.pass_s(1)
    shown = house.pictures[-1]
    for turn in range(30):
        client.say_state(required_lead_time_ms=250 + turn)
        await house.pass_s(0.05)
    assert house.pictures[-1] is shown
    assert house.server.snapshot == shown
    assert house.server.snapshot.clients[KITCHEN].sent_bytes > shown.clients[KITCHEN].sent_bytes
    client.say_state(volume=51)
    await house.clock.sleep(SHOW_EVERY_US)
    assert house.pictures[-1].clients[KITCHEN].volume == 51


async def test_a_listener_that_fails_or_left_is_of_no_matter(house: House, caplog: pytest.LogCaptureFixture) -> None:
    def fail(what: Event | ServerSnapshot) -> None:
        raise RuntimeError("listener")

    leave = house.server.subscribe(fail)
    await house.join("kitchen")
    assert house.events
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    leave()
    leave()
    house.unsubscribe()
    count = len(house.events)
    caplog.clear()
    await house.join("bath")
    assert len(house.events) == count
    assert not caplog.records


# Lost and back


async def test_lost_stays_known_in_its_group_and_comes_back(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = await house.join("kitchen")
    group_id = house.group_of(KITCHEN)
    client.transport.lose()
    await house.pass_s(10)
    shown = house.server.snapshot.clients[KITCHEN]
    assert (shown.is_connected, shown.loss_reason, shown.volume) == (False, LossReason.CONNECTION_LOST, 50)
    assert (shown.address, shown.stream_format, shown.sent_bytes) == (None, None, 0)
    await house.join("kitchen")
    assert house.group_of(KITCHEN) == group_id
    assert house.server.snapshot.clients[KITCHEN].loss_reason is None
    connected = ClientConnected(client_id=KITCHEN)
    lost = ClientLost(client_id=KITCHEN, reason=LossReason.CONNECTION_LOST, detail="connection lost")
    assert house.events == [connected, lost, connected]
    assert len(caplog.records) == 3


async def test_lost_while_playing_comes_back_into_the_stream(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath")
    await house.server.move(BATH, house.group_of(KITCHEN))
    await house.server.play(KITCHEN, hum())
    await house.pass_s(5)
    bath.transport.lose()
    await house.pass_s(5)
    back = await house.join("bath")
    await house.pass_s(5)
    assert back.got("server/hello")[0]["connection_reason"] == "playback"
    assert back.kinds[-2:] == ["stream/start", "audio"]
    assert len(back.got("stream/start")) == len(kitchen.got("stream/start")) == 1
    assert {stamp for stamp, _ in back.audio} & {stamp for stamp, _ in kitchen.audio}
    spans = [later - sooner for (sooner, _), (later, _) in zip(kitchen.audio, kitchen.audio[1:], strict=False)]
    assert set(spans) == {spans[0]}


async def test_the_new_connection_of_the_same_id_wins(house: House) -> None:
    await house.join("bath")
    old = await house.join("kitchen")
    await house.server.move(KITCHEN, house.group_of(BATH))
    new = await house.join("kitchen")
    assert old.transport.closed_with == (CloseCode.NORMAL, "")
    assert new.transport.is_open
    assert house.group_of(KITCHEN) == house.group_of(BATH) == new.got("group/update")[0]["group_id"]
    assert house.events == [ClientConnected(client_id=BATH), ClientConnected(client_id=KITCHEN)]
    old.say("client/state", {"player": {"volume": 1}})
    await house.pass_s(1)
    assert house.server.snapshot.clients[KITCHEN].volume == 50


async def test_a_storm_of_one_id_leaves_one_session(house: House) -> None:
    clients = [await house.join("kitchen") for _ in range(100)]
    await house.pass_s(1)
    assert [client.transport.is_open for client in clients] == [False] * 99 + [True]
    assert all(client.task is not None and client.task.done() for client in clients[:-1])
    assert len(house.server.snapshot.groups) == 1


async def test_no_more_clients_are_remembered_than_there_is_room_for(house: House) -> None:
    for index in range(MAX_CLIENTS + 20):
        client = await house.join(f"c{index}")
        client.say("client/goodbye", {"reason": "shutdown"})
        await house.pass_s(0)
    picture = house.server.snapshot
    assert len(picture.clients) == len(picture.groups) == MAX_CLIENTS
    assert f"c{MAX_CLIENTS + 19}" in picture.clients
    assert "c19" not in picture.clients


async def test_one_more_than_there_is_room_for_is_turned_away(house: House) -> None:
    for index in range(MAX_CLIENTS):
        await house.join(f"c{index}")
    client = await house.join("late")
    assert not client.transport.is_open
    assert "late" not in house.server.snapshot.clients
    assert all(shown.is_connected for shown in house.server.snapshot.clients.values())


async def test_forgotten_when_it_is_gone_and_not_before(house: House) -> None:
    client = await house.join("kitchen")
    with pytest.raises(CommandRefusedError):
        await house.server.forget(KITCHEN)
    client.transport.lose()
    await house.pass_s(1)
    await house.server.forget(KITCHEN)
    assert not house.server.snapshot.clients
    assert not house.server.snapshot.groups
    with pytest.raises(UnknownTargetError):
        await house.server.forget(KITCHEN)


# Groups


async def test_moving_makes_and_drops_groups(house: House) -> None:
    server = house.server
    kitchen, _ = await house.join("kitchen"), await house.join("bath")
    named = server.create_group("Downstairs", GroupId("fixed"))
    assert (named, server.create_group("Again", GroupId("fixed"))) == ("fixed", "fixed")
    assert await server.move(KITCHEN, named) == await server.move(BATH, named) == named
    assert server.snapshot.groups[named].members == (KITCHEN, BATH)
    assert set(server.snapshot.groups) == {named}
    assert await server.move(KITCHEN, named) == named
    alone = await server.move(KITCHEN, None)
    assert await server.move(KITCHEN, None) == alone
    assert await server.move(BATH, None) != named
    assert server.snapshot.groups[named].members == ()
    await house.pass_s(0)
    assert [update["group_id"] for update in kitchen.got("group/update")][-2:] == [named, alone]
    for call in (
        server.move(ClientId("x"), None),
        server.move(KITCHEN, GroupId("x")),
        server.play(GroupId("x"), hum()),
    ):
        with pytest.raises(UnknownTargetError):
            await call


async def test_who_leaves_does_not_disturb_the_others(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath")
    group_id = await house.server.move(BATH, house.group_of(KITCHEN))
    await house.server.play(group_id, hum())
    await house.pass_s(3)
    await house.server.move(KITCHEN, None)
    await house.pass_s(0)
    assert kitchen.kinds[-1] == "stream/end"
    await house.pass_s(3)
    assert kitchen.kinds[-1] == "stream/end"
    assert bath.kinds[-1] == "audio"
    assert house.server.snapshot.groups[house.group_of(BATH)].state == PlaybackState.PLAYING


async def test_used_by_something_else_steps_aside_once(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath")
    group_id = await house.server.move(BATH, house.group_of(KITCHEN))
    await house.server.play(group_id, hum())
    await house.pass_s(3)
    bath.say("client/state", {"state": "external_source"})
    await house.pass_s(0)
    assert bath.kinds[-1] == "stream/end"
    assert not house.server.snapshot.clients[BATH].is_available
    assert house.group_of(BATH) != group_id
    await house.server.move(BATH, group_id)
    bath.say("client/state", {"player": {"volume": 3}})
    await house.pass_s(0)
    assert house.group_of(BATH) == group_id
    kitchen.say("client/state", {"state": "external_source"})
    await house.server.move(BATH, None)
    await house.pass_s(1)
    assert house.server.snapshot.groups[house.group_of(KITCHEN)].state == PlaybackState.IDLE
    bath.say("client/state", {"state": "synchronized"})
    await house.pass_s(1)
    assert house.server.snapshot.clients[BATH].is_available


# Playing


async def test_plays_to_the_end(house: House) -> None:
    client = await house.join("kitchen")
    await house.server.play(KITCHEN, hum(3))
    await house.pass_s(1)
    shown = house.server.snapshot
    assert shown.groups[house.group_of(KITCHEN)].state == PlaybackState.PLAYING
    assert shown.clients[KITCHEN].stream_format is not None
    await house.pass_s(5)
    assert client.kinds[-1] == "stream/end"
    assert sum(len(data) for _, data in client.audio) == 3 * 48_000 * 4
    assert house.server.snapshot.clients[KITCHEN].sent_bytes == 3 * 48_000 * 4
    assert [type(event) for event in house.events] == [ClientConnected, MediumChanged, MediumChanged, PlaybackEnded]
    assert house.server.statistics.encoded_chunk_count == len(client.audio)


class Broken(Hum):
    """A source that cannot be opened."""

    def open(self) -> SourceInfo:
        raise MediaOpenError("gone")


async def test_who_comes_when_the_medium_is_open_hears_its_beginning(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath")
    group_id = house.group_of(KITCHEN)

    async def gather() -> None:
        await house.server.move(BATH, group_id)

    broken = MediaRequest(stream=MediaStream(main=Broken(1)))
    with pytest.raises(MediaOpenError):
        await house.server.play(KITCHEN, [broken], when_open=gather)
    assert house.group_of(BATH) != group_id
    await house.server.play(KITCHEN, hum(), when_open=gather)
    await house.pass_s(3)
    assert house.group_of(BATH) == group_id
    assert kitchen.audio[0] == bath.audio[0]


async def test_a_medium_is_let_go_when_gathering_fails(house: House) -> None:
    await house.join("kitchen")

    async def fail() -> None:
        raise UnknownTargetError("nobody")

    source = Hum(5)
    with pytest.raises(UnknownTargetError):
        await house.server.play(KITCHEN, [MediaRequest(stream=MediaStream(main=source))], when_open=fail)
    assert source.read(1) is None
    assert house.server.snapshot.groups[house.group_of(KITCHEN)].state == PlaybackState.IDLE


async def test_the_face_reaches_the_group_and_the_player(house: House) -> None:
    server = house.server
    client = await house.join("kitchen")
    group_id = house.group_of(KITCHEN)
    await server.play(group_id, hum())
    await house.pass_s(2)
    await server.pause(KITCHEN)
    await house.pass_s(1)
    assert server.snapshot.groups[group_id].state == PlaybackState.PAUSED
    await server.seek(KITCHEN, 5_000_000)
    await server.resume(KITCHEN)
    await house.pass_s(2)
    assert server.snapshot.groups[group_id].state == PlaybackState.PLAYING
    await server.stop(KITCHEN)
    await house.pass_s(1)
    assert server.snapshot.groups[group_id].state == PlaybackState.IDLE
    await server.set_volume(KITCHEN, 10)
    await server.set_muted(KITCHEN, True)
    with pytest.raises(CommandRefusedError):
        await server.set_output_delay(KITCHEN, 10)
    await house.pass_s(0)
    assert [payload["player"]["command"] for payload in client.got("server/command")] == ["volume", "mute"]
    client.transport.lose()
    await house.pass_s(1)
    with pytest.raises(CommandRefusedError):
        await server.set_volume(KITCHEN, 10)
    with pytest.raises(UnknownTargetError):
        await server.set_volume(ClientId("x"), 10)


async def test_a_stuck_player_is_let_go_and_the_others_hear_no_difference(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath")
    await house.server.move(BATH, house.group_of(KITCHEN))
    await house.server.play(KITCHEN, hum())
    await house.pass_s(3)
    bath.transport.is_stuck = True
    await house.pass_s(10)
    assert house.server.snapshot.clients[BATH].loss_reason == LossReason.TOO_SLOW
    assert not bath.transport.is_open
    spans = {later - sooner for (sooner, _), (later, _) in zip(kitchen.audio, kitchen.audio[1:], strict=False)}
    assert spans == {kitchen.audio[1][0] - kitchen.audio[0][0]}
    assert house.server.snapshot.groups[house.group_of(KITCHEN)].state == PlaybackState.PLAYING


async def test_players_that_dialled_and_players_that_were_dialled_hear_the_same(house: House) -> None:
    kitchen, bath = await house.join("kitchen"), await house.join("bath", is_masking=True)
    await house.server.move(BATH, house.group_of(KITCHEN))
    await house.server.play(KITCHEN, hum(2))
    await house.pass_s(4)
    assert kitchen.audio == bath.audio
    assert len(kitchen.audio) > 10


async def test_statistics_tell_of_what_waits_and_of_a_late_loop(house: House) -> None:
    client = await house.join("kitchen")
    assert house.lag_us() is None
    house.server.measure_loop_lag()
    house.server.measure_loop_lag()
    await house.server.play(KITCHEN, hum())
    await house.pass_s(1.05)
    assert house.lag_us() == 0
    client.transport.is_stuck = True
    await house.pass_s(2)
    statistics = house.server.statistics
    assert statistics.queued_bytes[KITCHEN] > 100_000
    assert statistics.encoded_chunk_count > 50
    house.clock.advance(500_000)
    assert 300_000 < (house.lag_us() or 0) <= 500_000
    await house.pass_s(1.5)
    assert 300_000 < (house.lag_us() or 0) <= 500_000
    await house.pass_s(2)
    assert house.lag_us() == 0


async def test_closing_says_so_to_everybody_within_a_second(house: House) -> None:
    clients = [await house.join(f"c{index}") for index in range(5)]
    await house.server.play(ClientId("c1"), hum())
    await house.pass_s(2)
    began = int(house.clock.now())
    await house.server.close()
    assert int(house.clock.now()) - began < US_PER_S
    assert {client.transport.closed_with for client in clients} == {(CloseCode.GOING_AWAY, "")}
    assert all(not shown.is_connected for shown in house.server.snapshot.clients.values())
    late = MemoryClient("late").connect(house.server.accept)
    late.introduce()
    await house.pass_s(1)
    assert late.transport.is_aborted


# Dialled


async def test_our_own_second_dial_never_takes_the_place_of_the_first(house: House) -> None:
    async def dialled(transport: Transport) -> None:
        target = Target(transport.peer, [], DialPolicy(house.clock.now()))
        reasons.append(await house.server._serve_dialled(transport, target))
        assert target.client_id == KITCHEN

    reasons: list[LossReason] = []
    first = MemoryClient("kitchen", is_masking=True, peer="first").connect(dialled)
    first.introduce()
    await house.pass_s(1)
    second = MemoryClient("kitchen", is_masking=True, peer="second").connect(dialled)
    second.introduce()
    await house.pass_s(1)
    assert (first.transport.is_open, second.transport.is_open) == (True, False)
    assert reasons == [LossReason.REPLACED]
    assert second.messages == []
    # One that comes by itself does: the old connection may be dead without our knowing.
    await house.join("kitchen")
    assert not first.transport.is_open
    assert house.events == [ClientConnected(client_id=KITCHEN)]


async def test_dialling_before_the_start_is_an_attempt_that_failed(house: House) -> None:
    house.server.dial("k", ["ws://192.0.2.1/"])
    await house.pass_s(60)
    house.server.undial("k")
    await house.pass_s(1)
    assert not house.server.snapshot.clients
