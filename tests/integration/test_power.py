"""Turned off: quiet, taken along by no named group, until it is turned on or played to."""

from typing import Any

from homeassistant.components.media_player import MediaPlayerEntityFeature as Feature
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, state_of
from .named import act_on, add_group, group_entity, group_state, play_on
from .test_memberships import restart

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
