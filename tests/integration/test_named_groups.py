"""Groups that users make for good, each a device with a player of its own."""

import asyncio

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.resonate.const import DOMAIN

from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, start, state_of, unload
from .named import (
    act_on,
    add_group,
    begin,
    edit_group,
    entities,
    group_attribute,
    group_entity,
    group_members,
    group_state,
    play_on,
    submit,
)

pytestmark = pytest.mark.usefixtures("songs")


# The dialogues


async def test_a_group_is_a_device_with_a_player(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, device_registry: dr.DeviceRegistry
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, " Downstairs ", kitchen, bath)
    entity = er.async_get(hass).async_get(group_entity(hass, group_id))
    assert entity is not None
    assert (entity.entity_id, entity.config_subentry_id) == ("media_player.downstairs", group_id)
    device = device_registry.async_get(entity.device_id or "")
    assert isinstance(device, dr.DeviceEntry)
    assert (device.name, device.identifiers, device.config_subentry_id) == (
        "Downstairs",
        {(DOMAIN, group_id)},
        group_id,
    )
    assert group_state(hass, group_id) == "idle"
    assert group_members(hass, group_id) == entities(hass, kitchen, bath)
    assert group_attribute(hass, group_id, "device_class") == "speaker"


async def test_what_is_wrong_is_said_and_can_be_put_right(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    form = await begin(hass, running)
    assert (form["type"], form["reason"]) == ("abort", "no_players")
    kitchen = await connect("kitchen")
    other_id = await add_group(hass, running, "Downstairs", kitchen)
    foreign = er.async_get(hass).async_get_or_create("media_player", "other", "1").entity_id
    form = await begin(hass, running)
    assert (form["type"], form["step_id"], form["errors"]) == ("form", "user", {})
    form = await submit(hass, form, " DOWNSTAIRS", [])
    assert form["errors"] == {"name": "name_taken", "members": "no_members"}
    form = await submit(hass, form, " ", [entity_of(hass, kitchen), foreign])
    assert form["errors"] == {"name": "no_name", "members": "not_our_player"}
    assert form["description_placeholders"] == {"entity": foreign}
    done = await submit(hass, form, "Upstairs", [entity_of(hass, kitchen), entity_of(hass, kitchen)])
    assert done["type"] == "create_entry"
    assert group_members(hass, other_id) == entities(hass, kitchen)
    form = await begin(hass, running, other_id)
    assert (form["type"], form["step_id"]) == ("form", "reconfigure")
    shown = {str(key): key.description["suggested_value"] for key in form["data_schema"].schema}
    assert shown == {"name": "Downstairs", "members": [entity_of(hass, kitchen)]}
    form = await submit(hass, form, "upstairs", [])
    assert form["errors"] == {"name": "name_taken", "members": "no_members"}
    done = await submit(hass, form, "downstairs", [entity_of(hass, kitchen)])
    assert (done["type"], done["reason"]) == ("abort", "reconfigure_successful")
    assert running.subentries[other_id].title == "downstairs"


async def test_a_group_cannot_be_a_member_of_another(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen = await connect("kitchen")
    group_id = await add_group(hass, running, "Downstairs", kitchen)
    form = await begin(hass, running)
    selector = form["data_schema"].schema["members"]
    assert selector.config["exclude_entities"] == [group_entity(hass, group_id)]


@pytest.mark.parametrize(
    ("language", "word"), [("de", "Gruppe"), ("en", "Group"), ("es", "Grupo"), ("fr", "Groupe"), ("nl", "Groep")]
)
async def test_every_text_of_the_dialogues(
    hass: HomeAssistant, running: MockConfigEntry, language: str, word: str
) -> None:
    texts = await async_get_translations(hass, language, "config_subentries", [DOMAIN])
    prefix = f"component.{DOMAIN}.config_subentries.group"
    for key in (
        "entry_type",
        "initiate_flow.user",
        "initiate_flow.reconfigure",
        "abort.no_players",
        "error.name_taken",
        "step.user.data_description.members",
        "step.reconfigure.data.name",
    ):
        assert texts[f"{prefix}.{key}"]
    assert texts[f"{prefix}.entry_type"] == word


async def test_renaming_players_and_groups_does_no_harm(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    device_registry: dr.DeviceRegistry,
) -> None:
    kitchen = await connect("kitchen")
    group_id = await add_group(hass, running, "Downstairs", kitchen)
    er.async_get(hass).async_update_entity(entity_of(hass, kitchen) or "", new_entity_id="media_player.larder")
    await hass.async_block_till_done()
    await edit_group(hass, running, group_id, "Ground floor", kitchen)
    entity_id = group_entity(hass, group_id)
    assert entity_id == "media_player.downstairs"
    await until(lambda: (state := hass.states.get(entity_id)) and state.name == "Ground floor")
    assert group_members(hass, group_id) == {"media_player.larder"}
    await play_on(hass, LONG, entity_id)
    await until(lambda: state_of(hass, kitchen) == group_state(hass, group_id) == "playing")


# Playing


async def test_playing_on_a_group_brings_its_members_and_stop_lets_them_go(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    await play_on(hass, LONG, down)
    await until(lambda: group_state(hass, group_id) == "playing" and kitchen.byte_count > 0 and bath.byte_count > 0)
    both = entities(hass, kitchen, bath)
    assert group_members(hass, group_id) == set(attribute_of(hass, kitchen, "group_members")) == both
    assert group_attribute(hass, group_id, "media_content_id") == LONG
    assert group_attribute(hass, group_id, "media_duration") == 60
    assert (state_of(hass, bath), state_of(hass, attic)) == ("playing", "idle")
    await act_on(hass, "media_seek", down, seek_position=30)
    await act(hass, "media_pause", bath)
    await until(lambda: group_state(hass, group_id) == state_of(hass, kitchen) == "paused")
    assert group_members(hass, group_id) == both
    await act_on(hass, "media_play", down)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await play(hass, SONG, bath)  # on a member: the whole group
    await until(lambda: group_attribute(hass, group_id, "media_title") == "Some Song")
    await act_on(hass, "media_stop", down)
    await until(lambda: set(attribute_of(hass, kitchen, "group_members")) == entities(hass, kitchen))
    assert {group_state(hass, group_id), state_of(hass, kitchen), state_of(hass, bath)} == {"idle"}
    assert attic.chunk_count == 0


async def test_a_group_takes_its_members_from_what_they_play_and_the_last_command_wins(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    down = await add_group(hass, running, "Downstairs", kitchen, bath)
    up = await add_group(hass, running, "Upstairs", bath, attic)
    await act(hass, "join", attic, group_members=[entity_of(hass, kitchen)])
    await play(hass, LONG, attic)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await play_on(hass, LONG, group_entity(hass, down))
    await until(lambda: group_members(hass, down) == entities(hass, kitchen, bath))
    assert state_of(hass, attic) == "playing"
    assert "stream/end" not in attic.streams
    await play_on(hass, LONG, group_entity(hass, up))
    await until(lambda: group_members(hass, up) == entities(hass, bath, attic))
    await until(lambda: group_members(hass, down) == entities(hass, kitchen))
    await until(lambda: group_state(hass, up) == group_state(hass, down) == "playing")


async def test_who_is_away_joins_when_it_comes(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await bath.close()
    await until(lambda: state_of(hass, bath) == "unavailable")
    assert group_state(hass, group_id) == "idle"
    assert group_members(hass, group_id) == entities(hass, kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: group_state(hass, group_id) == "playing")
    await bath.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, bath) == "playing" and bath.chunk_count > 0)
    assert kitchen.streams == ["stream/start"]


async def test_a_group_is_there_while_one_of_its_players_is(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen)
    await kitchen.close()
    await until(lambda: group_state(hass, group_id) == "unavailable")
    assert state_of(hass, bath) == "idle"
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: group_state(hass, group_id) == "idle")


async def test_joined_and_taken_out_for_this_playing_only(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    await play_on(hass, LONG, down)
    await act_on(hass, "join", down, group_members=[entity_of(hass, attic)])
    await act(hass, "unjoin", bath)
    await until(lambda: group_members(hass, group_id) == entities(hass, kitchen, attic))
    await until(lambda: state_of(hass, attic) == "playing" and state_of(hass, bath) == "idle")
    await act_on(hass, "unjoin", down)
    await until(lambda: group_members(hass, group_id) == entities(hass, kitchen))
    assert state_of(hass, attic) == "idle"
    await act_on(hass, "join", down, group_members=[entity_of(hass, attic)])
    await act_on(hass, "media_stop", down)
    await until(lambda: group_members(hass, group_id) == entities(hass, kitchen, bath))
    await play_on(hass, LONG, down)
    await until(lambda: state_of(hass, bath) == "playing")
    assert group_members(hass, group_id) == entities(hass, kitchen, bath)
    assert state_of(hass, attic) == "idle"


async def test_a_whole_group_can_be_joined_to_a_player(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await act(hass, "join", attic, group_members=[group_entity(hass, group_id), entity_of(hass, bath)])
    await until(lambda: set(attribute_of(hass, attic, "group_members")) == entities(hass, attic, kitchen, bath))
    assert group_state(hass, group_id) == "idle"


async def test_a_medium_that_cannot_be_played_is_said_in_words(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    with pytest.raises(HomeAssistantError) as caught:
        await play_on(hass, "media-source://media_source/local/none.wav", down)
    assert caught.value.translation_domain == DOMAIN
    assert set(attribute_of(hass, kitchen, "group_members")) == entities(hass, kitchen)
    with pytest.raises(HomeAssistantError) as caught:
        await act_on(hass, "media_pause", down)
    assert caught.value.translation_key == "refused_nothing_plays"


# One action, several targets


@pytest.mark.parametrize("group_first", [True, False])
async def test_a_group_and_players_of_one_action_play_as_one(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, group_first: bool
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    targets = [group_entity(hass, group_id), entity_of(hass, attic), entity_of(hass, bath)]
    await play_on(hass, LONG, *(targets if group_first else targets[::-1]))
    all_of_them = entities(hass, kitchen, bath, attic)
    await until(lambda: group_members(hass, group_id) == all_of_them)
    await until(lambda: {state_of(hass, it) for it in (kitchen, bath, attic)} == {group_state(hass, group_id)})
    await until(lambda: attic.chunk_count > 0)
    assert attic.streams == ["stream/start"]
    await act_on(hass, "media_stop", group_entity(hass, group_id))
    await until(lambda: group_members(hass, group_id) == entities(hass, kitchen, bath))
    await until(lambda: set(attribute_of(hass, attic, "group_members")) == entities(hass, attic))


async def test_inside_home_assistants_own_group(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    members = [group_entity(hass, group_id), entity_of(hass, attic)]
    options = {"group_type": "media_player", "name": "House", "entities": members, "hide_members": False}
    own = MockConfigEntry(domain="group", title="House", options=options)
    own.add_to_hass(hass)
    assert await hass.config_entries.async_setup(own.entry_id)
    await hass.async_block_till_done()
    await act_on(hass, "volume_set", "media_player.house", volume_level=0.2)
    await until(lambda: {kitchen.volume, bath.volume, attic.volume} == {20})
    await play_on(hass, LONG, "media_player.house")
    await until(lambda: group_members(hass, group_id) == entities(hass, kitchen, bath, attic))
    await until(lambda: (state := hass.states.get("media_player.house")) and state.state == "playing")
    await act_on(hass, "media_stop", "media_player.house")
    await until(lambda: group_state(hass, group_id) == state_of(hass, attic) == "idle")


# Volume


async def test_the_volume_of_a_group_moves_its_members(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    deaf = await connect("deaf", commands=())
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath, deaf)
    none = await add_group(hass, running, "None", deaf)
    await kitchen.set_volume(20)
    await until(lambda: group_attribute(hass, group_id, "volume_level") == 0.3)
    down = group_entity(hass, group_id)
    for _ in range(2):  # idle, then playing
        await act_on(hass, "volume_set", down, volume_level=0.5)
        await until(lambda: (kitchen.volume, bath.volume) == (40, 60))
        await until(lambda: group_attribute(hass, group_id, "volume_level") == 0.5)
        await act_on(hass, "volume_down", down)
        await until(lambda: (kitchen.volume, bath.volume) == (30, 50))
        await act_on(hass, "volume_mute", down, is_volume_muted=True)
        await until(lambda: kitchen.is_muted and bath.is_muted and group_attribute(hass, group_id, "is_volume_muted"))
        await act_on(hass, "volume_mute", down, is_volume_muted=False)
        await until(lambda: group_attribute(hass, group_id, "is_volume_muted") is False)
        await play_on(hass, LONG, down)
    assert group_attribute(hass, none, "volume_level") is None
    assert group_attribute(hass, none, "supported_features") & 4 == 0


async def test_a_scene_sets_the_volume_of_a_group(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    entity_id = group_entity(hass, group_id)
    scene = {"name": "Quiet", "entities": {entity_id: {"state": "idle", "volume_level": 0.1}}}
    assert await async_setup_component(hass, "scene", {"scene": [scene]})
    await hass.async_block_till_done()
    await hass.services.async_call("scene", "turn_on", {"entity_id": "scene.quiet"}, blocking=True)
    await until(lambda: (kitchen.volume, bath.volume) == (10, 10))


# Added, edited and removed while there is music


async def test_others_hear_no_difference_when_a_group_is_added_edited_and_removed(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    device_registry: dr.DeviceRegistry,
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    await play(hass, LONG, attic)
    await until(lambda: state_of(hass, attic) == "playing")
    group_id = await add_group(hass, running, "Downstairs", kitchen, attic)
    await edit_group(hass, running, group_id, "Downstairs", kitchen, bath)
    assert hass.config_entries.async_remove_subentry(running, group_id)
    await hass.async_block_till_done()
    assert state_of(hass, attic) == "playing"
    assert attic.streams == ["stream/start"]
    assert hass.states.get("media_player.downstairs") is None
    devices = dr.async_entries_for_config_entry(device_registry, running.entry_id)
    assert not [it for it in devices if (DOMAIN, group_id) in it.identifiers]
    await until(lambda: running.runtime_data.data.groups == {})
    again = await add_group(hass, running, "Downstairs", kitchen)
    assert group_state(hass, again) == "idle"


async def test_edited_while_it_plays(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await edit_group(hass, running, group_id, "Downstairs", kitchen, attic)
    await until(lambda: state_of(hass, attic) == "playing" and state_of(hass, bath) == "idle")
    assert group_members(hass, group_id) == entities(hass, kitchen, attic)
    assert kitchen.streams == ["stream/start"]
    await until(lambda: bath.streams[-1] == "stream/end")


async def test_removed_while_it_plays(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_ws_client: WebSocketGenerator,
) -> None:
    assert await async_setup_component(hass, "config", {})
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    entity_id = group_entity(hass, group_id)
    await play_on(hass, LONG, entity_id)
    await until(lambda: state_of(hass, bath) == "playing")
    device_id = er.async_get(hass).async_get(entity_id).device_id  # type: ignore[union-attr]
    socket = await hass_ws_client()
    request = {"type": "config/device_registry/remove_config_entry", "device_id": device_id}
    await socket.send_json_auto_id({**request, "config_entry_id": running.entry_id})
    assert not (await socket.receive_json())["success"]  # the device goes with the group, not the other way round
    request = {"type": "config_entries/subentries/delete", "subentry_id": group_id}
    await socket.send_json_auto_id({**request, "entry_id": running.entry_id})
    assert (await socket.receive_json())["success"]
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "idle")
    assert hass.states.get(entity_id) is None
    assert set(attribute_of(hass, bath, "group_members")) == entities(hass, bath)


async def test_a_player_that_is_removed_is_no_member_any_more(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await bath.close()
    await until(lambda: state_of(hass, bath) == "unavailable")
    bath_id = next(it.device_id for it in running.runtime_data.devices.devices.values() if it.client_id == "bath")
    (device,) = dr.async_get(hass).async_get_devices(identifiers={(DOMAIN, bath_id)})
    await running.runtime_data.async_forget(bath_id)
    dr.async_get(hass).async_remove_device(device.id)
    await hass.async_block_till_done()
    await play_on(hass, LONG, group_entity(hass, group_id))
    await bath.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, bath) == "idle")
    assert group_members(hass, group_id) == entities(hass, kitchen)
    form = await begin(hass, running, group_id)
    shown = {str(key): key.description["suggested_value"] for key in form["data_schema"].schema}
    assert shown["members"] == [entity_of(hass, kitchen)]


async def test_a_group_outlives_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await kitchen.close()
    await bath.close()
    await unload(hass, running)
    await start(hass, running)
    assert group_state(hass, group_id) == "unavailable"
    port = running.runtime_data.data.port
    await kitchen.dial(port)
    await until(lambda: group_state(hass, group_id) == "idle")
    await play_on(hass, LONG, group_entity(hass, group_id))
    await bath.dial(port)
    await until(lambda: state_of(hass, bath) == "playing")
    assert group_members(hass, group_id) == entities(hass, kitchen, bath)


async def test_made_while_the_entry_is_not_loaded(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    entity_id = entity_of(hass, kitchen)
    await kitchen.close()
    await unload(hass, running)
    done = await submit(hass, await begin(hass, running), "Downstairs", [entity_id])
    assert done["type"] == "create_entry"
    await start(hass, running)
    (group_id,) = running.subentries
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: group_state(hass, group_id) == "idle")


async def test_twenty_players_in_one_group(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    at_once = asyncio.Semaphore(6)

    async def come(number: int) -> object:
        async with at_once:
            return await connect(f"player_{number}")

    players = [await connect("first"), *await asyncio.gather(*(come(number) for number in range(19)))]
    group_id = await add_group(hass, running, "House", *players)  # type: ignore[arg-type]
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: all(state_of(hass, it) == "playing" for it in players))  # type: ignore[arg-type]
    await until(lambda: all(it.chunk_count > 5 for it in players))  # type: ignore[attr-defined]
    assert len({it.group_ids[-1] for it in players}) == 1  # type: ignore[attr-defined]
    assert len(group_members(hass, group_id)) == 20
    await act_on(hass, "media_stop", group_entity(hass, group_id))
    await until(lambda: len({tuple(attribute_of(hass, it, "group_members")) for it in players}) == 20)  # type: ignore[arg-type]
