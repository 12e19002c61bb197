"""What is told of single clients besides that they come and go: step, buttons, formats, leads, buffers."""

from core.events import ClientCommanded, ClientConnected, ClientLost, ClientSyncChanged, ControllerAction
from core.formats import Codec, StreamFormat
from core.protocol.messages.server_state import Controller
from core.server.snapshot import ServerSnapshot
from core.units import US_PER_S, ClientId, GroupId
from tests.fakes.home import at_home
from tests.fakes.hum import hum

KITCHEN = ClientId("kitchen")
NEVER_MADE = StreamFormat(codec=Codec.FLAC, sample_rate=48_000, channel_count=2, bit_depth=32)


async def test_out_of_step_and_back_are_told_once_each() -> None:
    async with at_home() as house:
        kitchen = await house.join("kitchen")
        for word in ("error", "error", "synchronized", "synchronized"):
            kitchen.say("client/state", {"state": word})
            await house.pass_s(0.1)
        assert house.events == [
            ClientConnected(client_id=KITCHEN),
            ClientSyncChanged(client_id=KITCHEN, is_out_of_sync=True),
            ClientSyncChanged(client_id=KITCHEN, is_out_of_sync=False),
        ]


async def test_whoever_is_told_of_it_sees_it_in_the_picture() -> None:
    async with at_home() as house:
        kitchen = await house.join("kitchen")
        seen: list[bool] = []

        def listen(what: object) -> None:
            if isinstance(what, ServerSnapshot):
                seen.append(what.clients[KITCHEN].is_out_of_sync)
            elif isinstance(what, ClientSyncChanged):
                assert seen[-1] == what.is_out_of_sync
                seen.clear()

        house.server.subscribe(listen)
        for word in ("error", "synchronized"):
            kitchen.say("client/state", {"state": word})
            await house.pass_s(0.1)
        assert seen == []


async def test_who_comes_back_in_step_is_back() -> None:
    async with at_home() as house:
        kitchen = await house.join("kitchen")
        kitchen.say("client/state", {"state": "error"})
        await house.pass_s(0)
        kitchen.transport.lose()
        await house.pass_s(1)
        await house.join("kitchen")
        told = house.events[1:]
        assert [type(event) for event in told] == [ClientSyncChanged, ClientLost, ClientConnected, ClientSyncChanged]
        assert told[-1] == ClientSyncChanged(client_id=KITCHEN, is_out_of_sync=False)


async def test_a_button_is_told_though_the_group_does_not_act_on_it() -> None:
    async with at_home() as house:
        kitchen = await house.join("kitchen", supported_roles=["player@v1", "controller@v1"])
        (session,) = house.server._registry.sessions
        session.controller(Controller(actions=frozenset({ControllerAction.NEXT})))
        kitchen.say("client/command", {"controller": {"command": "next"}})
        await house.pass_s(0)
        assert house.events[-1] == ClientCommanded(client_id=KITCHEN, action=ControllerAction.NEXT)


async def test_lead_and_format_problem_are_shown() -> None:
    async with at_home() as house:
        kitchen = await house.join("kitchen")
        assert house.server.snapshot.clients[KITCHEN].format_problem is None
        assert house.server.statistics.lead_ms == {KITCHEN: 250}
        kitchen.say_state(min_buffer_ms=400, static_delay_ms=30)
        await house.pass_s(1)
        assert house.server.statistics.lead_ms == {KITCHEN: 430}
        await house.join("bath", NEVER_MADE)
        assert house.server.snapshot.clients[ClientId("bath")].format_problem is not None
        await house.join("remote", supported_roles=["controller@v1"])
        assert house.server.snapshot.clients[ClientId("remote")].format_problem is None
        assert "remote" not in house.server.statistics.lead_ms


async def test_how_much_audio_a_player_holds() -> None:
    async with at_home() as house:
        await house.join("kitchen")
        group_id = await house.gather("all", "kitchen")
        assert house.server.statistics.held_us == {}
        await house.server.play(group_id, hum())
        await house.pass_s(5)
        held_us = house.server.statistics.held_us[KITCHEN]
        assert US_PER_S < held_us <= 2 * US_PER_S + US_PER_S // 4
        await house.server.stop(GroupId("all"))
        assert house.server.statistics.held_us == {}
