"""What players and groups are told of their volume: limits, starts, and commands that were not confirmed yet."""

from collections.abc import AsyncIterator

import pytest

from core.errors import CommandRefusedError, Refusal, UnknownTargetError
from core.server.outbox import MAX_ENTRIES
from core.server.unconfirmed import UNCONFIRMED_US
from core.units import ClientId, GroupId
from tests.fakes.client import MemoryClient, hello_payload
from tests.fakes.home import Home, at_home

KITCHEN, BATH, HALL = ClientId("kitchen"), ClientId("bath"), ClientId("hall")
ALL = GroupId("all")


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with at_home() as home:
        yield home


async def join(home: Home, name: str, commands: list[str] | None = None, **player: object) -> MemoryClient:
    """Have a player connect that takes these commands, and tell its state."""
    client = MemoryClient(name).connect(home.server.accept)
    support = hello_payload(name)["player@v1_support"]
    assert isinstance(support, dict)
    support["supported_commands"] = ["volume", "mute"] if commands is None else commands
    client.say("client/hello", hello_payload(name, **{"player@v1_support": support}))  # type: ignore[arg-type]
    client.say_state(**player)
    await home.pass_s(0)
    home.clients[name] = client
    return client


def told(client: MemoryClient) -> list[tuple[str, object]]:
    """Return the commands that a player was sent, each with its value."""
    commands = [payload["player"] for payload in client.got("server/command")]
    return [(command["command"], command.get("volume", command.get("mute"))) for command in commands]


async def gather(home: Home, **volumes: int) -> list[MemoryClient]:
    clients = [await join(home, name, volume=volume) for name, volume in volumes.items()]
    await home.gather(ALL, *volumes)
    await home.pass_s(0)
    return clients


def reads(home: Home) -> tuple[int | None, bool | None]:
    group = home.group(ALL)
    return group.volume, group.is_muted


# A group


async def test_members_keep_their_differences(home: Home) -> None:
    clients = await gather(home, kitchen=90, bath=50, hall=40)
    assert reads(home) == (60, False)
    await home.server.set_group_volume(ALL, 80)
    await home.pass_s(0)
    assert [told(client) for client in clients] == [[("volume", 100)], [("volume", 75)], [("volume", 65)]]
    await home.server.set_group_volume(KITCHEN, 80)
    await home.pass_s(0)
    assert [len(told(client)) for client in clients] == [1, 1, 1]


async def test_members_without_a_volume_do_not_count(home: Home) -> None:
    kitchen = await join(home, "kitchen", volume=20)
    bath = await join(home, "bath", ["mute"], volume=100, muted=True)
    hall = await join(home, "hall", ["volume"], volume=40)
    await home.gather(ALL, "kitchen", "bath", "hall")
    group = home.group(ALL)
    assert (group.volume, group.is_muted, group.can_set_volume, group.can_mute) == (30, False, True, True)
    await home.server.set_group_volume(ALL, 40)
    await home.server.set_group_muted(ALL, True)
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 30), ("mute", True)]
    assert told(bath) == [("mute", True)]
    assert told(hall) == [("volume", 50)]
    assert reads(home) == (40, True)


async def test_without_any_member_that_can_it_is_refused(home: Home) -> None:
    await join(home, "kitchen", [], volume=20)
    group_id = await home.gather(ALL, "kitchen")
    group = home.group(ALL)
    assert (group.volume, group.is_muted, group.can_set_volume, group.can_mute) == (None, None, False, False)
    with pytest.raises(CommandRefusedError) as no_volume:
        await home.server.set_group_volume(group_id, 1)
    with pytest.raises(CommandRefusedError) as no_mute:
        await home.server.set_group_muted(KITCHEN, True)
    assert (no_volume.value.refusal, no_mute.value.refusal) == (Refusal.NO_VOLUME, Refusal.NO_MUTE)
    for call in (home.server.set_group_volume(GroupId("x"), 1), home.server.set_group_muted(GroupId("x"), True)):
        with pytest.raises(UnknownTargetError):
            await call


async def test_who_is_not_there_does_not_count(home: Home) -> None:
    kitchen, bath = await gather(home, kitchen=20, bath=60)
    assert reads(home) == (40, False)
    bath.transport.lose()
    await home.pass_s(0)
    assert reads(home) == (20, False)
    await home.server.set_group_volume(ALL, 30)
    kitchen.transport.lose()
    await home.pass_s(0)
    assert reads(home) == (None, None)
    with pytest.raises(CommandRefusedError):
        await home.server.set_group_volume(ALL, 30)


async def test_who_has_told_no_volume_is_told_that_of_the_group(home: Home) -> None:
    kitchen, bath = await join(home, "kitchen", volume=None, muted=None), await join(home, "bath", volume=40)
    await home.gather(ALL, "kitchen", "bath")
    assert reads(home) == (40, False)
    await home.server.set_group_volume(ALL, 70)
    await home.pass_s(0)
    assert told(kitchen) == told(bath) == [("volume", 70)]


async def test_who_has_told_nothing_yet_is_left_alone(home: Home) -> None:
    await gather(home, kitchen=20)
    bath = MemoryClient("bath").connect(home.server.accept)
    bath.say_hello()
    await home.pass_s(0)
    await home.server.move(BATH, ALL)
    await home.server.set_group_volume(ALL, 40)
    await home.pass_s(0)
    assert (told(bath), reads(home)) == ([], (40, False))


async def test_muted_only_if_all_are_and_volume_leaves_it(home: Home) -> None:
    kitchen, bath = await gather(home, kitchen=20, bath=60)
    kitchen.say_state(volume=20, muted=True)
    await home.pass_s(0.1)
    assert reads(home) == (40, False)
    bath.say_state(volume=60, muted=True)
    await home.pass_s(0.1)
    assert reads(home) == (40, True)
    await home.server.set_group_volume(ALL, 50)
    await home.pass_s(0)
    assert (told(kitchen), told(bath)) == ([("volume", 30)], [("volume", 70)])


# Not confirmed yet


async def test_quick_steps_start_from_what_was_told(home: Home) -> None:
    kitchen, bath = await gather(home, kitchen=20, bath=40)
    for volume in (40, 50):
        await home.server.set_group_volume(ALL, volume)
        assert home.group(ALL).volume == volume
    await home.pass_s(0.1)
    assert told(kitchen) == [("volume", 30), ("volume", 40)]
    assert told(bath) == [("volume", 50), ("volume", 60)]
    shown = home.pictures[-1]
    assert shown.groups[ALL].volume == 50
    assert [shown.clients[key].volume for key in (KITCHEN, BATH)] == [20, 40]
    kitchen.say_state(volume=30)  # the answer to the first
    await home.pass_s(0.1)
    assert reads(home) == (50, False)
    kitchen.say_state(volume=40)
    bath.say_state(volume=60)
    await home.pass_s(0.1)
    assert reads(home) == (50, False)
    kitchen.say_state(volume=0)  # by hand
    await home.pass_s(0.1)
    assert reads(home) == (30, False)


async def test_what_is_not_confirmed_for_two_seconds_counts_no_more(home: Home) -> None:
    kitchen, _ = await gather(home, kitchen=20, bath=40)
    await home.server.set_volume(KITCHEN, 60)
    await home.server.set_group_muted(ALL, True)
    await home.clock.sleep(UNCONFIRMED_US - 1)
    assert reads(home) == (50, True)
    assert home.pictures[-1].groups[ALL].volume == 50
    await home.clock.sleep(1)
    await home.pass_s(0.1)
    assert home.pictures[-1].groups[ALL].volume == 30
    assert reads(home) == (30, False)
    await home.server.set_volume(KITCHEN, 61)
    kitchen.say_state(volume=60)
    await home.pass_s(3)
    assert reads(home) == (50, False)


async def test_each_command_has_two_seconds_of_its_own(home: Home) -> None:
    await gather(home, kitchen=20)
    await home.server.set_volume(KITCHEN, 60)
    await home.pass_s(1.5)
    await home.server.set_volume(KITCHEN, 70)
    await home.pass_s(1.5)
    assert reads(home) == (70, False)
    await home.pass_s(1)
    assert reads(home) == (20, False)


async def test_a_new_connection_owes_nothing(home: Home) -> None:
    await gather(home, kitchen=20)
    await home.server.set_group_volume(ALL, 60)
    await join(home, "kitchen", volume=20)
    assert reads(home) == (20, False)


@pytest.mark.parametrize("name", ["volume", "mute"])
async def test_a_command_too_many_ends_the_session_and_nothing_is_owed(home: Home, name: str) -> None:
    await gather(home, kitchen=20)
    for _ in range(MAX_ENTRIES):
        await home.server.set_volume(KITCHEN, 60)
    assert reads(home) == (60, False)
    if name == "volume":
        await home.server.set_volume(KITCHEN, 60)
    else:
        await home.server.set_muted(KITCHEN, True)
    await home.pass_s(0.1)
    assert reads(home) == (None, None)
    assert not home.clock.pending


async def test_what_is_confirmed_counts_no_more(home: Home) -> None:
    (kitchen,) = await gather(home, kitchen=20)
    await home.server.set_volume(KITCHEN, 60)
    await home.server.set_muted(KITCHEN, True)
    kitchen.say_state(volume=60, muted=True)
    await home.pass_s(0.1)
    kitchen.say_state(volume=59, muted=False)
    await home.pass_s(0.1)
    assert reads(home) == (59, False)


# Limits


async def test_nothing_is_told_that_is_louder_than_allowed(home: Home) -> None:
    home.server.set_limits(KITCHEN, max_volume=60)
    kitchen, bath = await gather(home, kitchen=50, bath=50)
    await home.server.set_volume(KITCHEN, 90)
    kitchen.say_state(volume=60)
    await home.pass_s(0)
    await home.server.set_group_volume(ALL, 70)
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 60)]
    assert told(bath) == [("volume", 80)]
    assert reads(home) == (70, False)
    await home.server.set_group_volume(ALL, 100)
    await home.pass_s(0)
    assert (told(kitchen), told(bath)) == ([("volume", 60)], [("volume", 80), ("volume", 100)])
    assert reads(home) == (80, False)


async def test_louder_by_hand_is_turned_down_once_a_report(home: Home) -> None:
    home.server.set_limits(KITCHEN, max_volume=60)
    kitchen = await join(home, "kitchen", volume=90)
    assert told(kitchen) == [("volume", 60)]
    for change in ({"volume": 90, "static_delay_ms": 5}, {"volume": 60}, {"volume": 61}):
        kitchen.say_state(**change)
        await home.pass_s(0)
    assert told(kitchen) == [("volume", 60), ("volume", 60)]
    await home.server.set_volume(KITCHEN, 20)
    kitchen.say_state(volume=80)  # while that is on its way
    await home.pass_s(0)
    assert told(kitchen)[2:] == [("volume", 20), ("volume", 20)]


async def test_a_limit_holds_at_once_and_can_be_taken_back(home: Home) -> None:
    kitchen = await join(home, "kitchen", volume=90)
    home.server.set_limits(BATH, max_volume=10)
    home.server.set_limits(KITCHEN, max_volume=95)
    await home.pass_s(0)
    assert told(kitchen) == []
    home.server.set_limits(KITCHEN, max_volume=60)
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 60)]
    home.server.set_limits(KITCHEN)
    await home.server.set_volume(KITCHEN, 100)
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 60), ("volume", 100)]


async def test_each_connection_begins_at_the_volume_for_the_start(home: Home) -> None:
    home.server.set_limits(KITCHEN, start_volume=30)
    kitchen = await join(home, "kitchen", volume=90)
    assert told(kitchen) == [("volume", 30)]
    kitchen.say_state(volume=70)
    await home.pass_s(0)
    home.server.set_limits(KITCHEN, start_volume=40)
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 30)]
    assert told(await join(home, "kitchen", volume=70)) == [("volume", 40)]
    home.server.set_limits(KITCHEN, max_volume=20, start_volume=40)
    await home.pass_s(0)
    assert told(home.clients["kitchen"])[1:] == [("volume", 20)]
    assert told(await join(home, "kitchen", volume=20)) == [("volume", 20)]


async def test_who_takes_no_volume_is_told_none(home: Home) -> None:
    for name in (KITCHEN, BATH):
        home.server.set_limits(name, max_volume=20, start_volume=10)
    kitchen = await join(home, "kitchen", ["mute"], volume=90)
    bath = await home.join("bath", supported_roles=["metadata@v1"])
    home.server.set_limits(KITCHEN, max_volume=15)
    await home.pass_s(0)
    assert (told(kitchen), told(bath)) == ([], [])


async def test_who_takes_a_volume_only_later_begins_then(home: Home) -> None:
    home.server.set_limits(KITCHEN, start_volume=10)
    kitchen = await join(home, "kitchen", [], volume=90)
    assert told(kitchen) == []
    kitchen.say_state(volume=90, supported_commands=["volume"])
    await home.pass_s(0)
    assert told(kitchen) == [("volume", 10)]
