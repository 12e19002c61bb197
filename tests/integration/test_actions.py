"""The integration's own actions: queues by their entries, under names and elsewhere; time; as it was."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate import once
from custom_components.resonate.core.server.server import ResonateServer
from custom_components.resonate.core.units import ClientId, GroupId

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, start, state_of, unload
from .media_files import write_wav
from .named import add_group, group_entity
from .test_memberships import restart

OTHER = "media-source://media_source/local/other.wav"


@pytest.fixture(autouse=True)
def more_songs(songs: None, media_dir: Path) -> None:
    write_wav(media_dir / "other.wav", 60)


async def call(hass: HomeAssistant, action: str, *clients: FakeClient, **data: Any) -> Any:
    """Call one of our own actions."""
    return await hass.services.async_call(
        "resonate",
        action,
        {"entity_id": [entity_of(hass, client) for client in clients], **data},
        blocking=True,
        return_response=action in ("export_queue", "get_queue"),
    )


async def queue_of(hass: HomeAssistant, client: FakeClient, **data: Any) -> Any:
    return (await call(hass, "get_queue", client, **data))[entity_of(hass, client)]


async def titles(hass: HomeAssistant, client: FakeClient) -> list[str]:
    return [item["title"] for item in (await queue_of(hass, client))["items"]]


async def fill(hass: HomeAssistant, client: FakeClient, *titles: str) -> None:
    """Put a minute of music in the queue under each of these titles."""
    for title in titles:
        await play(hass, LONG, client, enqueue="add", extra={"metadata": {"title": title}})


def heard(hass: HomeAssistant, client: FakeClient) -> Any:
    return attribute_of(hass, client, "media_title")


async def test_what_is_in_the_queue_and_where_it_is(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert await queue_of(hass, kitchen) == {
        "queue_position": None,
        "queue_size": 0,
        "repeat": "off",
        "shuffle": False,
        "items": [],
    }
    await fill(hass, kitchen, "a", "b", "c", "d")
    await act(hass, "media_play", kitchen)
    await act(hass, "repeat_set", kitchen, repeat="one")
    queue = await queue_of(hass, kitchen, offset=1, limit=2)
    assert (queue["queue_position"], queue["queue_size"], queue["repeat"]) == (1, 4, "one")
    assert [(item["position"], item["title"]) for item in queue["items"]] == [(2, "b"), (3, "c")]
    assert queue["items"][0] == {
        "queue_id": 2,
        "position": 2,
        "title": "b",
        "artist": None,
        "album": None,
        "duration": None,
        "media_content_id": LONG,
        "media_content_type": "music",
    }


async def test_entries_are_played_moved_and_taken_out(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await fill(hass, kitchen, "a", "b", "c", "d", "e")
    await call(hass, "play_queue_item", kitchen, queue_id=4)
    await until(lambda: heard(hass, kitchen) == "d")
    await call(hass, "move_queue_item", kitchen, queue_ids=[5, 2], destination_position=1)
    assert await titles(hass, kitchen) == ["e", "b", "a", "c", "d"]
    await call(hass, "remove_from_queue", kitchen, queue_ids=[1, 3])
    assert await titles(hass, kitchen) == ["e", "b", "d"]
    assert heard(hass, kitchen) == "d"
    for action, data in (
        ("play_queue_item", {"queue_id": 3}),
        ("remove_from_queue", {"queue_ids": [2, 3]}),
        ("move_queue_item", {"queue_ids": [3], "destination_position": 1}),
    ):
        with pytest.raises(HomeAssistantError) as caught:
            await call(hass, action, kitchen, **data)
        assert caught.value.translation_key == "entry_unknown"
    assert await titles(hass, kitchen) == ["e", "b", "d"]
    await call(hass, "clear_queue", kitchen)
    assert await titles(hass, kitchen) == []
    await until(lambda: state_of(hass, kitchen) == "idle")


async def test_a_queue_is_kept_under_a_name_over_restarts(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    with pytest.raises(ServiceValidationError):
        await call(hass, "save_queue", kitchen, name="Nothing")
    await fill(hass, kitchen, "a", "b")
    await call(hass, "save_queue", kitchen, name=" Sunday ")
    await call(hass, "clear_queue", kitchen)
    await restart(hass, running, until, kitchen)
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "load_queue", kitchen, name="Monday")
    assert caught.value.translation_key == "no_saved_queue"
    assert caught.value.translation_placeholders == {"name": "Monday", "names": "Sunday"}
    await call(hass, "load_queue", kitchen, name="Sunday")
    await until(lambda: heard(hass, kitchen) == "a" and state_of(hass, kitchen) == "playing")
    assert await titles(hass, kitchen) == ["a", "b"]
    await call(hass, "remove_saved_queue", kitchen, name="Sunday")
    with pytest.raises(ServiceValidationError):
        await call(hass, "load_queue", kitchen, name="Sunday")


async def test_another_player_goes_on(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await fill(hass, kitchen, "a", "b")
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=30)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 30)
    await call(hass, "transfer_queue", kitchen, destination=entity_of(hass, bath))
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("idle", "playing"))
    assert 30 <= attribute_of(hass, bath, "media_position") <= 35
    assert (await titles(hass, kitchen), await titles(hass, bath)) == ([], ["a", "b"])
    with pytest.raises(HomeAssistantError) as caught:
        await call(hass, "transfer_queue", kitchen, destination=entity_of(hass, bath))
    assert caught.value.translation_key == "refused_nothing_to_play"
    assert state_of(hass, bath) == "playing"
    with pytest.raises(ServiceValidationError):
        await call(hass, "transfer_queue", bath, destination="media_player.nobody")
    group_id = await add_group(hass, running, "Downstairs", kitchen)
    await act(hass, "media_pause", bath)
    await call(hass, "transfer_queue", bath, destination=group_entity(hass, group_id))
    state = hass.states.get(group_entity(hass, group_id))
    assert state is not None
    await until(lambda: state_of(hass, bath) == "idle")
    assert state.attributes["queue_size"] == 2


async def test_two_members_of_a_group_are_one_target(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "GATHER_WINDOW_S", 10.0)
    reinstate, reinstated = ResonateServer.reinstate, []

    async def count(server: ResonateServer, target: ClientId | GroupId, *args: Any, **kwargs: Any) -> None:
        reinstated.append(target)
        await reinstate(server, target, *args, **kwargs)

    monkeypatch.setattr(ResonateServer, "reinstate", count)
    kitchen, bath, attic = await connect("kitchen"), await connect("bath"), await connect("attic")
    await act(hass, "join", kitchen, group_members=[entity_of(hass, bath)])
    await fill(hass, kitchen, "a", "b")
    await call(hass, "save_queue", kitchen, name="Sunday")
    await call(hass, "load_queue", kitchen, bath, name="Sunday")
    assert len(reinstated) == 1
    await until(lambda: state_of(hass, bath) == "playing")
    await call(hass, "transfer_queue", kitchen, bath, destination=entity_of(hass, attic))
    await until(lambda: (state_of(hass, bath), state_of(hass, attic)) == ("idle", "playing"))
    assert await titles(hass, attic) == ["a", "b"]


async def test_it_is_put_back_as_it_was(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "restore", kitchen)
    assert caught.value.translation_key == "no_snapshot"
    await fill(hass, kitchen, "a", "b")
    await act(hass, "volume_set", kitchen, volume_level=0.3)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.3)
    await call(hass, "play_queue_item", kitchen, queue_id=2)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=20)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 20)
    await call(hass, "snapshot", kitchen)
    await act(hass, "volume_set", kitchen, volume_level=0.8)
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await call(hass, "restore", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing" and attribute_of(hass, kitchen, "volume_level") == 0.3)
    assert heard(hass, kitchen) == "b"
    assert 20 <= attribute_of(hass, kitchen, "media_position") <= 25
    assert await titles(hass, kitchen) == ["a", "b"]
    with pytest.raises(ServiceValidationError):
        await call(hass, "restore", kitchen)


async def test_what_was_paused_or_idle_does_not_begin_to_play_when_it_is_put_back(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_pause", kitchen)
    await call(hass, "snapshot", kitchen, bath)
    await play(hass, OTHER, kitchen)
    await play(hass, OTHER, bath)
    await call(hass, "restore", kitchen, bath)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("paused", "idle"))
    assert attribute_of(hass, kitchen, "media_content_id") == LONG


async def test_what_could_not_be_put_back_is_still_kept(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, OTHER, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await call(hass, "snapshot", kitchen)
    await act(hass, "media_stop", kitchen)
    (media_dir / "other.wav").rename(media_dir / "away.wav")
    with pytest.raises(HomeAssistantError):
        await call(hass, "restore", kitchen)
    (media_dir / "away.wav").rename(media_dir / "other.wav")
    await call(hass, "restore", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")


async def test_groups_that_are_given_an_instant_begin_at_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    at = dt_util.utcnow() + timedelta(seconds=1.5)
    await call(hass, "play", kitchen, bath, media_content_id=LONG, start_at=at.isoformat())
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("playing", "playing"))
    assert attribute_of(hass, kitchen, "group_members") == [entity_of(hass, kitchen)]
    began = [attribute_of(hass, client, "media_position_updated_at") for client in (kitchen, bath)]
    assert abs((began[0] - began[1]).total_seconds()) < 0.01
    assert abs((began[0] - at).total_seconds()) < 0.1
    past = dt_util.utcnow() - timedelta(minutes=1)
    with pytest.raises(ServiceValidationError) as caught:
        await call(hass, "play", kitchen, media_content_id=LONG, start_at=past.isoformat())
    assert caught.value.translation_key == "start_in_the_past"


async def test_a_sleep_timer_makes_it_quieter_and_pauses_and_puts_the_volume_back(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await act(hass, "volume_set", kitchen, volume_level=0.6)
    await until(lambda: state_of(hass, kitchen) == "playing" and attribute_of(hass, kitchen, "volume_level") == 0.6)
    await call(hass, "set_sleep_timer", kitchen, duration={"hours": 1})
    await call(hass, "set_sleep_timer", kitchen, duration=2, fade=2)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.3)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.6)
    kinds = [kind for kind, _ in kitchen.heard if kind in ("stream/end", "server/command")]
    assert kinds[-2:] == ["stream/end", "server/command"]  # nothing is heard when it is loud again


async def test_a_sleep_timer_that_is_cleared_leaves_all_as_it_was(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await act(hass, "volume_set", kitchen, volume_level=0.6)
    await until(lambda: state_of(hass, kitchen) == "playing" and attribute_of(hass, kitchen, "volume_level") == 0.6)
    await call(hass, "set_sleep_timer", kitchen, duration=3, fade=3)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") < 0.6)
    await call(hass, "clear_sleep_timer", kitchen)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.6)
    assert state_of(hass, kitchen) == "playing"
    await call(hass, "clear_sleep_timer", kitchen)
    await call(hass, "set_sleep_timer", kitchen, duration=3600)
    await unload(hass, running)  # and nothing is left of the timer


async def test_an_end_amid_a_fade_leaves_nobody_quiet(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await act(hass, "volume_set", kitchen, volume_level=0.6)
    await until(lambda: state_of(hass, kitchen) == "playing" and attribute_of(hass, kitchen, "volume_level") == 0.6)
    await call(hass, "set_sleep_timer", kitchen, duration=3, fade=3)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") < 0.6)
    await unload(hass, running)
    await until(lambda: kitchen.volume == 60)


async def test_actions_are_there_before_anything_is_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await start(hass, entry)
    await unload(hass, entry)
    assert set(hass.services.async_services()["resonate"]) >= {"get_queue", "play", "snapshot", "transfer_queue"}


async def test_what_is_exported_can_be_played_again(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    assert (await call(hass, "export_queue", kitchen))["media_player.kitchen"] == {"playlist": "#EXTM3U\n"}
    named = {"title": "Named", "artist": "Me", "album": "Ours"}
    await play(hass, LONG, kitchen, extra={"metadata": named})
    await play(hass, OTHER, kitchen, enqueue="add")
    exported = (await call(hass, "export_queue", kitchen))["media_player.kitchen"]["playlist"]
    (media_dir / "mine.m3u").write_text(exported, encoding="utf-8")
    await play(hass, "media-source://media_source/local/mine.m3u", bath)
    await until(lambda: state_of(hass, bath) == "playing")
    queues = [(await call(hass, "get_queue", it))[entity_of(hass, it)]["items"] for it in (kitchen, bath)]
    keys = ("media_content_id", "title", "artist", "album")
    ours, again = ([[item[key] for key in keys] for item in items] for items in queues)
    assert again == ours == [[LONG, "Named", "Me", "Ours"], [OTHER, "other", None, None]]
