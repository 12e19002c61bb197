"""Queues come back after a restart: the same entries, the same place, paused."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.resonate import queue_store
from custom_components.resonate.byte_streams import StreamOpener
from custom_components.resonate.core.queue import Queue
from custom_components.resonate.core.server.clock import MonotonicClock
from custom_components.resonate.core.server.snapshot import GroupSnapshot, PlaybackState, ServerSnapshot
from custom_components.resonate.core.units import GroupId
from custom_components.resonate.late_media import LateMedia
from custom_components.resonate.queue_records import parse_queues
from custom_components.resonate.queue_store import KEY_PLACES, KEY_QUEUES, SAVE_DELAY_S, QueueStore

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, play, start, state_of, unload
from .media_shelf import Shelf, folder, medium, put_up
from .named import add_group, group_entity, play_on
from .test_memberships import restart

pytestmark = pytest.mark.usefixtures("songs")


def place(hass: HomeAssistant, client: FakeClient) -> tuple[Any, Any]:
    return attribute_of(hass, client, "queue_position"), attribute_of(hass, client, "queue_size")


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_queue_comes_back_paused_where_it_was(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, SONG, kitchen)
    await play(hass, LONG, kitchen, enqueue="add", extra={"metadata": {"title": "Named", "artist": "Me"}})
    await play(hass, SONG, kitchen, enqueue="add")
    await act(hass, "repeat_set", kitchen, repeat="all")
    await until(lambda: place(hass, kitchen) == (2, 3) and state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=30)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 30)
    await restart(hass, running, until, kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    assert place(hass, kitchen) == (2, 3)
    assert attribute_of(hass, kitchen, "repeat") == "all"
    assert attribute_of(hass, kitchen, "media_title") == "Named"
    assert attribute_of(hass, kitchen, "media_artist") == "Me"
    assert attribute_of(hass, kitchen, "media_duration") == 60
    assert 30 <= attribute_of(hass, kitchen, "media_position") <= 35
    assert kitchen.streams[-1:] != ["stream/start"]
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert 30 <= attribute_of(hass, kitchen, "media_position") <= 35
    await act(hass, "media_next_track", kitchen)
    await until(lambda: place(hass, kitchen) == (3, 3))


async def test_shuffled_it_comes_back_in_the_same_order_and_can_be_put_back_in_order(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    for number in range(8):
        metadata = {"metadata": {"title": f"{number}"}}
        await play(hass, LONG, kitchen, enqueue="add", extra=metadata)
    await act(hass, "shuffle_set", kitchen, shuffle=True)
    before = titles(running)
    await restart(hass, running, until, kitchen)
    await until(lambda: place(hass, kitchen)[1] == 8)
    assert state_of(hass, kitchen) == "idle"
    assert titles(running) == before
    await act(hass, "shuffle_set", kitchen, shuffle=False)
    assert titles(running) == [f"{number}" for number in range(8)]


def titles(entry: MockConfigEntry) -> list[str | None]:
    (view,) = entry.runtime_data.data.devices.values()
    assert view.group is not None
    return [item.request.title for item in view.group.queue.entries]


async def test_a_named_group_comes_back_with_its_queue_and_plays_on_when_told(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("paused", "paused"))
    await hass.services.async_call(
        "media_player", "media_play", {"entity_id": group_entity(hass, group_id)}, blocking=True
    )
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("playing", "playing"))


async def test_it_is_written_while_it_plays(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=20)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 20)
    assert KEY_PLACES not in hass_storage
    await pass_time(hass, SAVE_DELAY_S + 1)
    (written,) = hass_storage[KEY_PLACES]["data"]["places"]
    assert 20_000_000 <= written["position_us"] <= 30_000_000
    (queue,) = hass_storage[KEY_QUEUES]["data"]["queues"]
    assert [entry["media_id"] for entry in queue["entries"]] == [LONG]
    hass_storage[KEY_QUEUES]["data"]["mark"] = "not written again"
    await pass_time(hass, 2 * SAVE_DELAY_S + 2)
    (later,) = hass_storage[KEY_PLACES]["data"]["places"]
    assert later["position_us"] > written["position_us"]
    assert "mark" in hass_storage[KEY_QUEUES]["data"]


async def test_what_is_being_written_at_the_end_is_the_last_that_is_written(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    begun, go_on = asyncio.Event(), threading.Event()
    close = QueueStore.async_close

    def write(*_: object) -> dict[str, Any]:
        hass.loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return {"queues": []}

    async def close_meanwhile(store: QueueStore) -> None:
        await close(store)
        go_on.set()

    with patch.object(queue_store, "queues_to_json", write), patch.object(QueueStore, "async_close", close_meanwhile):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=SAVE_DELAY_S + 1))
        await begun.wait()
        await unload(hass, running)
    hass_storage[KEY_PLACES]["data"]["mark"] = "not written again"
    await pass_time(hass, 2 * SAVE_DELAY_S + 2)
    assert "mark" in hass_storage[KEY_PLACES]["data"]


async def test_what_was_given_back_a_moment_before_the_end_is_not_lost(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    group_id = GroupId("kitchen")
    there = GroupSnapshot(group_id=group_id, name="Kitchen", members=(), state=PlaybackState.IDLE)
    queue = {
        "group_id": group_id,
        "entries": [{"id": 1, "media_id": LONG, "media_type": "music", "entity_id": "media_player.kitchen"}],
        "repeat": "off",
        "unshuffled": None,
        "seed": 0,
    }
    hass_storage[KEY_QUEUES] = {"version": 1, "minor_version": 1, "key": KEY_QUEUES, "data": {"queues": [queue]}}
    server: Any = SimpleNamespace(snapshot=ServerSnapshot(groups={group_id: there}))

    def restore(group_id: GroupId, queue: Queue, *, position_us: int | None) -> None:
        server.snapshot = ServerSnapshot(groups={group_id: replace(there, queue=queue)})

    async def call(ask: Any) -> Any:
        return ask(server)

    def parse(data: Any) -> Any:  # ten thousand entries take longer than Home Assistant's loop may be held up
        assert threading.current_thread() is not threading.main_thread()
        return parse_queues(data)

    server.restore = restore
    bridge: Any = SimpleNamespace(async_call=call, clock=MonotonicClock())
    late_media = LateMedia(hass, StreamOpener(hass))
    store = QueueStore(hass, late_media, bridge=bridge, spawn=hass.async_create_task)
    with patch.object(queue_store, "parse_queues", parse):
        await store.async_load({group_id})
    store.async_update(ServerSnapshot(groups={group_id: there}))
    await hass.async_block_till_done()
    hass_storage.clear()
    await store.async_close()  # and the next picture has not come
    (written,) = hass_storage[KEY_QUEUES]["data"]["queues"]
    assert [entry["media_id"] for entry in written["entries"]] == [LONG]


async def test_speech_does_not_come_back(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, media_dir: Path, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen, enqueue="add")
    (media_dir / "mixed.m3u").write_text("media-source://tts/tts.voice?message=Hello\nlong.wav\n")
    await play(hass, "media-source://media_source/local/mixed.m3u", kitchen, enqueue="add")
    assert place(hass, kitchen) == (None, 3)
    await unload(hass, running)
    (queue,) = hass_storage[KEY_QUEUES]["data"]["queues"]
    assert [entry["media_id"] for entry in queue["entries"]] == [LONG, LONG]


async def test_nothing_that_can_be_played_makes_a_store_that_cannot_be_read(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    await async_setup_component(hass, "media_source", {})
    untitled = medium("untitled")
    untitled.title = ""
    shelf = Shelf("shelf", {"": [folder("album", "shelf")], "album": [untitled]})
    shelf.urls["untitled"] = ("http://192.0.2.1/a.mp3", "audio/mpeg")
    put_up(hass, shelf)
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen, enqueue="add", media_content_type="")
    await play(hass, "media-source://shelf/album", kitchen, enqueue="add", media_content_type="album")
    await restart(hass, running, until, kitchen)
    await until(lambda: place(hass, kitchen)[1] == 2)
    assert not ir.async_get(hass).issues


async def test_what_is_no_text_keeps_nothing_else_from_being_written(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    no_text = b"\xe9".decode("utf-8", "surrogateescape")
    await play(hass, LONG, kitchen, enqueue="add", extra={"metadata": {"title": no_text, "artist": "Me"}})
    await play(hass, LONG, kitchen, enqueue="add", extra={"metadata": {"title": "Named"}})
    await restart(hass, running, until, kitchen)
    await until(lambda: place(hass, kitchen)[1] == 2)
    assert titles(running) == [None, "Named"]


async def test_what_was_played_before_it_came_back_stays(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    for client in (kitchen, bath):
        await client.close()
    await unload(hass, running)
    await start(hass, running)
    await bath.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, bath) == "idle")
    await unload(hass, running)  # the kitchen was away all the time
    await start(hass, running)
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "paused")
    assert place(hass, kitchen) == (1, 1)
