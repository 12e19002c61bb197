"""Players come, go, come back, are renamed, many at a time, and are removed."""

import asyncio
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.resonate.const import DOMAIN

from .fake_client import FakeClient
from .helpers import Connect, Until, entity_of, play, state_of
from .media_files import write_wav

LONG = "media-source://media_source/local/long.wav"
MAC = "aa:bb:cc:dd:ee:ff"


def device_of(hass: HomeAssistant, client: FakeClient) -> dr.DeviceEntry:
    entity = er.async_get(hass).async_get(entity_of(hass, client) or "")
    assert entity is not None
    assert entity.device_id is not None
    device = dr.async_get(hass).async_get(entity.device_id)
    assert isinstance(device, dr.DeviceEntry)
    return device


async def test_a_device_is_what_the_player_says(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen = await connect("kitchen", name="Kitchen", mac_address="AA-BB-CC-DD-EE-FF")
    device = device_of(hass, kitchen)
    assert (device.name, device.manufacturer, device.model, device.sw_version) == ("Kitchen", "Tests", "Fake", "1.2")
    assert device.connections == {(dr.CONNECTION_NETWORK_MAC, MAC)}
    ((domain, own_id),) = device.identifiers
    assert domain == DOMAIN
    assert "kitchen" not in own_id.lower()


async def test_lost_and_back(hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until) -> None:
    kitchen = await connect("kitchen")
    before = device_of(hass, kitchen).id
    await kitchen.close("restart")
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert device_of(hass, kitchen).id == before
    assert len(hass.states.async_entity_ids("media_player")) == 1


async def test_a_player_that_comes_back_hears_what_plays(
    hass: HomeAssistant, media_dir: Path, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    write_wav(media_dir / "long.wav", 60)
    kitchen = await connect("kitchen")
    bath = await connect("bath")
    await play(hass, LONG, kitchen, bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    assert state_of(hass, bath) == "playing"
    kitchen.heard.clear()
    kitchen.chunk_count = 0
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await until(lambda: kitchen.chunk_count > 0)
    assert kitchen.streams == ["stream/start"]


async def test_renamed_by_itself_and_by_the_user(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    device_registry: dr.DeviceRegistry,
) -> None:
    kitchen = await connect("kitchen")
    await kitchen.close()
    kitchen.name = "Pantry"
    await kitchen.dial(running.runtime_data.data.port)
    entity_id = "media_player.kitchen"  # stays
    await until(lambda: (state := hass.states.get(entity_id)) and state.name == "Pantry")
    await until(lambda: (state := hass.states.get(entity_id)) and state.state == "idle")
    device_registry.async_update_device(device_of(hass, kitchen).id, name_by_user="Larder")
    await kitchen.close()
    kitchen.name = "Cupboard"
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: device_of(hass, kitchen).name == "Cupboard")
    await hass.async_block_till_done()
    state = hass.states.get(entity_id)
    assert state is not None
    assert state.name == "Larder"


async def test_the_area_of_the_same_hardware_is_suggested(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    device_registry: dr.DeviceRegistry,
    area_registry: ar.AreaRegistry,
) -> None:
    other = MockConfigEntry(domain="esphome")
    other.add_to_hass(hass)
    area = area_registry.async_create("Cellar")
    esp = device_registry.async_get_or_create(
        config_entry_id=other.entry_id, connections={(dr.CONNECTION_NETWORK_MAC, MAC)}
    )
    device_registry.async_update_device(esp.id, area_id=area.id)
    with_area = await connect("with_area", mac_address=MAC)
    assert device_of(hass, with_area).area_id == area.id
    without = await connect("without", mac_address="aa:bb:cc:dd:ee:00")
    assert device_of(hass, without).area_id is None


async def test_two_players_of_one_machine_are_two_devices(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    one = await connect("one", mac_address=MAC)
    two = await connect("two", mac_address=MAC)
    assert device_of(hass, one).id != device_of(hass, two).id
    assert device_of(hass, two).connections == set()


async def test_what_plays_nothing_is_a_device_without_a_player(
    hass: HomeAssistant, running: MockConfigEntry, until: Until, device_registry: dr.DeviceRegistry
) -> None:
    remote = FakeClient("remote", roles=("controller@v1",))
    await remote.dial(running.runtime_data.data.port)
    await until(lambda: dr.async_entries_for_config_entry(device_registry, running.entry_id))
    assert hass.states.async_entity_ids("media_player") == []
    await remote.close()


async def test_twenty_players_come_at_once(
    hass: HomeAssistant, media_dir: Path, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    write_wav(media_dir / "long.wav", 60)
    at_once = asyncio.Semaphore(6)  # more from one address that have not said who they are would be turned away

    async def come(number: int) -> FakeClient:
        async with at_once:
            return await connect(f"player_{number}")

    players = await asyncio.gather(*(come(number) for number in range(20)))
    assert len(hass.states.async_entity_ids("media_player")) == 20
    await play(hass, LONG, *players)
    await until(lambda: all(state_of(hass, player) == "playing" for player in players))
    await until(lambda: all(player.chunk_count > 5 for player in players))
    assert len({player.group_ids[-1] for player in players}) == 1


async def test_only_what_is_away_can_be_removed(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_ws_client: WebSocketGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    assert await async_setup_component(hass, "config", {})
    kitchen = await connect("kitchen")
    device_id = device_of(hass, kitchen).id
    socket = await hass_ws_client()

    async def remove() -> bool:
        request = {"type": "config/device_registry/remove_config_entry", "device_id": device_id}
        await socket.send_json_auto_id({**request, "config_entry_id": running.entry_id})
        answer = await socket.receive_json()
        return bool(answer["success"])

    assert not await remove()
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    assert await remove()
    await hass.async_block_till_done()
    assert hass.states.get("media_player.kitchen") is None
    assert device_registry.async_get(device_id) is None
    assert running.runtime_data.data.devices == {}
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")


async def test_what_does_not_run_forgets_nothing(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    kitchen = await connect("kitchen")
    device_id = device_of(hass, kitchen).id
    await hass.config_entries.async_unload(running.entry_id)
    socket = await hass_ws_client()
    request = {"type": "config/device_registry/remove_config_entry", "device_id": device_id}
    await socket.send_json_auto_id({**request, "config_entry_id": running.entry_id})
    answer = await socket.receive_json()
    assert (answer["success"], answer["error"]["code"]) == (False, "home_assistant_error")
    await hass.config_entries.async_setup(running.entry_id)
    assert device_of(hass, kitchen).id == device_id


async def test_one_that_is_forgotten_is_gone_though_the_news_of_it_came_first(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    coordinator = running.runtime_data
    (device_id,) = coordinator.data.devices
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    await coordinator.bridge.async_ask(lambda server: server.forget(kitchen.client_id))
    await until(lambda: coordinator.data.devices[device_id].client is None)
    await coordinator.async_forget(device_id)
    assert coordinator.data.devices == {}


@pytest.mark.parametrize("way", ["unknown_device", "comes_back"])
async def test_removing_what_the_core_knows_otherwise(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, way: str
) -> None:
    from custom_components.resonate import async_remove_config_entry_device

    kitchen = await connect("kitchen")
    device = device_of(hass, kitchen)
    if way == "unknown_device":
        running.runtime_data.devices.async_forget(next(iter(device.identifiers))[1])
        running.runtime_data.data.devices.clear()
        assert await async_remove_config_entry_device(hass, running, device)
        return
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    kitchen.heard.clear()
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: kitchen.heard)  # the core has it, whatever is shown by now
    assert not await async_remove_config_entry_device(hass, running, device)
