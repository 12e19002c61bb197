"""What stands beside a player: streaming, why it is silent, figures, output delay, events."""

from datetime import timedelta
import logging

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.resonate import async_remove_config_entry_device
from custom_components.resonate.core.events import ControllerAction
from custom_components.resonate.core.protocol.messages.server_state import Controller
from custom_components.resonate.core.server.server import ResonateServer

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, play, start, state_of, unload

pytestmark = pytest.mark.usefixtures("songs")


def value_of(hass: HomeAssistant, entity_id: str) -> str | None:
    state = hass.states.get(entity_id)
    return None if state is None else state.state


def enable(hass: HomeAssistant, *entity_ids: str) -> None:
    for entity_id in entity_ids:
        er.async_get(hass).async_update_entity(entity_id, disabled_by=None)


async def reload(hass: HomeAssistant, entry: MockConfigEntry, client: FakeClient, until: Until) -> None:
    """Start it anew, as Home Assistant does a while after an entity was enabled."""
    await unload(hass, entry)
    await client.close()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await client.dial(entry.runtime_data.data.port)
    await until(lambda: state_of(hass, client) == "idle")


# Streaming


async def test_streaming_goes_on_before_the_first_sound_and_off_with_the_last(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    order: list[str] = []
    hass.bus.async_listen("state_changed", callback(lambda event: order.append(event.data["new_state"].state)))
    assert value_of(hass, "binary_sensor.kitchen_streaming") == "off"
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert value_of(hass, "binary_sensor.kitchen_streaming") == "on"
    assert order.index("on") < order.index("playing")
    await act(hass, "media_pause", kitchen)
    await until(lambda: value_of(hass, "binary_sensor.kitchen_streaming") == "off")
    await act(hass, "media_play", kitchen)
    await until(lambda: value_of(hass, "binary_sensor.kitchen_streaming") == "on")
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await until(lambda: value_of(hass, "binary_sensor.kitchen_streaming") == "off")


async def test_the_amplifier_of_a_lost_player_goes_off(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: value_of(hass, "binary_sensor.kitchen_streaming") == "on")
    await kitchen.close()
    await until(lambda: value_of(hass, "binary_sensor.kitchen_streaming") == "off")


# Why silent


async def test_why_silent_in_the_life_of_a_player(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")

    async def shown(reason: str) -> None:
        await until(lambda: value_of(hass, "sensor.kitchen_why_silent") == reason)

    await shown("ready")
    await play(hass, LONG, kitchen)
    await shown("playing")
    await kitchen.set_state("error")
    await shown("out_of_sync")
    await kitchen.set_state("synchronized")
    await act(hass, "volume_mute", kitchen, is_volume_muted=True)
    await shown("muted")
    await act(hass, "volume_mute", kitchen, is_volume_muted=False)
    await kitchen.set_volume(0)
    await shown("volume_zero")
    await kitchen.set_volume(20)
    await act(hass, "media_pause", kitchen)
    await shown("paused")
    await kitchen.set_state("external_source")
    await shown("in_use")
    await kitchen.close("another_server")
    await shown("other_server")
    await kitchen.dial(running.runtime_data.data.port)
    await shown("in_use")
    await kitchen.close()
    await shown("not_found")


async def test_why_silent_without_a_common_format_and_after_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    await connect("kitchen", buffer_capacity=10)
    await until(lambda: value_of(hass, "sensor.kitchen_why_silent") == "no_common_format")
    await unload(hass, running)
    await start(hass, running)
    assert value_of(hass, "sensor.kitchen_why_silent") == "not_found"


# Figures


async def test_only_what_is_for_everybody_is_enabled(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, entity_registry: er.EntityRegistry
) -> None:
    await connect("kitchen")
    entries = er.async_entries_for_config_entry(entity_registry, running.entry_id)
    assert {entry.entity_id for entry in entries if entry.disabled_by is None} == {
        "binary_sensor.kitchen_streaming",
        "event.kitchen_events",
        "media_player.kitchen",
        "number.kitchen_maximum_volume",
        "number.kitchen_volume_at_start",
        "select.kitchen_preferred_format",
        "sensor.kitchen_why_silent",
    }
    assert {entry.entity_id for entry in entries if entry.disabled_by is not None} == {
        "sensor.kitchen_address",
        "sensor.kitchen_audio_held",
        "sensor.kitchen_format",
        "sensor.kitchen_last_played",
        "sensor.kitchen_lead",
        "sensor.kitchen_plays",
        "sensor.kitchen_synchronisation",
    }
    assert {entry.entity_category for entry in entries if entry.domain == "sensor"} == {EntityCategory.DIAGNOSTIC}
    assert len({entry.device_id for entry in entries}) == 1


async def test_figures_once_they_are_enabled(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    enable(hass, *(f"sensor.kitchen_{name}" for name in ("address", "audio_held", "format", "lead", "synchronisation")))
    await reload(hass, running, kitchen, until)
    assert value_of(hass, "sensor.kitchen_address") == "127.0.0.1"
    assert value_of(hass, "sensor.kitchen_format") == "unknown"
    assert value_of(hass, "sensor.kitchen_synchronisation") == "unknown"
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert value_of(hass, "sensor.kitchen_format") == "PCM 48 kHz 16 bit"
    assert value_of(hass, "sensor.kitchen_synchronisation") == "synchronised"
    await kitchen.set_state("error")
    await until(lambda: value_of(hass, "sensor.kitchen_synchronisation") == "out_of_sync")
    assert value_of(hass, "sensor.kitchen_audio_held") == "unknown"  # nobody has asked yet
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=11))
    await until(lambda: value_of(hass, "sensor.kitchen_audio_held") != "unknown")
    assert 1_000 < int(value_of(hass, "sensor.kitchen_audio_held") or 0) <= 2_500
    assert value_of(hass, "sensor.kitchen_lead") == "50"
    await kitchen.close()
    await until(lambda: value_of(hass, "sensor.kitchen_audio_held") == "unavailable")


async def test_nothing_is_asked_for_that_nobody_sees(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect("kitchen")
    asked: list[object] = []
    monkeypatch.setattr(running.runtime_data.bridge, "async_call", asked.append)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=60))
    await hass.async_block_till_done()
    assert asked == []


async def test_a_core_that_has_stopped_is_told_of_once(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kitchen = await connect("kitchen")
    enable(hass, "sensor.kitchen_lead")
    await reload(hass, running, kitchen, until)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=11))
    await until(lambda: value_of(hass, "sensor.kitchen_lead") == "50")
    await running.runtime_data.bridge.async_stop()
    for seconds in (22, 33):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await hass.async_block_till_done(wait_background_tasks=True)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "Error fetching resonate figures data: server stopped"
    ]


# Output delay


async def test_output_delay_of_those_that_can_set_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    await connect("bath")
    kitchen = await connect("kitchen", commands=("volume", "mute", "set_static_delay"))
    await until(lambda: value_of(hass, "number.kitchen_output_delay") == "0")
    delays = [it for it in hass.states.async_entity_ids("number") if it.endswith("_delay")]
    assert delays == ["number.kitchen_output_delay"]
    data = {"entity_id": "number.kitchen_output_delay", "value": 120}
    await hass.services.async_call("number", "set_value", data, blocking=True)
    await until(lambda: value_of(hass, "number.kitchen_output_delay") == "120")
    assert kitchen.delay_ms == 120
    await kitchen.close()
    await until(lambda: value_of(hass, "number.kitchen_output_delay") == "unavailable")


# Volumes


async def set_number(hass: HomeAssistant, entity_id: str, value: float) -> None:
    await hass.services.async_call("number", "set_value", {"entity_id": entity_id, "value": value}, blocking=True)


async def test_how_loud_a_player_may_be_and_is_at_first(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await until(lambda: value_of(hass, "number.kitchen_maximum_volume") == "100")
    assert value_of(hass, "number.kitchen_volume_at_start") == "0"
    await set_number(hass, "number.kitchen_maximum_volume", 30)
    await until(lambda: kitchen.volume == 30)
    await act(hass, "volume_set", kitchen, volume_level=0.8)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.3)
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    await set_number(hass, "number.kitchen_volume_at_start", 20)
    await unload(hass, running)
    await start(hass, running)
    assert value_of(hass, "number.kitchen_maximum_volume") == "30"
    kitchen.volume = 90
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: kitchen.volume == 20)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.2)
    await set_number(hass, "number.kitchen_volume_at_start", 0)
    await act(hass, "volume_set", kitchen, volume_level=0.1)
    await until(lambda: kitchen.volume == 10)


# Events


def event_of(hass: HomeAssistant, entity_id: str) -> str | None:
    state = hass.states.get(entity_id)
    return None if state is None else state.attributes.get("event_type")


async def test_events_in_the_life_of_a_player(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    bath = await connect("bath")
    await kitchen.set_state("error")
    await until(lambda: event_of(hass, "event.kitchen_events") == "out_of_sync")
    await kitchen.set_state("synchronized")
    await until(lambda: event_of(hass, "event.kitchen_events") == "back_in_sync")
    await kitchen.close("restart")
    await until(lambda: event_of(hass, "event.kitchen_events") == "lost")
    state = hass.states.get("event.kitchen_events")
    assert state is not None
    assert state.attributes["reason"] == "restart"
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: event_of(hass, "event.kitchen_events") == "connected")
    assert event_of(hass, "event.bath_events") in (None, "connected")
    assert bath.is_connected


async def test_a_remote_has_events_and_its_buttons_are_told(
    hass: HomeAssistant, running: MockConfigEntry, until: Until
) -> None:
    remote = FakeClient("remote", roles=("controller@v1",))
    await remote.dial(running.runtime_data.data.port)
    await until(lambda: hass.states.get("event.remote_events"))
    assert hass.states.async_entity_ids("binary_sensor") == []

    def offer(server: ResonateServer) -> None:
        (session,) = server._registry.sessions
        session.controller(Controller(actions=frozenset({ControllerAction.NEXT})))

    await running.runtime_data.bridge.async_call(offer)
    await remote.press("next")
    await until(lambda: event_of(hass, "event.remote_events") == "next")
    await remote.close()


async def test_stopping_by_ourselves_loses_nobody(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await kitchen.set_state("error")
    await until(lambda: event_of(hass, "event.kitchen_events") == "out_of_sync")
    told: list[str] = []
    async_track_state_change_event(
        hass,
        "event.kitchen_events",
        callback(lambda event: told.append(event.data["new_state"].attributes.get("event_type"))),
    )
    await unload(hass, running)
    assert "lost" not in told


# Coming and going


async def test_all_entities_of_one_that_is_forgotten_go_and_come_back(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, entity_registry: er.EntityRegistry
) -> None:
    kitchen = await connect("kitchen", commands=("volume", "mute", "set_static_delay"))
    await until(lambda: hass.states.get("number.kitchen_output_delay"))
    await until(lambda: hass.states.get("select.kitchen_preferred_format"))
    before = set(hass.states.async_entity_ids())
    await set_number(hass, "number.kitchen_maximum_volume", 30)
    text = "PCM 48 kHz 16 bit stereo"
    data = {"entity_id": "select.kitchen_preferred_format", "option": text}
    await hass.services.async_call("select", "select_option", data, blocking=True)
    await until(lambda: kitchen.volume == 30)
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    (entity,) = (entry for entry in entity_registry.entities.values() if entry.entity_id == "media_player.kitchen")
    device = dr.async_get(hass).async_get(entity.device_id or "")
    assert isinstance(device, dr.DeviceEntry)
    assert await async_remove_config_entry_device(hass, running, device)
    dr.async_get(hass).async_remove_device(device.id)
    await hass.async_block_till_done()
    assert er.async_entries_for_config_entry(entity_registry, running.entry_id) == []
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: set(hass.states.async_entity_ids()) == before)
    # As any that was never seen: nothing that was set holds.
    assert value_of(hass, "number.kitchen_maximum_volume") == "100"
    assert value_of(hass, "select.kitchen_preferred_format") == "automatic"
    await until(lambda: attribute_of(hass, kitchen, "volume_level") is not None)
    await act(hass, "volume_set", kitchen, volume_level=0.8)
    await until(lambda: kitchen.volume == 80)
