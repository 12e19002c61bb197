"""With the option, what played when all ended plays on by itself; without it, nothing does."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    get_schema_suggested_value,
)

from custom_components.resonate.const import CONF_PLAY_ON, CONF_POLICY, SIGNAL_CORE_EVENT
from custom_components.resonate.core.queue import Queue
from custom_components.resonate.core.server.snapshot import ClientSnapshot, GroupSnapshot, PlaybackState, ServerSnapshot
from custom_components.resonate.core.units import ClientId, GroupId
from custom_components.resonate.play_on import PLAY_ON_WITHIN_S, PlayOn
from custom_components.resonate.queue_store import KEY_PLACES, SAVE_DELAY_S, STOP_DELAY_S

from .fake_client import FakeClient
from .helpers import LONG, Connect, Until, act, attribute_of, play, start, state_of, unload
from .named import add_group, group_entity, group_state, play_on
from .test_memberships import come, members_of, restart

pytestmark = pytest.mark.usefixtures("songs")


@pytest.fixture
def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """With the option."""
    hass.config_entries.async_update_entry(entry, options={CONF_PLAY_ON: True})
    return entry


async def play_at(hass: HomeAssistant, until: Until, client: FakeClient, seconds: int) -> None:
    await play(hass, LONG, client)
    await until(lambda: state_of(hass, client) == "playing")
    await act(hass, "media_seek", client, seek_position=seconds)
    await until(lambda: attribute_of(hass, client, "media_position") == seconds)


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done(wait_background_tasks=True)


def plays_in(hass_storage: Mapping[str, Any]) -> list[bool]:
    """What is on the disk: of each group, whether it plays."""
    return [place["is_playing"] for place in hass_storage[KEY_PLACES]["data"]["places"]]


async def test_what_played_plays_on_and_what_was_paused_stays_paused(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_at(hass, until, kitchen, 30)
    await play_at(hass, until, bath, 10)
    await act(hass, "media_pause", bath)
    await until(lambda: state_of(hass, bath) == "paused")
    chunk_count = kitchen.chunk_count
    await restart(hass, running, until, bath, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing" and kitchen.chunk_count > chunk_count)
    assert 30 <= attribute_of(hass, kitchen, "media_position") <= 35
    assert state_of(hass, bath) == "paused"
    assert bath.streams.count("stream/start") == 1


async def test_without_the_option_it_is_paused_and_stays_so_when_the_option_is_chosen_later(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_at(hass, until, kitchen, 30)
    hass.config_entries.async_update_entry(running, options={})
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: state_of(hass, kitchen) == "paused")
    hass.config_entries.async_update_entry(running, options={CONF_PLAY_ON: True})
    await hass.async_block_till_done()
    await play_at(hass, until, bath, 10)
    assert state_of(hass, kitchen) == "paused"
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: state_of(hass, bath) == "playing")
    assert state_of(hass, kitchen) == "paused"


async def test_a_named_group_plays_on_for_the_first_that_comes_and_the_others_join_in(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await bath.close()
    await restart(hass, running, until, kitchen)
    await until(lambda: group_state(hass, group_id) == "playing")
    chunk_count = bath.chunk_count
    await come(hass, running, until, bath)
    await until(lambda: state_of(hass, bath) == "playing" and bath.chunk_count > chunk_count)
    assert len(members_of(hass, bath)) == 2


async def test_it_waits_for_home_assistant_to_run(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    """Before that, sources of media may be missing."""
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_at(hass, until, kitchen, 30)
    await play_at(hass, until, bath, 30)
    hass.set_state(CoreState.starting)
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("paused", "paused"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (state_of(hass, kitchen), state_of(hass, bath)) == ("paused", "paused")
    await play(hass, LONG, bath, enqueue="add")  # whoever does that may start it, too
    await until(lambda: attribute_of(hass, bath, "queue_size") == 2)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert state_of(hass, bath) == "paused"


async def test_it_waits_for_a_player_that_is_used_by_something_else(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play_at(hass, until, kitchen, 30)
    kitchen.state = "external_source"
    await kitchen.close()
    await unload(hass, running)
    await start(hass, running)
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: any(it.state is PlaybackState.PAUSED for it in groups_of(running)))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [(group.state, group.members) for group in groups_of(running)] == [(PlaybackState.PAUSED, ("kitchen",))]
    await kitchen.set_state("synchronized")
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert 30 <= attribute_of(hass, kitchen, "media_position") <= 35


def groups_of(entry: MockConfigEntry) -> list[GroupSnapshot]:
    return [view.group for view in entry.runtime_data.data.devices.values() if view.group is not None]


async def test_nobody_is_awaited_for_long(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    await play_at(hass, until, kitchen, 30)
    await restart_without(hass, running, kitchen)
    await pass_time(hass, SAVE_DELAY_S + 1)
    assert plays_in(hass_storage) == [True]
    await restart_without(hass, running, kitchen)  # as if it had never been started
    await pass_time(hass, PLAY_ON_WITHIN_S + 1)
    await pass_time(hass, STOP_DELAY_S + 1)
    assert plays_in(hass_storage) == [False]
    await come(hass, running, until, kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.4)
    await act(hass, "volume_set", kitchen, volume_level=0.07)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.07)
    assert state_of(hass, kitchen) == "paused"


async def restart_without(hass: HomeAssistant, entry: MockConfigEntry, *clients: FakeClient) -> None:
    for client in clients:
        await client.close()
    await unload(hass, entry)
    await start(hass, entry)


async def test_a_second_restart_before_anybody_has_come_makes_no_difference(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", bath)
    await play_at(hass, until, kitchen, 30)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await restart_without(hass, running, kitchen, bath)
    await until(lambda: group_state(hass, group_id) is not None)
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("playing", "playing"))


async def test_switched_off_meanwhile_nothing_starts(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    await play_at(hass, until, kitchen, 30)
    await restart_without(hass, running, kitchen)
    coordinator = running.runtime_data
    form = await hass.config_entries.options.async_init(running.entry_id)
    assert form["data_schema"] is not None
    assert get_schema_suggested_value(form["data_schema"].schema, CONF_PLAY_ON) is True
    await hass.config_entries.options.async_configure(form["flow_id"], {CONF_POLICY: "balanced", CONF_PLAY_ON: False})
    await hass.async_block_till_done()
    assert running.runtime_data is coordinator
    await pass_time(hass, STOP_DELAY_S + 1)
    assert plays_in(hass_storage) == [False]
    await come(hass, running, until, kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")


async def test_what_cannot_be_opened_any_more_stays_paused(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    media_dir: Path,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    news: asyncio.Event,
) -> None:
    async_dispatcher_connect(hass, SIGNAL_CORE_EVENT, callback(lambda _: news.set()))
    kitchen = await connect("kitchen")
    await play_at(hass, until, kitchen, 30)
    (media_dir / "long.wav").rename(media_dir / "elsewhere.wav")
    caplog.clear()
    await restart(hass, running, until, kitchen)
    await until(lambda: "could not be played" in caplog.text)
    await hass.async_block_till_done(wait_background_tasks=True)
    await pass_time(hass, STOP_DELAY_S + 1)
    assert plays_in(hass_storage) == [False]
    assert state_of(hass, kitchen) == "paused"
    assert caplog.text.count("could not be played") == 1
    assert "Traceback" not in caplog.text
    (media_dir / "elsewhere.wav").rename(media_dir / "long.wav")
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert 30 <= attribute_of(hass, kitchen, "media_position") <= 35


async def test_what_is_paused_is_written_at_once(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    """Else it would start by itself after a power cut some seconds later."""
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play_at(hass, until, kitchen, 30)
    await play_at(hass, until, bath, 30)
    await pass_time(hass, SAVE_DELAY_S + 1)
    assert plays_in(hass_storage) == [True, True]
    await act(hass, "media_pause", bath)
    await until(lambda: state_of(hass, bath) == "paused")
    await act(hass, "media_seek", bath, seek_position=20)  # more news do not put it off
    await until(lambda: attribute_of(hass, bath, "media_position") == 20)
    await pass_time(hass, STOP_DELAY_S + 0.5)
    assert sorted(plays_in(hass_storage)) == [False, True]


GROUP, KITCHEN = GroupId("group"), ClientId("kitchen")


def picture(*, is_ready: bool, **group: Any) -> ServerSnapshot:
    client = ClientSnapshot(
        client_id=KITCHEN,
        name="Kitchen",
        group_id=GROUP,
        is_connected=is_ready,
        is_available=is_ready,
        is_player=True,
        is_ready=is_ready,
    )
    shown = GroupSnapshot(group_id=GROUP, name="Kitchen", members=(KITCHEN,), state=PlaybackState.PAUSED)
    return ServerSnapshot(clients={KITCHEN: client}, groups={GROUP: replace(shown, **({"position_us": 1} | group))})


@pytest.mark.parametrize(
    ("there", "resumed", "awaited"),
    [
        (picture(is_ready=True), [KITCHEN], set()),
        (picture(is_ready=False), [], {GROUP}),
        (picture(is_ready=True, state=PlaybackState.PLAYING), [], set()),
        (picture(is_ready=True, position_us=2), [], set()),
        (picture(is_ready=True, queue=Queue(seed=7)), [], set()),
        (ServerSnapshot(), [], set()),
    ],
)
async def test_what_has_happened_by_the_time_it_is_to_play_on(
    hass: HomeAssistant, there: ServerSnapshot, resumed: list[ClientId], awaited: set[GroupId]
) -> None:
    done: list[ClientId] = []

    async def resume(client_id: ClientId) -> None:
        done.append(client_id)

    async def ask(call: Any) -> Any:
        return await call(SimpleNamespace(snapshot=there, resume=resume))

    bridge: Any = SimpleNamespace(async_ask=ask)
    waiting = PlayOn(hass, bridge, hass.async_create_task, lambda: None)
    waiting.async_expect({GROUP})
    waiting.async_begin()
    waiting.async_update(ServerSnapshot())  # it is not there yet
    waiting.async_update(picture(is_ready=True))  # nor was it given back
    await hass.async_block_till_done()
    assert waiting.awaited == {GROUP}
    waiting.async_restored(GROUP, Queue(), 1)
    waiting.async_update(picture(is_ready=True))  # no second time while the first lasts
    await hass.async_block_till_done()
    assert (done, waiting.awaited) == (resumed, awaited)
    waiting.async_close()
