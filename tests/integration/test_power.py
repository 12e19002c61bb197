"""Turned off: quiet, taken along by no named group, until it is turned on or played to."""

import asyncio
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import MediaPlayerEntityFeature as Feature
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.core.server.item import Item

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, state_of
from .media_files import write_wav
from .named import act_on, add_group, group_entity, group_state, play_on
from .test_memberships import restart

OTHER = "media-source://media_source/local/other.wav"

pytestmark = pytest.mark.usefixtures("songs")


def why_silent(hass: HomeAssistant, client: FakeClient) -> Any:
    state = hass.states.get(f"sensor.{client.client_id}_why_silent")
    return None if state is None else state.state


async def test_off_and_on_the_music_goes_on_where_it_was(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    both = Feature.TURN_ON | Feature.TURN_OFF
    assert Feature(attribute_of(hass, kitchen, "supported_features")) & both == both
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=20)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 20)
    await act(hass, "turn_off", kitchen)
    await until(lambda: state_of(hass, kitchen) == "off")
    await until(lambda: kitchen.streams[-1] == "stream/end")
    assert why_silent(hass, kitchen) == "switched_off"
    await act(hass, "turn_on", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert 20 <= attribute_of(hass, kitchen, "media_position") <= 30


async def test_with_nothing_to_play_it_is_only_on(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await act(hass, "turn_off", kitchen)
    assert state_of(hass, kitchen) == "off"
    await act(hass, "turn_on", kitchen)
    assert (state_of(hass, kitchen), why_silent(hass, kitchen)) == ("idle", "ready")


async def test_the_others_play_on_and_who_plays_to_it_turns_it_on(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await act(hass, "join", kitchen, group_members=[entity_of(hass, bath)])
    await play(hass, LONG, kitchen)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("playing", "playing"))
    await act(hass, "turn_off", kitchen)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("off", "playing"))
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "turn_off", kitchen)
    await until(lambda: state_of(hass, kitchen) == "off")
    await act(hass, "join", bath, group_members=[entity_of(hass, kitchen)])
    await until(lambda: state_of(hass, kitchen) == "playing")


async def test_no_named_group_takes_it_along_until_it_is_on(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    await act(hass, "turn_off", kitchen)
    await play_on(hass, LONG, down)
    await until(lambda: state_of(hass, bath) == "playing")
    assert state_of(hass, kitchen) == "off"
    assert kitchen.streams == []
    await act(hass, "turn_on", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "turn_off", kitchen)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("off", "playing"))
    await act_on(hass, "turn_off", down)
    await until(lambda: (group_state(hass, group_id), state_of(hass, kitchen)) == ("idle", "off"))
    await act_on(hass, "turn_on", down)
    await until(lambda: group_state(hass, group_id) == "playing")
    assert state_of(hass, kitchen) == "off"


async def test_who_plays_something_else_stays_with_that_when_it_is_on_by_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    write_wav(media_dir / "other.wav", 60)
    kitchen, bath, hall = [await connect(name) for name in ("kitchen", "bath", "hall")]
    down = group_entity(hass, await add_group(hass, running, "Downstairs", kitchen, bath))
    await act(hass, "turn_off", kitchen)
    await play_on(hass, LONG, down)
    await until(lambda: state_of(hass, bath) == "playing")
    await play(hass, OTHER, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await running.runtime_data.bridge.async_call(lambda server: server.port)  # by now it would have been moved
    assert attribute_of(hass, kitchen, "media_content_id") == OTHER
    await act(hass, "turn_off", kitchen)
    await play(hass, OTHER, hall)
    await act(hass, "join", hall, group_members=[entity_of(hass, kitchen)])
    await until(lambda: state_of(hass, kitchen) == "playing")
    await running.runtime_data.bridge.async_call(lambda server: server.port)
    assert attribute_of(hass, kitchen, "media_content_id") == OTHER
    await play_on(hass, LONG, down)  # anew, and with everybody
    await until(lambda: attribute_of(hass, kitchen, "media_content_id") == LONG)


async def test_on_again_it_goes_on_with_its_own_and_a_group_that_is_paused_stays_so(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    write_wav(media_dir / "other.wav", 60)
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play(hass, OTHER, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "turn_off", kitchen)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await act(hass, "media_pause", bath)
    await until(lambda: group_state(hass, group_id) == "paused")
    await act(hass, "turn_on", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_content_id") == OTHER
    assert (group_state(hass, group_id), state_of(hass, bath)) == ("paused", "paused")
    await act_on(hass, "media_play", group_entity(hass, group_id))
    await until(lambda: attribute_of(hass, kitchen, "media_content_id") == LONG)


async def test_what_is_being_opened_as_it_is_turned_off_is_not_heard(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen = await connect("kitchen")
    opening, is_off = asyncio.Event(), asyncio.Event()
    loop, open_item = asyncio.get_running_loop(), Item.open

    async def wait_and_open(item: Item, *args: Any) -> Any:
        loop.call_soon_threadsafe(opening.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(is_off.wait(), loop))
        return await open_item(item, *args)

    monkeypatch.setattr(Item, "open", wait_and_open)
    playing = asyncio.create_task(play(hass, LONG, kitchen))
    await opening.wait()
    await act(hass, "turn_off", kitchen)
    is_off.set()
    await playing
    await running.runtime_data.bridge.async_call(lambda server: server.port)
    assert (state_of(hass, kitchen), kitchen.streams) == ("off", [])


async def test_an_announcement_is_heard_and_leaves_it_off(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await act(hass, "turn_off", kitchen)
    await play(hass, SONG, kitchen, announce=True)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "off")


async def test_it_is_off_after_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await act(hass, "turn_off", kitchen)
    await restart(hass, running, until, kitchen, bath)
    assert state_of(hass, kitchen) == "off"
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    assert state_of(hass, kitchen) == "off"
