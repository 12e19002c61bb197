"""Controllers: what they are told of their group, and what their commands do."""

import asyncio
from collections.abc import AsyncIterator
import logging
from typing import Any, cast

import pytest

from core.errors import MediaOpenError
from core.events import ControllerAction as Action, MediumChanged, MediumState
from core.formats import STEREO
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import SourceInfo
from core.protocol.messages.client_command import ControllerCommand
from core.server.controls import Controls
from core.server.group import ResonateGroup
from core.server.offers import controller_of
from core.server.registry import Registry
from core.server.snapshot import GroupSnapshot, MediumSnapshot, PlaybackState
from core.server.volumes import Volumes
from core.units import US_PER_S, ClientId, GroupId, ServerTimeUs
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home, at_home
from tests.fakes.house import House, housed, wish
from tests.fakes.hum import Hum, hum
from tests.fakes.rig import noise
from tests.fakes.stage import Material

KITCHEN, BATH, HALL, REMOTE = ClientId("kitchen"), ClientId("bath"), ClientId("hall"), ClientId("remote")
ALL_ROLES = ["player@v1", "metadata@v1", "controller@v1"]


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with at_home() as home:
        yield home


async def join(home: Home, name: str, **player: object) -> MemoryClient:
    """Have a player connect that is a controller, too."""
    client = MemoryClient(name).connect(home.server.accept)
    client.say_hello(supported_roles=ALL_ROLES)
    client.say_state(**player)
    await home.pass_s(0.1)
    return client


async def join_remote(home: Home, group_id: GroupId | None = None) -> MemoryClient:
    """Have a controller connect that plays nothing."""
    client = MemoryClient("remote").connect(home.server.accept)
    client.say_hello(supported_roles=["controller@v1"], **{"player@v1_support": None})
    await home.pass_s(0)
    if group_id is not None:
        await home.server.move(REMOTE, group_id)
    await home.pass_s(0.1)
    return client


async def ask(home: Home, client: MemoryClient, command: str, **values: object) -> None:
    """Send a command, and give the home time to do it."""
    client.say("client/command", {"controller": {"command": command, **values}})
    await home.pass_s(1)


def told(client: MemoryClient) -> list[dict[str, Any]]:
    """Return all that a controller was told."""
    return [payload["controller"] for payload in client.got("server/state") if "controller" in payload]


def offered(client: MemoryClient) -> set[str]:
    """Return what a controller may ask for, as far as it knows."""
    return set(told(client)[-1]["supported_commands"])


QUEUED = {"repeat_off", "repeat_one", "repeat_all", "shuffle", "unshuffle"}
"""Offered wherever there is a queue."""


def state_of(home: Home, client_id: ClientId = KITCHEN) -> PlaybackState:
    return home.group(home.group_of(client_id)).state


# What they are told


async def test_what_works_is_offered_and_nothing_else(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    always = {"volume", "mute", "switch"}
    assert offered(kitchen) == always
    await home.server.play(KITCHEN, hum(5))
    await home.pass_s(1)
    assert offered(kitchen) == always | QUEUED | {"pause", "stop", "previous"}
    await home.server.pause(KITCHEN)
    await home.pass_s(1)
    assert offered(kitchen) == always | QUEUED | {"play", "stop", "previous"}
    await home.server.resume(KITCHEN)
    await home.pass_s(10)
    assert state_of(home) == PlaybackState.IDLE
    assert offered(kitchen) == always | QUEUED | {"play", "next"}


async def test_told_when_something_is_another_and_not_otherwise(home: Home) -> None:
    kitchen, remote = await join(home, "kitchen", volume=30), await join_remote(home)
    assert told(remote) == [
        {"supported_commands": ["switch"], "volume": 100, "muted": False, "repeat": "off", "shuffle": False}
    ]
    await home.server.move(REMOTE, home.group_of(KITCHEN))
    await home.server.play(KITCHEN, hum())
    await home.pass_s(1)
    count = len(told(kitchen))
    for lead in range(30):
        kitchen.say_state(volume=30, required_lead_time_ms=250 + lead)
        await home.pass_s(1)
    await home.join("bath")
    await home.pass_s(1)
    assert len(told(kitchen)) == count
    kitchen.say_state(volume=70, muted=True)
    await home.pass_s(0.1)
    assert len(told(kitchen)) == count + 1
    for client in (kitchen, remote):
        assert told(client)[-1] == {
            "supported_commands": [
                "pause",
                "stop",
                "previous",
                "volume",
                "mute",
                "repeat_off",
                "repeat_one",
                "repeat_all",
                "shuffle",
                "unshuffle",
                "switch",
            ],
            "volume": 70,
            "muted": True,
            "repeat": "off",
            "shuffle": False,
        }
    kitchen.transport.lose()
    await home.pass_s(1)
    assert offered(remote) == QUEUED | {"pause", "stop", "previous", "switch"}
    assert (told(remote)[-1]["volume"], told(remote)[-1]["muted"]) == (100, False)


async def test_a_controller_drives_the_queue(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, [MediaRequest(resolve=lambda: hum(60)[0])] * 3)
    await home.pass_s(1)
    group = home.group_of(KITCHEN)
    first, second, third = (entry.entry_id for entry in home.group(group).queue.entries)
    assert "next" in offered(kitchen)
    await ask(home, kitchen, "next")
    await ask(home, kitchen, "next")
    await home.pass_s(1)
    assert home.group(group).queue.current == third
    assert "next" not in offered(kitchen)
    await ask(home, kitchen, "repeat_all")
    await home.pass_s(0.1)
    assert told(kitchen)[-1]["repeat"] == "all"
    assert "next" in offered(kitchen)
    await ask(home, kitchen, "next")
    await home.pass_s(1)
    assert home.group(group).queue.current == first
    await ask(home, kitchen, "repeat_off")
    await ask(home, kitchen, "shuffle")
    await home.pass_s(0.1)
    assert (told(kitchen)[-1]["repeat"], told(kitchen)[-1]["shuffle"]) == ("off", True)
    await ask(home, kitchen, "unshuffle")
    await ask(home, kitchen, "next")
    await home.pass_s(1)
    assert home.group(group).queue.current == second
    await ask(home, kitchen, "previous")
    await home.pass_s(1)
    assert home.group(group).queue.current == first
    await home.server.queue(KITCHEN).clear()
    await home.pass_s(0.1)
    assert not offered(kitchen) & (QUEUED | {"next", "previous", "play"})


async def test_each_connection_is_told_anew(home: Home) -> None:
    await join(home, "kitchen")
    again = MemoryClient("kitchen").connect(home.server.accept)
    again.say_hello(supported_roles=ALL_ROLES)
    await home.pass_s(0.1)
    assert offered(again) == {"switch"}
    again.say_state()
    await home.pass_s(0.1)
    assert offered(again) == {"volume", "mute", "switch"}
    assert [offered(await join_remote(home)) for _ in range(2)] == [{"switch"}] * 2


async def test_who_is_no_controller_is_told_nothing_and_may_nothing(home: Home) -> None:
    kitchen = await home.join("kitchen")
    await home.server.play(KITCHEN, hum())
    await home.pass_s(1)
    await ask(home, kitchen, "pause")
    await ask(home, kitchen, "stop")
    assert told(kitchen) == []
    assert state_of(home) == PlaybackState.PLAYING


# What they may do


async def test_pause_play_and_stop(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, hum())
    await home.pass_s(3)
    await ask(home, kitchen, "pause")
    paused = home.group(home.group_of(KITCHEN))
    assert paused.state == PlaybackState.PAUSED
    await ask(home, kitchen, "play")
    playing = home.group(home.group_of(KITCHEN))
    assert (playing.state, playing.position_us) == (PlaybackState.PLAYING, paused.position_us)
    await ask(home, kitchen, "stop")
    assert state_of(home) == PlaybackState.IDLE


async def test_play_with_nothing_loaded_plays_the_last_medium_from_its_start(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    request = MediaRequest(media_id="song", stream=MediaStream(main=Material(noise(48_000), repeats=60)))
    await home.server.play(KITCHEN, [request])
    await home.pass_s(5)
    await ask(home, kitchen, "stop")
    await ask(home, kitchen, "play")
    group = home.group(home.group_of(KITCHEN))
    assert (group.state, group.position_us) == (PlaybackState.PLAYING, 0)
    assert group.medium is not None
    assert group.medium.media_id == "song"
    await home.pass_s(70)
    assert state_of(home) == PlaybackState.IDLE
    await ask(home, kitchen, "play")
    assert state_of(home) == PlaybackState.PLAYING


async def test_what_is_not_offered_is_not_done(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    for command in ("play", "pause", "stop", "next", "previous", "shuffle", "repeat_all", "dance"):
        await ask(home, kitchen, command)
    assert state_of(home) == PlaybackState.IDLE
    await home.server.play(KITCHEN, hum())
    await home.pass_s(1)
    await ask(home, kitchen, "seek", position_ms=5)
    await ask(home, kitchen, "seek_relative", offset_ms=5)
    await ask(home, kitchen, "volume")
    await ask(home, kitchen, "volume", volume="loud")
    await ask(home, kitchen, "mute", volume=5)
    assert kitchen.transport.is_open
    assert kitchen.got("server/command") == []
    assert state_of(home) == PlaybackState.PLAYING


async def test_what_works_no_longer_by_the_time_is_not_done(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, hum())
    await home.pass_s(1)
    for _ in range(5):
        kitchen.say("client/command", {"controller": {"command": "stop"}})
        kitchen.say("client/command", {"controller": {"command": "pause"}})
    await home.pass_s(1)
    assert state_of(home) == PlaybackState.IDLE


async def test_a_button_that_is_pressed_twice_does_not_begin_anew(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, hum())
    await home.pass_s(5)
    await ask(home, kitchen, "pause")
    for _ in range(2):
        kitchen.say("client/command", {"controller": {"command": "play"}})
    await home.pass_s(1)
    position_us = home.group(home.group_of(KITCHEN)).position_us
    assert position_us is not None
    assert position_us > 4 * US_PER_S


async def test_volume_and_mute_are_those_of_the_group(home: Home) -> None:
    kitchen, bath = await join(home, "kitchen", volume=20), await join(home, "bath", volume=60)
    group_id = await home.gather("all", "kitchen", "bath")
    remote = await join_remote(home, group_id)
    assert told(remote)[-1]["volume"] == 40
    await ask(home, remote, "volume", volume=50)
    assert told(remote)[-1]["volume"] == 50
    await ask(home, remote, "mute", mute=True)
    assert told(remote)[-1]["muted"]
    assert [payload["player"] for payload in kitchen.got("server/command")] == [
        {"command": "volume", "volume": 30},
        {"command": "mute", "mute": True},
    ]
    assert bath.got("server/command")[0]["player"]["volume"] == 70


class Counted(Hum):
    """A source of three seconds, each time it is opened, that counts how often that was."""

    def __init__(self) -> None:
        super().__init__(3)
        self.open_count = 0

    def open(self) -> SourceInfo:
        self.open_count += 1
        super().__init__(3)
        return super().open()


async def test_twenty_buttons_pressed_at_once_open_the_medium_once(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    source = Counted()
    await home.server.play(KITCHEN, [MediaRequest(stream=MediaStream(main=source))])
    await home.pass_s(6)
    assert state_of(home) == PlaybackState.IDLE
    home.media.shut()
    for _ in range(20):
        kitchen.say("client/command", {"controller": {"command": "play"}})
    await home.pass_s(0.5)
    home.media.open()
    await home.pass_s(1)
    assert state_of(home) == PlaybackState.PLAYING
    assert source.open_count == 2
    await home.pass_s(6)
    await ask(home, kitchen, "play")
    assert state_of(home) == PlaybackState.PLAYING
    assert source.open_count == 3


async def test_closing_leaves_nothing_of_what_was_begun(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, hum(1))
    await home.pass_s(5)
    home.media.shut()
    kitchen.say("client/command", {"controller": {"command": "play"}})
    await home.pass_s(0.5)
    home.clock.call_at(ServerTimeUs(home.clock.now() + 10 * US_PER_S), home.media.open)
    await home.server.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


class Once(Hum):
    """A source that can be opened once."""

    def __init__(self, error: Exception) -> None:
        super().__init__(1)
        self._error: Exception | None = None
        self._next_error = error

    def open(self) -> SourceInfo:
        if self._error is not None:
            raise self._error
        self._error = self._next_error
        return super().open()


@pytest.mark.parametrize(
    ("error", "level"), [(MediaOpenError("gone"), logging.DEBUG), (RuntimeError("bug"), logging.ERROR)]
)
async def test_what_goes_wrong_is_for_the_log_alone(
    home: Home, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    kitchen = await join(home, "kitchen")
    await home.server.play(KITCHEN, [MediaRequest(stream=MediaStream(main=Once(error)))])
    await home.pass_s(5)
    caplog.set_level(logging.DEBUG, "core.server.controls")
    await ask(home, kitchen, "play")
    assert [record.levelno for record in caplog.records if record.name == "core.server.controls"] == [level]
    assert kitchen.transport.is_open
    failed = [event for event in home.events if isinstance(event, MediumChanged) and event.state == MediumState.FAILED]
    assert len(failed) == (level == logging.DEBUG)
    await ask(home, kitchen, "volume", volume=5)
    assert kitchen.got("server/command")[-1]["player"]["volume"] == 5


# Seeking: not offered to today's clients


class OneGroup:
    """What `Controls` uses of a `Registry`, with one group."""

    def __init__(self, group: ResonateGroup) -> None:
        self.group = group

    def group_of(self, _: ClientId) -> ResonateGroup:
        return self.group

    def picture_of(self, group: ResonateGroup) -> GroupSnapshot:
        return group.snapshot()


def controls_of(house: House) -> Controls:
    volumes = Volumes(house.clock, lambda: None)
    return Controls(cast(Registry, OneGroup(house.group)), volumes, resume=lambda _: house.group.resume())


class Timed(Material):
    """A source that knows how long it is."""

    def open(self) -> SourceInfo:
        return SourceInfo(sample_rate=48_000, layout=STEREO, is_seekable=True, duration_us=60 * US_PER_S)


@pytest.mark.parametrize(
    ("command", "position_us"),
    [
        (ControllerCommand(action=Action.SEEK, position_ms=20_000), 20_000_000),
        (ControllerCommand(action=Action.SEEK, position_ms=60_001), None),
        (ControllerCommand(action=Action.SEEK, position_ms=0), 0),
        (ControllerCommand(action=Action.SEEK_RELATIVE, offset_ms=5_000), 15_000_000),
        (ControllerCommand(action=Action.SEEK_RELATIVE, offset_ms=-5_000), 5_000_000),
        (ControllerCommand(action=Action.SEEK_RELATIVE, offset_ms=-50_000), 0),
        (ControllerCommand(action=Action.SEEK_RELATIVE, offset_ms=70_000), 60_000_000),
    ],
)
async def test_seeking(command: ControllerCommand, position_us: int | None) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Timed(noise(48_000), repeats=60))])
        await house.clock.sleep(11 * US_PER_S)
        await house.group.pause()
        await house.group.seek(10 * US_PER_S)
        assert controller_of(house.group.snapshot()).seek_max_ms == 60_000
        client = house.group.members[ClientId("ann")]
        controls_of(house).commanded(client, command)
        await house.clock.sleep(1)
        expected = 10 * US_PER_S if position_us is None else position_us
        assert house.group.snapshot().position_us == expected


async def test_seeking_from_where_it_plays() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Timed(noise(48_000), repeats=60))])
        await house.clock.sleep(10 * US_PER_S)
        before = house.group.snapshot()
        assert before.position_us is not None
        assert before.position_at is not None
        heard_us = before.position_us + house.clock.now() - before.position_at
        command = ControllerCommand(action=Action.SEEK_RELATIVE, offset_ms=10_000)
        controls_of(house).commanded(house.group.members[ClientId("ann")], command)
        await house.clock.sleep(2 * US_PER_S)
        assert house.group.snapshot().position_us == heard_us + 10 * US_PER_S


@pytest.mark.parametrize(
    ("medium", "is_offered"),
    [
        (None, False),
        (MediumSnapshot(media_id="m", is_seekable=True, duration_us=1), True),
        (MediumSnapshot(media_id="m", is_seekable=True), False),
        (MediumSnapshot(media_id="m", duration_us=1), False),
    ],
)
def test_seeking_is_offered_with_an_end_to_go_to(medium: MediumSnapshot | None, is_offered: bool) -> None:
    group = GroupSnapshot(group_id=GroupId("g"), name="g", members=(), state=PlaybackState.PLAYING, medium=medium)
    offer = controller_of(group)
    assert ({Action.SEEK, Action.SEEK_RELATIVE} <= offer.actions) is is_offered
    assert (offer.seek_max_ms is not None) is is_offered


# Switching


async def test_switch_goes_round(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    for name in ("bath", "hall", "attic"):
        await join(home, name)
    both = await home.gather("both", "bath", "hall")
    attic = home.group_of(ClientId("attic"))
    for target in (both, attic):
        await home.server.play(target, hum())
    await home.pass_s(3)
    stops = []
    for _ in range(6):
        await ask(home, kitchen, "switch")
        stops.append(home.group_of(KITCHEN))
    assert stops[:2] == stops[3:5] == [both, attic]
    assert stops[2] not in {both, attic}
    assert home.group(stops[5]).members == (KITCHEN,)
    assert [update["group_id"] for update in kitchen.got("group/update")][-1] == stops[5]
    assert kitchen.kinds[-1] != "audio"
    await ask(home, kitchen, "switch")
    await home.pass_s(2)
    assert kitchen.kinds[-1] == "audio"
    assert "pause" in offered(kitchen)


async def test_switch_leads_back_to_where_it_stepped_aside(home: Home) -> None:
    kitchen = await join(home, "kitchen")
    await join(home, "bath")
    group_id = await home.gather("all", "kitchen", "bath")
    for _ in range(2):
        kitchen.say("client/state", {"state": "external_source"})
        await home.pass_s(0.1)
        assert home.group_of(KITCHEN) != group_id
        kitchen.say("client/state", {"state": "synchronized"})
        await ask(home, kitchen, "switch")
        assert home.group_of(KITCHEN) == group_id
    await home.server.move(KITCHEN, None)
    alone = home.group_of(KITCHEN)
    await ask(home, kitchen, "switch")
    assert home.group_of(KITCHEN) == alone


async def test_a_remote_switches_too(home: Home) -> None:
    await join(home, "kitchen")
    remote = await join_remote(home)
    await ask(home, remote, "switch")
    assert home.group_of(REMOTE) != home.group_of(KITCHEN)
    await home.server.play(KITCHEN, hum())
    await ask(home, remote, "switch")
    assert home.group_of(REMOTE) == home.group_of(KITCHEN)
    assert "pause" in offered(remote)


async def test_what_a_client_asked_that_is_forgotten_is_of_no_matter(home: Home) -> None:
    remote = await join_remote(home)
    remote.say("client/command", {"controller": {"command": "switch"}})
    remote.say("client/goodbye", {"reason": "shutdown"})
    await home.pass_s(0)
    await home.server.forget(REMOTE)
    await home.pass_s(1)
    assert not home.server.snapshot.clients
