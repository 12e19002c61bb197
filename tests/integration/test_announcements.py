"""Announcements: heard in between, and afterwards all is as it was."""

import asyncio
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import MediaPlayerEntityFeature as Feature
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.announcements import Announcer
from custom_components.resonate.core.media.request import MediaRequest
from custom_components.resonate.core.server.group import ResonateGroup
from custom_components.resonate.core.server.item import Item
from custom_components.resonate.core.units import ClientId
from custom_components.resonate.media import MediaOrder

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, state_of
from .media_files import write_wav
from .named import act_on, add_group, group_attribute, group_entity, group_members, group_state, play_on
from .test_actions import call
from .test_memberships import restart

CHIME = "media-source://media_source/local/chime.wav"


@pytest.fixture(autouse=True)
def a_chime(songs: None, media_dir: Path) -> None:
    write_wav(media_dir / "chime.wav", 1.0)


def heard(hass: HomeAssistant, client: FakeClient) -> Any:
    return attribute_of(hass, client, "media_content_id")


async def play_from_20(hass: HomeAssistant, client: FakeClient, until: Until) -> None:
    await play(hass, LONG, client)
    await play(hass, SONG, client, enqueue="add")
    await until(lambda: state_of(hass, client) == "playing")
    await act(hass, "media_seek", client, seek_position=20)
    await until(lambda: attribute_of(hass, client, "media_position") == 20)


async def test_the_music_goes_on_behind_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert Feature.MEDIA_ANNOUNCE in Feature(attribute_of(hass, kitchen, "supported_features"))
    await play_from_20(hass, kitchen, until)
    await play(hass, CHIME, kitchen, announce=True)
    await until(lambda: heard(hass, kitchen) == CHIME)
    assert attribute_of(hass, kitchen, "queue_size") == 2
    await until(lambda: heard(hass, kitchen) == LONG)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert 20 <= attribute_of(hass, kitchen, "media_position") <= 30
    assert (attribute_of(hass, kitchen, "queue_position"), attribute_of(hass, kitchen, "queue_size")) == (1, 2)
    assert kitchen.streams.count("stream/start") == 1


async def test_all_targets_hear_it_at_the_same_instant_and_stay_what_they_were(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    groups = kitchen.group_ids[-1], bath.group_ids[-1]
    await play(hass, CHIME, kitchen, bath, announce=True)
    await until(lambda: kitchen.first_at is not None and bath.first_at is not None)
    assert kitchen.first_at == bath.first_at
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("idle", "idle"))
    assert (kitchen.group_ids[-1], bath.group_ids[-1]) == groups
    assert attribute_of(hass, kitchen, "queue_size") == 0


async def test_where_music_plays_it_goes_on_and_elsewhere_it_is_quiet_again(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_from_20(hass, kitchen, until)
    await play(hass, CHIME, kitchen, bath, announce=True)
    await until(lambda: (heard(hass, kitchen), heard(hass, bath)) == (CHIME, CHIME))
    await until(lambda: heard(hass, kitchen) == LONG and state_of(hass, bath) == "idle")
    await until(lambda: bath.streams == ["stream/start", "stream/end"])


async def announce_on(hass: HomeAssistant, entity_id: str | None) -> None:
    await act_on(hass, "play_media", entity_id, media_content_id=CHIME, media_content_type="music", announce=True)


async def test_a_named_group_that_is_idle_is_its_members_each_where_it_is(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_from_20(hass, kitchen, until)
    groups = kitchen.group_ids[-1], bath.group_ids[-1]
    await announce_on(hass, group_entity(hass, group_id))
    await until(lambda: (heard(hass, kitchen), heard(hass, bath)) == (CHIME, CHIME))
    await until(lambda: heard(hass, kitchen) == LONG and state_of(hass, bath) == "idle")
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_position") >= 20
    assert (kitchen.group_ids[-1], bath.group_ids[-1]) == groups


async def test_a_named_group_that_plays_hears_it_as_it_is(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    await play_on(hass, LONG, down)
    await until(lambda: group_state(hass, group_id) == "playing")
    await act(hass, "unjoin", bath)
    await until(lambda: group_members(hass, group_id) == {entity_of(hass, kitchen)})
    await announce_on(hass, down)
    await until(lambda: group_attribute(hass, group_id, "announcing"))
    assert heard(hass, bath) is None
    await until(lambda: not group_attribute(hass, group_id, "announcing") and group_state(hass, group_id) == "playing")


async def test_a_named_group_that_is_paused_and_that_all_have_left(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    down = group_entity(hass, group_id)
    await play_on(hass, LONG, down)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("playing", "playing"))
    await act_on(hass, "media_pause", down)
    for client in (kitchen, bath):
        await act(hass, "unjoin", client)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("idle", "idle"))
    await announce_on(hass, down)
    await until(lambda: (heard(hass, kitchen), heard(hass, bath)) == (CHIME, CHIME))
    assert group_state(hass, group_id) == "paused"


async def test_who_is_moved_while_it_is_being_found_hears_it_where_it_is_by_then(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    opening, moved = asyncio.Event(), asyncio.Event()
    open_item = ResonateGroup.open_interjection
    loop = asyncio.get_running_loop()

    async def wait_and_open(group: ResonateGroup, request: MediaRequest) -> Item:
        loop.call_soon_threadsafe(opening.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(moved.wait(), loop))
        return await open_item(group, request)

    monkeypatch.setattr(ResonateGroup, "open_interjection", wait_and_open)
    announcing = asyncio.create_task(play(hass, CHIME, kitchen, announce=True))
    await opening.wait()
    await act(hass, "join", bath, group_members=[entity_of(hass, kitchen)])
    moved.set()
    await announcing
    await until(lambda: kitchen.streams[:1] == bath.streams[:1] == ["stream/start"])
    assert kitchen.first_at == bath.first_at


async def test_what_is_not_there_disturbs_nobody(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play_from_20(hass, kitchen, until)
    with pytest.raises(HomeAssistantError) as caught:
        await play(hass, CHIME.replace("chime", "none"), kitchen, announce=True)
    assert caught.value.translation_key is not None
    assert (heard(hass, kitchen), state_of(hass, kitchen)) == (LONG, "playing")


async def test_a_restart_in_the_middle_of_it_forgets_only_the_announcement(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    write_wav(media_dir / "chime.wav", 30.0)
    kitchen = await connect("kitchen")
    await play_from_20(hass, kitchen, until)
    await play(hass, CHIME, kitchen, announce=True)
    await until(lambda: heard(hass, kitchen) == CHIME)
    await restart(hass, running, until, kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    assert heard(hass, kitchen) == LONG
    assert 20 <= attribute_of(hass, kitchen, "media_position") <= 30


async def test_a_snapshot_and_a_transfer_are_of_the_music(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    write_wav(media_dir / "chime.wav", 30.0)
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_from_20(hass, kitchen, until)
    await play(hass, CHIME, kitchen, announce=True)
    await until(lambda: heard(hass, kitchen) == CHIME)
    await call(hass, "snapshot", kitchen)
    await call(hass, "transfer_queue", kitchen, destination="media_player.bath")
    await until(lambda: (heard(hass, bath), state_of(hass, bath)) == (LONG, "playing"))
    assert 20 <= attribute_of(hass, bath, "media_position") <= 30
    await until(lambda: state_of(hass, kitchen) == "idle")
    await call(hass, "restore", kitchen)
    await until(lambda: (heard(hass, kitchen), state_of(hass, kitchen)) == (LONG, "playing"))
    assert 20 <= attribute_of(hass, kitchen, "media_position") <= 30


async def test_a_target_that_comes_late_hears_it_by_itself(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    context = Context()
    for client in (kitchen, bath):  # one after another, in one script
        action = {"entity_id": f"media_player.{client.client_id}", "media_content_id": CHIME, "announce": True}
        await hass.services.async_call(
            "media_player", "play_media", {**action, "media_content_type": "music"}, blocking=True, context=context
        )
    await until(lambda: kitchen.streams == bath.streams == ["stream/start", "stream/end"])


async def test_without_an_action_each_is_for_itself(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    announcer: Announcer = running.runtime_data.announcer
    order = MediaOrder(media_id=CHIME, media_type="music", entity_id="media_player.kitchen")
    await asyncio.gather(*(announcer.async_announce(None, ClientId(it.client_id), order) for it in (kitchen, bath)))
    await until(lambda: kitchen.streams == bath.streams == ["stream/start", "stream/end"])
