"""Our own triggers and conditions, through automations."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.resonate.condition import async_get_conditions
from custom_components.resonate.trigger import async_get_triggers

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, play, state_of, unload
from .media_files import write_wav
from .named import add_group, group_entity, play_on
from .test_devices import device_of

pytestmark = pytest.mark.usefixtures("songs")

OTHER = "media-source://media_source/local/other.wav"
KITCHEN = {"entity_id": "media_player.kitchen"}

type Automate = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
def automate(hass: HomeAssistant) -> Automate:
    """Sets up an automation; what it returns grows by an event each time that it runs."""

    async def make(trigger: dict[str, Any], conditions: list[dict[str, Any]] | None = None) -> list[Event]:
        ran: list[Event] = async_capture_events(hass, "ran")
        automation = {
            "triggers": [trigger],
            "conditions": conditions or [],
            "actions": [
                {
                    "event": "ran",
                    "event_data": {
                        "entity_id": "{{ trigger.entity_id }}",
                        "title": "{{ trigger.to_state.attributes.media_title if trigger.to_state is defined else '' }}",
                        "reason": "{{ trigger.reason | default('') }}",
                    },
                }
            ],
        }
        assert await async_setup_component(hass, "automation", {"automation": [automation]})
        await hass.async_block_till_done()
        return ran

    return make


def data_of(ran: list[Event], key: str) -> list[str]:
    return [event.data[key] for event in ran]


async def pass_s(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


# What plays


async def test_an_announcement_is_no_track(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate, media_dir: Path
) -> None:
    write_wav(media_dir / "other.wav", 1)
    kitchen = await connect("kitchen")
    tracks = await automate({"trigger": "resonate.track_changed", "target": KITCHEN})
    await play(hass, LONG, kitchen)
    await until(lambda: len(tracks) == 1)
    await play(hass, OTHER, kitchen, announce=True)
    await until(lambda: attribute_of(hass, kitchen, "announcing"))
    await until(lambda: not attribute_of(hass, kitchen, "announcing") and state_of(hass, kitchen) == "playing")
    await hass.async_block_till_done()
    assert data_of(tracks, "title") == ["long"]


async def test_each_track_once(
    hass: HomeAssistant, media_dir: Path, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    write_wav(media_dir / "other.wav", 60)
    kitchen = await connect("kitchen")
    ran = await automate({"trigger": "resonate.track_changed", "target": KITCHEN})
    await play(hass, LONG, kitchen)
    await until(lambda: len(ran) == 1)
    await act(hass, "media_pause", kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await play(hass, OTHER, kitchen)
    await until(lambda: len(ran) == 2)
    assert data_of(ran, "entity_id") == ["media_player.kitchen"] * 2
    assert data_of(ran, "title") == ["long", "other"]
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await play(hass, OTHER, kitchen)
    await until(lambda: len(ran) == 3)


async def test_what_plays_already_is_no_change(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    ran = await automate({"trigger": "resonate.track_changed", "target": KITCHEN})
    await act(hass, "media_seek", kitchen, seek_position=20)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert ran == []


async def test_about_to_end_follows_pause_and_seek(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    trigger = {"trigger": "resonate.track_about_to_end", "target": KITCHEN, "options": {"before": {"seconds": 10}}}
    ran = await automate(trigger)
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await pass_s(hass, 45)
    assert ran == []
    await act(hass, "media_pause", kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await pass_s(hass, 55)
    assert ran == []
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=30)
    await until(lambda: (state := hass.states.get("media_player.kitchen")) and state.attributes["media_position"] == 30)
    await pass_s(hass, 25)
    assert data_of(ran, "title") == ["long"]
    await pass_s(hass, 60)
    assert len(ran) == 1


async def test_a_short_track_is_about_to_end_when_it_begins(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    trigger = {"trigger": "resonate.track_about_to_end", "target": KITCHEN, "options": {"before": {"seconds": 10}}}
    ran = await automate(trigger)
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle" and ran)
    assert len(ran) == 1


async def test_a_position_is_reached_and_no_more_once_the_automation_is_gone(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    trigger = {"trigger": "resonate.position_reached", "target": KITCHEN, "options": {"position": {"seconds": 20}}}
    ran = await automate(trigger)
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await pass_s(hass, 15)
    assert ran == []
    await pass_s(hass, 21)
    assert data_of(ran, "entity_id") == ["media_player.kitchen"]
    await act(hass, "media_seek", kitchen, seek_position=5)
    await until(lambda: (state := hass.states.get("media_player.kitchen")) and state.attributes["media_position"] == 5)
    (automation,) = hass.states.async_entity_ids("automation")
    await hass.services.async_call("automation", "turn_off", {"entity_id": automation}, blocking=True)
    await pass_s(hass, 60)
    assert len(ran) == 1


async def test_the_end_of_all_is_told_but_no_stop(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    await connect("bath")
    ran = await automate(
        {"trigger": "resonate.queue_ended", "target": {"entity_id": ["media_player.kitchen", "media_player.bath"]}}
    )
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert ran == []
    await play(hass, SONG, kitchen)
    await until(lambda: ran)
    assert data_of(ran, "entity_id") == ["media_player.kitchen"]


async def test_a_queue_that_changes_is_told_for_each_player(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await connect("hall")
    names = ["media_player.kitchen", "media_player.bath", "media_player.hall"]
    ran = await automate({"trigger": "resonate.queue_changed", "target": {"entity_id": names}})
    await play(hass, LONG, kitchen, bath)
    await until(lambda: len(ran) >= 2)
    assert sorted(data_of(ran, "entity_id")) == ["media_player.bath", "media_player.kitchen"]
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    await play(hass, LONG, kitchen, enqueue="add")
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 2)
    await pass_s(hass, 2)
    assert len(ran) == 2
    assert set(data_of(ran, "reason")) == {"added"}


async def test_the_end_of_what_a_named_group_plays_is_heard_by_it_and_its_members(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await connect("hall")
    group = group_entity(hass, await add_group(hass, running, "Downstairs", kitchen, bath))
    names = ["media_player.bath", "media_player.hall", "media_player.kitchen", group]
    ran = await automate({"trigger": "resonate.queue_ended", "target": {"entity_id": names}})
    await play_on(hass, SONG, group)
    await until(lambda: len(ran) == 3)
    assert sorted(data_of(ran, "entity_id")) == ["media_player.bath", group, "media_player.kitchen"]


# What happens to players


async def test_lost_and_back(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    entity = er.async_get(hass).async_get("media_player.kitchen")
    assert entity is not None
    ran = await automate({"trigger": "resonate.player_lost", "target": {"device_id": entity.device_id}})
    await bath.close()
    await until(lambda: state_of(hass, bath) == "unavailable")
    await kitchen.close("shutdown")
    await until(lambda: ran)
    assert data_of(ran, "entity_id") == ["media_player.kitchen"]
    assert data_of(ran, "reason") == ["shutdown"]


@pytest.mark.parametrize(
    ("trigger", "count"), [("player_back", 1), ("player_out_of_sync", 2), ("player_back_in_sync", 1)]
)
async def test_in_and_out_of_step_and_back(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    automate: Automate,
    trigger: str,
    count: int,
) -> None:
    kitchen = await connect("kitchen")
    ran = await automate({"trigger": f"resonate.{trigger}", "target": KITCHEN})
    await kitchen.set_state("error")
    await kitchen.set_state("synchronized")
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await kitchen.set_state("error")
    await until(
        lambda: (state := hass.states.get("event.kitchen_events")) and state.attributes["event_type"] == "out_of_sync"
    )
    assert data_of(ran, "entity_id") == ["media_player.kitchen"] * count


async def test_triggers_live_through_a_reload_and_take_only_our_players(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen = await connect("kitchen")
    hass.states.async_set("media_player.foreign", "idle")
    ran = await automate(
        {
            "trigger": "resonate.track_changed",
            "target": {"entity_id": ["media_player.kitchen", "media_player.foreign"]},
        }
    )
    hass.states.async_set("media_player.foreign", "playing", {"media_title": "Not ours"})
    await unload(hass, running)
    await kitchen.close()
    assert await hass.config_entries.async_setup(running.entry_id)
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await play(hass, LONG, kitchen)
    await until(lambda: ran)
    assert data_of(ran, "entity_id") == ["media_player.kitchen"]


@pytest.mark.parametrize("kind", ["player_lost", "track_about_to_end"])
async def test_triggers_follow_a_player_that_is_renamed_or_leaves_the_area(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    automate: Automate,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
    kind: str,
) -> None:
    def has_state(player: FakeClient, state: str) -> bool:
        return state_of(hass, player) == state

    area_id = area_registry.async_create("Ground floor").id
    kitchen, bath = await connect("kitchen"), await connect("bath")
    devices = {client: device_of(hass, client).id for client in (kitchen, bath)}
    device_registry.async_update_device(devices[kitchen], area_id=area_id)
    options = {"options": {"before": {"seconds": 10}}} if kind == "track_about_to_end" else {}
    ran = await automate({"trigger": f"resonate.{kind}", "target": {"area_id": area_id}, **options})
    device_registry.async_update_device(devices[bath], area_id=area_id)
    device_registry.async_update_device(devices[kitchen], area_id=None)
    entity_registry.async_update_entity("media_player.bath", new_entity_id="media_player.tub")
    await hass.async_block_till_done()
    for player in (kitchen, bath):
        await play(hass, SONG, player)
        await until(partial(has_state, player, "playing"))
        await player.close()
        await until(partial(has_state, player, "unavailable"))
    assert data_of(ran, "entity_id") == ["media_player.tub"]


# Conditions


@pytest.mark.parametrize(("behavior", "passes"), [("any", True), ("all", False)])
async def test_out_of_step_as_a_condition(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    automate: Automate,
    behavior: str,
    passes: bool,
) -> None:
    kitchen, _ = await connect("kitchen"), await connect("bath")
    target = {"entity_id": ["media_player.kitchen", "media_player.bath"]}
    condition = {"condition": "resonate.is_out_of_sync", "target": target, "options": {"behavior": behavior}}
    ran = await automate({"trigger": "event", "event_type": "go"}, [condition])
    hass.bus.async_fire("go")
    await hass.async_block_till_done()
    assert ran == []
    await kitchen.set_state("error")
    await until(
        lambda: (state := hass.states.get("event.kitchen_events")) and state.attributes["event_type"] == "out_of_sync"
    )
    hass.bus.async_fire("go")
    await hass.async_block_till_done()
    assert len(ran) == passes


async def test_grouped_as_a_condition(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, automate: Automate
) -> None:
    kitchen, _ = await connect("kitchen"), await connect("bath")
    condition = {"condition": "resonate.is_grouped", "target": KITCHEN}
    ran = await automate({"trigger": "event", "event_type": "go"}, [condition])
    hass.bus.async_fire("go")
    await hass.async_block_till_done()
    assert ran == []
    await act(hass, "join", kitchen, group_members=["media_player.bath"])
    await until(
        lambda: (state := hass.states.get("media_player.kitchen")) and len(state.attributes["group_members"]) == 2
    )
    hass.bus.async_fire("go")
    await hass.async_block_till_done()
    assert len(ran) == 1


# Described


async def test_home_assistant_reads_their_descriptions(
    hass: HomeAssistant, running: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    socket = await hass_ws_client()
    for kind, names in (
        ("trigger", await async_get_triggers(hass)),
        ("condition", await async_get_conditions(hass)),
    ):
        await socket.send_json_auto_id({"type": f"{kind}_platforms/subscribe"})
        assert (await socket.receive_json())["success"]
        described: dict[str, Any] = (await socket.receive_json())["event"]
        ours = {key.removeprefix("resonate."): value for key, value in described.items() if key.startswith("resonate.")}
        assert ours.keys() == names.keys()
        assert all(value is not None for value in ours.values())
