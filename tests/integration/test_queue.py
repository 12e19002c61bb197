"""What a person does with a queue."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import web
from homeassistant.components import media_source
from homeassistant.components.media_player import MediaPlayerEntityFeature as Feature
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate import late_media

from .fake_client import FakeClient
from .helpers import (
    LONG,
    SONG,
    Connect,
    Serve,
    Until,
    act,
    attribute_of,
    entity_of,
    our_threads,
    play,
    state_of,
    unload,
)
from .media_files import write_wav

SHORT = "media-source://media_source/local/short.wav"
OTHER = "media-source://media_source/local/other.wav"


@pytest.fixture(autouse=True)
def more_songs(songs: None, media_dir: Path) -> None:
    write_wav(media_dir / "short.wav", 0.4)
    write_wav(media_dir / "other.wav", 60)


def features_of(hass: HomeAssistant, client: FakeClient) -> Feature:
    return Feature(attribute_of(hass, client, "supported_features"))


def heard(hass: HomeAssistant, client: FakeClient) -> Any:
    return attribute_of(hass, client, "media_content_id")


def place(hass: HomeAssistant, client: FakeClient) -> tuple[Any, Any]:
    return attribute_of(hass, client, "queue_position"), attribute_of(hass, client, "queue_size")


async def test_added_it_comes_last_and_next_it_comes_next(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert Feature.MEDIA_ENQUEUE in features_of(hass, kitchen)
    assert place(hass, kitchen) == (None, 0)
    await play(hass, SHORT, kitchen)
    await play(hass, LONG, kitchen, enqueue="add")
    await play(hass, SONG, kitchen, enqueue="next")
    assert place(hass, kitchen)[1] == 3
    await until(lambda: heard(hass, kitchen) == SHORT)
    await until(lambda: heard(hass, kitchen) == SONG)
    await until(lambda: heard(hass, kitchen) == LONG)
    assert place(hass, kitchen) == (3, 3)
    assert kitchen.streams == ["stream/start"]


async def test_nothing_begins_by_being_added(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen, enqueue="add")
    assert state_of(hass, kitchen) == "idle"
    assert place(hass, kitchen) == (None, 1)
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert heard(hass, kitchen) == LONG


async def test_played_at_once_what_was_heard_stays_in_the_queue(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await play(hass, OTHER, kitchen, enqueue="play")
    await until(lambda: heard(hass, kitchen) == OTHER)
    assert place(hass, kitchen) == (2, 2)
    await play(hass, LONG, kitchen, enqueue="replace")
    await until(lambda: heard(hass, kitchen) == LONG)
    assert place(hass, kitchen) == (1, 1)


async def test_next_and_previous_are_there_while_they_lead_anywhere(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert not features_of(hass, kitchen) & (Feature.NEXT_TRACK | Feature.PREVIOUS_TRACK | Feature.CLEAR_PLAYLIST)
    await play(hass, LONG, kitchen)
    await play(hass, OTHER, kitchen, enqueue="add")
    await until(lambda: Feature.NEXT_TRACK in features_of(hass, kitchen))
    await act(hass, "media_next_track", kitchen)
    await until(lambda: heard(hass, kitchen) == OTHER)
    assert Feature.NEXT_TRACK not in features_of(hass, kitchen)
    await act(hass, "media_previous_track", kitchen)
    await until(lambda: heard(hass, kitchen) == LONG)
    await act(hass, "repeat_set", kitchen, repeat="all")
    assert attribute_of(hass, kitchen, "repeat") == "all"
    await act(hass, "media_previous_track", kitchen)
    await until(lambda: heard(hass, kitchen) == OTHER)
    await act(hass, "media_next_track", kitchen)
    await until(lambda: heard(hass, kitchen) == LONG)
    await act(hass, "clear_playlist", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert place(hass, kitchen) == (None, 0)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, "media_play", kitchen)
    assert caught.value.translation_key == "refused_nothing_paused"


async def test_repeat_and_shuffle_are_shown_by_every_member(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await act(hass, "join", kitchen, group_members=[entity_of(hass, bath)])
    assert (attribute_of(hass, bath, "repeat"), attribute_of(hass, bath, "shuffle")) == ("off", False)
    await act(hass, "repeat_set", kitchen, repeat="one")
    await act(hass, "shuffle_set", bath, shuffle=True)
    for client in (kitchen, bath):
        assert attribute_of(hass, client, "repeat") == "one"
        assert attribute_of(hass, client, "shuffle") is True
    await act(hass, "shuffle_set", kitchen, shuffle=False)
    assert attribute_of(hass, bath, "shuffle") is False


async def test_an_action_on_two_members_of_a_group_is_done_once(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await act(hass, "join", kitchen, group_members=[entity_of(hass, bath)])
    await play(hass, LONG, kitchen)
    await play(hass, OTHER, kitchen, bath, enqueue="add")
    await play(hass, LONG, kitchen, bath, enqueue="add")
    assert place(hass, bath) == (1, 3)
    await until(lambda: state_of(hass, bath) == "playing")
    await act(hass, "media_next_track", kitchen, bath)
    await until(lambda: place(hass, bath) == (2, 3))
    context = Context()
    for _ in range(2):  # as a script does it
        entity_id = entity_of(hass, kitchen)
        await hass.services.async_call(
            "media_player", "clear_playlist", {"entity_id": entity_id}, blocking=True, context=context
        )
        await hass.services.async_call(
            "media_player",
            "play_media",
            {"entity_id": entity_id, "media_content_id": LONG, "media_content_type": "music", "enqueue": "add"},
            blocking=True,
            context=context,
        )
    assert place(hass, bath) == (None, 1)


async def test_what_two_members_are_to_add_is_looked_for_once(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, serve: Serve
) -> None:
    requests = []

    async def answer(request: web.Request) -> web.StreamResponse:
        requests.append(request.path)
        return web.Response(text="a.mp3\nb.mp3")

    address = await serve(answer)
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await act(hass, "join", kitchen, group_members=[entity_of(hass, bath)])
    await play(hass, f"{address}/list.m3u", kitchen, bath, enqueue="add")
    assert place(hass, bath) == (None, 2)
    assert requests == ["/list.m3u"]  # the second answer may be late, and what is in it would be added once more


async def test_an_end_while_a_medium_is_being_looked_for_waits_for_nothing(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    media_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kitchen = await connect("kitchen")
    (media_dir / "list.m3u").write_text("long.wav\nother.wav")
    await play(hass, "media-source://media_source/local/list.m3u", kitchen)
    begun, never = asyncio.Event(), asyncio.Event()

    async def look(*_: object) -> None:
        begun.set()
        await never.wait()

    with patch.object(late_media, "async_make_request", look):
        skipping = hass.async_create_task(act(hass, "media_next_track", kitchen))
        await begun.wait()
        await unload(hass, running)
        with pytest.raises(HomeAssistantError):
            await skipping
    assert "has not stopped" not in caplog.text
    assert our_threads() == []


async def test_what_is_missing_is_passed_over_and_a_folder_is_a_queue(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, media_dir: Path
) -> None:
    album = media_dir / "album"
    album.mkdir()
    (album / "1 broken.wav").write_bytes(b"no audio at all" * 10)
    write_wav(album / "2 short.wav", 0.4)
    write_wav(album / "3 gone.wav", 0.4)
    write_wav(album / "4 long.wav", 60)
    kitchen = await connect("kitchen")
    await play(hass, "media-source://media_source/local/album", kitchen)
    assert place(hass, kitchen) == (2, 4)
    (album / "3 gone.wav").unlink()
    await until(lambda: place(hass, kitchen) == (4, 4))
    assert attribute_of(hass, kitchen, "media_title") == "4 long"


async def test_a_media_source_that_breaks_costs_its_own_medium_alone(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    media_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    resolve = media_source.async_resolve_media

    async def break_sometimes(hass: HomeAssistant, media_id: str, *args: Any) -> media_source.PlayMedia:
        if media_id == OTHER:
            raise KeyError("an error of its own")
        return await resolve(hass, media_id, *args)

    kitchen = await connect("kitchen")
    (media_dir / "list.m3u").write_text("other.wav\nlong.wav\n")
    monkeypatch.setattr(media_source, "async_resolve_media", break_sometimes)
    await play(hass, "media-source://media_source/local/list.m3u", kitchen)
    await until(lambda: heard(hass, kitchen) == LONG)
    assert "an error of its own" in caplog.text


async def test_what_cannot_be_played_leaves_the_queue_as_it_is(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, OTHER, kitchen)
    await play(hass, LONG, kitchen, enqueue="next")
    for enqueue in ("play", "replace"):
        with pytest.raises(HomeAssistantError) as caught:
            await play(hass, "media-source://media_source/local/no such.wav", kitchen, enqueue=enqueue)
        assert caught.value.translation_key in ("media_not_found", "media_not_opened")
    assert place(hass, kitchen) == (1, 2)
    await until(lambda: heard(hass, kitchen) == OTHER)


@pytest.mark.parametrize("how", [{}, {"enqueue": "add"}, {"announce": True}])
async def test_what_is_still_being_found_ends_with_the_entry(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, how: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    begun = asyncio.Event()

    async def expand(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    with patch.object(late_media, "async_expand", expand):
        asking = asyncio.create_task(play(hass, SHORT, kitchen, **how))
        await begun.wait()
        await unload(hass, running)
        with pytest.raises(HomeAssistantError) as caught:
            await asking
    assert caught.value.translation_key == "refused_server_stopped"
