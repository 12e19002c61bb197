"""One action, several players: the moments that are hard to hit with real players."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import SimpleNamespace
from typing import Any, cast

from homeassistant.core import HomeAssistant
import pytest

from custom_components.resonate.bridge import Bridge
from custom_components.resonate.core.errors import CommandRefusedError, Refusal
from custom_components.resonate.core.server.server import ResonateServer
from custom_components.resonate.core.server.snapshot import ClientSnapshot, GroupSnapshot, PlaybackState, ServerSnapshot
from custom_components.resonate.core.units import ClientId, GroupId
from custom_components.resonate.gathering import Gatherer, Target

A, B, C = ClientId("a"), ClientId("b"), ClientId("c")
type WhenOpen = Callable[[ResonateServer], Awaitable[None]]


class House:
    """A core that only knows who is in which group."""

    def __init__(self) -> None:
        self.group_by_client = {client_id: GroupId(f"group of {client_id}") for client_id in (A, B, C)}
        self.state = PlaybackState.IDLE
        self.is_stopped = False
        self.host: Target | None = None
        self.named: dict[GroupId, list[ClientId]] = {}
        """Named groups, and who would be gathered by them."""
        self.spawned: list[asyncio.Task[None]] = []
        self.gatherer = Gatherer(cast(Bridge, SimpleNamespace(async_ask=self.ask)), self.spawn, self.named)

    @property
    def snapshot(self) -> ServerSnapshot:
        groups = {
            group_id: GroupSnapshot(
                group_id=group_id,
                name="",
                members=tuple(key for key, value in self.group_by_client.items() if value == group_id),
                is_named=group_id in self.named,
                state=self.state,
            )
            for group_id in {*self.group_by_client.values(), *self.named}
        }
        clients = {
            client_id: ClientSnapshot(
                client_id=client_id, name="", group_id=group_id, is_connected=True, is_available=True, is_player=True
            )
            for client_id, group_id in self.group_by_client.items()
        }
        return ServerSnapshot(clients=clients, groups=groups)

    async def move(self, client_id: ClientId, group_id: GroupId | None) -> GroupId:
        self.group_by_client[client_id] = group_id or GroupId(f"new group of {client_id}")
        return self.group_by_client[client_id]

    async def join(self, target: Target, client_ids: Sequence[ClientId]) -> GroupId:
        group_id = self.group_by_client.get(ClientId(target), GroupId(target))
        for client_id in client_ids:
            self.group_by_client[client_id] = group_id
        return group_id

    def audience(self, group_id: GroupId) -> Sequence[ClientId]:
        members = self.snapshot.groups[group_id].members
        return members or self.named.get(group_id, ())

    async def ask(self, ask: Callable[[Any], Coroutine[object, object, object]]) -> object:
        if self.is_stopped:
            raise CommandRefusedError(Refusal.SERVER_STOPPED)
        return await ask(self)

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        self.spawned.append(asyncio.get_running_loop().create_task(work))
        return self.spawned[-1]

    async def play(self, target: Target, when_open: WhenOpen) -> None:
        self.host = target
        await asyncio.sleep(0)
        await when_open(cast(ResonateServer, self))
        self.state = PlaybackState.BUFFERING

    async def end(self) -> None:
        """Let what plays end, and named groups let go."""
        self.state = PlaybackState.IDLE
        for client_id, group_id in self.group_by_client.items():
            if group_id in self.named:
                await self.move(client_id, None)
        self.gatherer.update(self.snapshot)
        await self.settle()

    async def settle(self) -> None:
        for task in self.spawned:
            await task
        self.spawned.clear()

    @property
    def groups(self) -> list[set[ClientId]]:
        return sorted((set(group.members) for group in self.snapshot.groups.values() if group.members), key=min)


@pytest.fixture
async def house(hass: HomeAssistant) -> House:
    return House()


async def together(house: House, *targets: Target) -> None:
    async with asyncio.TaskGroup() as tasks:
        for target in targets:
            tasks.create_task(house.gatherer.async_play("action", target, house.play))


async def test_together_while_it_plays_and_no_longer(house: House) -> None:
    await together(house, A, B, C)
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A, B, C}]
    house.state = PlaybackState.PLAYING
    house.gatherer.update(house.snapshot)
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A}, {B}, {C}]
    house.gatherer.update(house.snapshot)
    assert house.spawned == []


async def test_an_old_picture_parts_nobody(house: House) -> None:
    old = house.snapshot
    house.gatherer.update(old)
    await together(house, A, B)
    await house.settle()
    house.gatherer.update(ServerSnapshot(clients=old.clients, groups={}))
    await house.settle()
    assert house.groups == [{A, B}, {C}]
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A}, {B}, {C}]


async def test_who_has_left_already_is_left_alone(house: House) -> None:
    await together(house, A, B, C)
    await house.settle()
    await house.move(B, GroupId("elsewhere"))
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.group_by_client[B] == "elsewhere"


async def test_a_group_that_is_gone(house: House) -> None:
    await together(house, A, B)
    await house.settle()
    for client_id in (A, B):
        await house.move(client_id, GroupId("elsewhere"))
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A, B}, {C}]


async def test_a_server_that_is_gone(house: House) -> None:
    await together(house, A, B)
    await house.settle()
    house.state = PlaybackState.IDLE
    house.is_stopped = True
    house.gatherer.update(house.snapshot)
    await house.settle()
    house.gatherer.update(house.snapshot)
    assert house.spawned == []


async def test_who_is_forgotten_meanwhile_does_not_stop_the_others(house: House) -> None:
    del house.group_by_client[B]
    await together(house, A, B, C)
    await house.settle()
    assert house.groups == [{A, C}]


async def test_who_gives_up_waiting_takes_nothing_from_the_others(house: House) -> None:
    first = asyncio.get_running_loop().create_task(house.gatherer.async_play("action", A, house.play))
    second = asyncio.get_running_loop().create_task(house.gatherer.async_play("action", B, house.play))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert house.groups == [{A, B}, {C}]


async def test_too_late_for_one_action(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.resonate.gathering.GATHER_WINDOW_S", -1)
    await together(house, A, B)
    assert house.groups == [{A}, {B}, {C}]


async def test_who_belonged_together_before_does_so_afterwards(house: House) -> None:
    await house.join(house.group_by_client[B], [C])
    await together(house, A, B)
    await house.settle()
    assert house.groups == [{A, B, C}]
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A}, {B, C}]


@pytest.mark.parametrize("first", [A, B, C])
async def test_who_was_joined_by_hand_meanwhile_stays_together_whoever_was_first(house: House, first: ClientId) -> None:
    await together(house, first, *{A, B, C} - {first})
    await house.settle()
    house.gatherer.release([A, B])
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A, B}, {C}]


# Named groups among the targets

DOWN, UP = GroupId("down"), GroupId("up")


def name_groups(house: House, **named: list[ClientId]) -> None:
    house.named.update({GroupId(name): client_ids for name, client_ids in named.items()})


@pytest.mark.parametrize("targets", [(DOWN, C), (C, DOWN)])
async def test_a_named_group_hosts_whoever_is_called_with_it(house: House, targets: tuple[Target, ...]) -> None:
    name_groups(house, down=[A, B])
    await together(house, *targets)
    assert house.host == DOWN
    assert house.group_by_client[C] == DOWN
    await house.end()
    assert house.groups == [{A}, {B}, {C}]
    house.gatherer.update(house.snapshot)
    assert house.spawned == []


async def test_a_second_named_group_sends_its_members(house: House) -> None:
    name_groups(house, down=[A], up=[B, C])
    await together(house, DOWN, UP)
    assert house.host == DOWN
    assert {house.group_by_client[client_id] for client_id in (B, C)} == {DOWN}
    await house.end()
    assert house.groups == [{A}, {B}, {C}]


async def test_a_named_group_that_is_late_sends_its_members_to_what_plays(house: House) -> None:
    name_groups(house, down=[B, C])
    await house.gatherer.async_play("action", A, house.play)
    await house.gatherer.async_play("action", DOWN, house.play)
    assert house.groups == [{A, B, C}]
    house.state = PlaybackState.IDLE
    house.gatherer.update(house.snapshot)
    await house.settle()
    assert house.groups == [{A}, {B}, {C}]


async def test_whom_a_second_named_group_would_send_is_there_already(house: House) -> None:
    name_groups(house, down=[A], up=[B, C])
    await together(house, DOWN, A, B, C, UP)
    [parties] = house.gatherer.parties.values()
    assert parties == [(), (A,), (B,), (C,)]


async def test_a_named_group_that_has_nobody_changes_nothing(house: House) -> None:
    name_groups(house, down=[])
    await house.gatherer.async_play("action", A, house.play)
    await house.gatherer.async_play("action", DOWN, house.play)
    assert house.groups == [{A}, {B}, {C}]


async def test_a_party_that_a_named_group_hosted_is_one_again(house: House) -> None:
    name_groups(house, down=[A])
    await house.join(house.group_by_client[B], [C])
    await together(house, DOWN, B)
    assert {house.group_by_client[client_id] for client_id in (B, C)} == {DOWN}
    await house.end()
    assert house.groups == [{A}, {B, C}]


async def test_a_party_that_was_parted_by_hand_meanwhile_is_none_any_more(house: House) -> None:
    name_groups(house, down=[A])
    await house.join(house.group_by_client[B], [C])
    await together(house, DOWN, B)
    house.gatherer.release([C])
    await house.end()
    assert house.groups == [{A}, {B}, {C}]
