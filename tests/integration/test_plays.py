"""How often something began to play, and what did last."""

from datetime import datetime
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.restore_state import async_get
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_load_restore_state_from_storage

from .helpers import LONG, SONG, Connect, Until, act, play, start, state_of, unload
from .media_files import write_wav
from .named import add_group, group_entity, play_on
from .test_sensors import enable, reload, value_of

pytestmark = pytest.mark.usefixtures("songs")

OTHER = "media-source://media_source/local/other.wav"
SENSORS = ("sensor.kitchen_plays", "sensor.kitchen_last_played")


def title_of(hass: HomeAssistant, name: str) -> str | None:
    state = hass.states.get(f"sensor.{name}_last_played")
    return None if state is None else state.attributes.get("title")


def when(hass: HomeAssistant, name: str) -> datetime:
    at = dt_util.parse_datetime(value_of(hass, f"sensor.{name}_last_played") or "")
    assert at is not None
    return at


async def test_each_beginning_counts_once(
    hass: HomeAssistant, media_dir: Path, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    write_wav(media_dir / "other.wav", 60)
    kitchen = await connect("kitchen")
    enable(hass, *SENSORS)
    await reload(hass, running, kitchen, until)
    assert [value_of(hass, name) for name in SENSORS] == ["0", "unknown"]
    before = dt_util.utcnow().replace(microsecond=0)
    await play(hass, SONG, kitchen)
    await play(hass, LONG, kitchen, enqueue="add", extra={"metadata": {"title": "Named"}})
    await until(lambda: title_of(hass, "kitchen") == "Some Song")
    assert before <= when(hass, "kitchen") <= dt_util.utcnow()
    await until(lambda: title_of(hass, "kitchen") == "Named")
    assert value_of(hass, "sensor.kitchen_plays") == "2"
    await act(hass, "media_pause", kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_seek", kitchen, seek_position=30)
    await play(hass, OTHER, kitchen)
    await until(lambda: title_of(hass, "kitchen") == "other")
    assert value_of(hass, "sensor.kitchen_plays") == "3"


async def test_who_is_elsewhere_or_away_has_not_heard_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    hall = await connect("hall")
    await act(hass, "join", bath, group_members=["media_player.hall"])
    enable(hass, "sensor.kitchen_plays", "sensor.bath_plays", "sensor.hall_plays")
    await bath.close()
    await hall.close()
    await reload(hass, running, kitchen, until)
    await bath.dial(running.runtime_data.data.port)
    await hall.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, bath) == state_of(hass, hall) == "idle")
    await hall.close()
    await until(lambda: state_of(hass, hall) == "unavailable")
    await play(hass, LONG, bath)
    await until(lambda: value_of(hass, "sensor.bath_plays") == "1")
    assert (value_of(hass, "sensor.kitchen_plays"), value_of(hass, "sensor.hall_plays")) == ("0", "0")


async def test_a_named_group_counts_what_began_on_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, entity_registry: er.EntityRegistry
) -> None:
    kitchen = await connect("kitchen")
    group_id = await add_group(hass, running, "Downstairs", kitchen)
    group = group_entity(hass, group_id)
    enable(hass, *SENSORS, "sensor.downstairs_plays", "sensor.downstairs_last_played")
    await reload(hass, running, kitchen, until)
    await play(hass, SONG, kitchen)
    await until(lambda: value_of(hass, "sensor.kitchen_plays") == "1")
    assert value_of(hass, "sensor.downstairs_plays") == "0"
    await play(hass, LONG, kitchen, announce=True)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await play_on(hass, LONG, group)
    await until(lambda: value_of(hass, "sensor.downstairs_plays") == "1")
    assert value_of(hass, "sensor.kitchen_plays") == "2"
    assert title_of(hass, "downstairs") == "long"
    entries = [entity_registry.async_get(entity_id) for entity_id in (group, "sensor.downstairs_plays")]
    assert {entry and entry.config_subentry_id for entry in entries} == {group_id}
    assert len({entry and entry.device_id for entry in entries}) == 1


async def restart_with(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], plays: object, last_played: object
) -> None:
    """Start it anew, having been told by what is stored that this was said before."""
    await unload(hass, entry)
    await async_get(hass).async_dump_states()
    stored = {one["state"]["entity_id"]: one for one in hass_storage["core.restore_state"]["data"]}
    for name, value in zip(SENSORS, (plays, last_played), strict=True):
        stored[name]["extra_data"]["native_value"] = value
    stored["sensor.kitchen_last_played"]["state"]["attributes"]["title"] = "Long ago"
    await async_mock_load_restore_state_from_storage(hass)
    await start(hass, entry)


async def test_they_survive_restarts(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_storage: dict[str, Any],
) -> None:
    kitchen = await connect("kitchen")
    enable(hass, *SENSORS)
    await reload(hass, running, kitchen, until)
    await kitchen.close()
    at = {"__type": "<class 'datetime.datetime'>", "isoformat": "2020-02-02T12:00:00+00:00"}
    await restart_with(hass, running, hass_storage, 41, at)
    assert [value_of(hass, name) for name in SENSORS] == ["41", "2020-02-02T12:00:00+00:00"]
    assert title_of(hass, "kitchen") == "Long ago"
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await play(hass, LONG, kitchen)
    await until(lambda: title_of(hass, "kitchen") == "long")
    assert value_of(hass, "sensor.kitchen_plays") == "42"


async def test_what_was_stored_and_means_nothing_is_left_alone(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen = await connect("kitchen")
    enable(hass, *SENSORS)
    await reload(hass, running, kitchen, until)
    await kitchen.close()
    await restart_with(hass, running, hass_storage, "many", "once")
    assert [value_of(hass, name) for name in SENSORS] == ["0", "unknown"]
