"""Stores of other releases: a newer one before a downgrade, an older one after an upgrade."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import timedelta
import json
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.resonate.const import DOMAIN

from .helpers import LONG, Connect, Until, attribute_of, entity_of, our_threads, start, state_of, unload
from .named import group_attribute, group_state
from .test_storage import store, stored

pytestmark = pytest.mark.usefixtures("songs")

GROUP: Final = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
"""A named group, for two players that are away; one was taken out of it."""
MAC: Final = "02:00:00:00:00:01"


def device(name: str, **more: Any) -> dict[str, Any]:
    return {
        "device_id": f"{name} id",
        "client_id": name,
        "name": name.title(),
        "is_player": True,
        "manufacturer": "Tests",
        "product_name": "Fake",
        "software_version": "1.2",
        "mac_address": None,
        "max_volume": 70,
        "start_volume": 20,
        **more,
    }


def queue(**more: Any) -> dict[str, Any]:
    described = {"title": "Named", "artist": "Me", "album": "Mine", "artwork_url": "http://192.0.2.1/a.png"}
    first = {"id": 1, "media_id": LONG, "media_type": "music", "entity_id": "media_player.kitchen"}
    return {
        "entries": [first, {**first, "id": 2, "duration_us": 60_000_000, **described}],
        "repeat": "all",
        "unshuffled": [2, 1],
        "seed": 3,
        **more,
    }


def place(group_id: str) -> dict[str, Any]:
    return {
        "group_id": group_id,
        "current": 2,
        "position_us": 30_000_000,
        "duration_us": 60_000_000,
        "is_playing": False,
    }


STORES: Final[Mapping[str, Any]] = {
    "identity": {"private_key": "kNesM5nJlG2E9qTpiOp1sed4jVETKZAaF0JWrOE5oXM"},
    "devices": {"devices": [device("kitchen"), device("attic", mac_address=MAC), device("hall")]},
    "memberships": {
        "groups": [
            {"group_id": "kitchen group", "is_named": False, "devices": ["kitchen id"]},
            {"group_id": "attic group", "is_named": False, "devices": ["attic id"]},
            {"group_id": GROUP, "is_named": True, "devices": ["hall id"]},
        ],
        "excused": [{"group_id": GROUP, "devices": ["attic id"]}],
    },
    "queues": {"queues": [queue(group_id=group_id) for group_id in ("kitchen group", "attic group", GROUP)]},
    "places": {"places": [place(group_id) for group_id in ("kitchen group", "attic group", GROUP)]},
    "presets": {"presets": [queue(name="Sunday")]},
}
"""All that is written, with all that can be in it."""


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let stores write into the temporary folder."""
    return {}


@pytest.fixture
def entry(hass: HomeAssistant, entry_data: dict[str, Any]) -> MockConfigEntry:
    """With the named group."""
    subentry = ConfigSubentryDataWithId(
        subentry_id=GROUP,
        subentry_type="group",
        title="Upstairs",
        unique_id=None,
        data={"members": ["attic id", "hall id"]},
    )
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id=DOMAIN, title="Resonate", data=entry_data, subentries_data=[subentry]
    )
    entry.add_to_hass(hass)
    return entry


def put(hass: HomeAssistant, name: str, data: Any, **version: int) -> None:
    file = {"version": 1, "minor_version": 1, "key": f"{DOMAIN}.{name}", "data": data} | version
    store(hass, name).parent.mkdir(exist_ok=True)
    store(hass, name).write_text(json.dumps(file))


def ours(hass: HomeAssistant) -> dict[str, str]:
    """What is in all our files, those that were set aside too."""
    folder = store(hass, "devices").parent
    return {path.name: path.read_text() for path in folder.glob(f"{DOMAIN}.*")}


def with_more(data: Any) -> Any:
    """What a release to come may write: the same, and more beside it everywhere."""
    if isinstance(data, list):
        return [with_more(one) for one in data]
    if isinstance(data, dict):
        return {"new": {"of": ["a", 7, None]}, **{key: with_more(value) for key, value in data.items()}, "newer": 1.5}
    return data


def holds(data: Any, known: Any) -> bool:
    """Whether all that is known is in data, in whatever order and with whatever beside it."""
    if isinstance(known, dict):
        return all(key in data and holds(data[key], value) for key, value in known.items())
    if isinstance(known, list) and any(isinstance(one, dict) for one in known):
        return all(any(holds(there, one) for there in data) for one in known)
    return bool(data == known)


async def look_around(hass: HomeAssistant, entry: MockConfigEntry, connect: Connect, until: Until) -> None:
    """See that all that was stored is there, and have each store written anew."""
    assert entry.state is ConfigEntryState.LOADED
    assert set(ours(hass)) == {f"{DOMAIN}.{name}" for name in STORES}
    assert not ir.async_get(hass).issues
    await until(lambda: group_state(hass, GROUP) == "unavailable")  # nobody is there, and it waits
    kitchen = await connect("kitchen")
    await until(lambda: state_of(hass, kitchen) == "paused")
    assert attribute_of(hass, kitchen, "media_title") == "Named"
    assert (attribute_of(hass, kitchen, "queue_position"), attribute_of(hass, kitchen, "queue_size")) == (2, 2)
    assert attribute_of(hass, kitchen, "media_position") == 30
    assert attribute_of(hass, kitchen, "repeat") == "all"
    assert list(entry.runtime_data.presets.presets) == ["Sunday"]
    await connect("bath")  # is written to devices and memberships
    hall = await connect("hall")
    await until(lambda: state_of(hass, hall) == "paused")
    assert group_attribute(hass, GROUP, "group_members") == [entity_of(hass, hall)]
    attic = await connect("attic", mac_address=MAC)
    await until(lambda: state_of(hass, attic) == "paused")
    assert attribute_of(hass, attic, "group_members") == [entity_of(hass, attic)]
    await hass.services.async_call(
        DOMAIN, "save_queue", {"entity_id": entity_of(hass, kitchen), "name": "Monday"}, blocking=True
    )
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=60))
    await hass.async_block_till_done(wait_background_tasks=True)
    await unload(hass, entry)
    assert {"Sunday", "Monday"} == {preset["name"] for preset in stored(hass, "presets")["data"]["presets"]}
    assert len(stored(hass, "devices")["data"]["devices"]) == 4


@pytest.mark.parametrize("newer", [*STORES, None])
async def test_a_store_of_a_newer_minor_version_is_read_and_what_is_known_of_it_stays(
    hass: HomeAssistant, entry: MockConfigEntry, connect: Connect, until: Until, newer: str | None
) -> None:
    for name, data in STORES.items():
        if newer in (name, None):
            put(hass, name, with_more(data), minor_version=7)
        else:
            put(hass, name, data)
    await start(hass, entry)
    await look_around(hass, entry, connect, until)
    for name, data in STORES.items():
        assert holds(stored(hass, name)["data"], data), name


@pytest.mark.parametrize("name", STORES)
async def test_one_that_cannot_be_read_nevertheless_is_kept_with_all_that_is_in_it(
    hass: HomeAssistant, entry: MockConfigEntry, issue_registry: ir.IssueRegistry, name: str
) -> None:
    key = f"{DOMAIN}.{name}"
    data = {"what": "is called otherwise"}
    put(hass, name, data, minor_version=7)
    await start(hass, entry)
    issue = issue_registry.async_get_issue(DOMAIN, f"store_damaged_{key}")
    assert issue is not None
    assert issue.translation_placeholders is not None
    kept = Path(issue.translation_placeholders["path"])
    assert json.loads(kept.read_text())["data"] == data
    await unload(hass, entry)
    assert json.loads(kept.read_text())["data"] == data


@pytest.mark.parametrize("newer", STORES)
async def test_a_store_of_a_newer_major_version_stops_all_and_nothing_is_written(
    hass: HomeAssistant, entry: MockConfigEntry, connect: Connect, until: Until, newer: str
) -> None:
    for name, data in STORES.items():
        put(hass, name, data, version=2 if name == newer else 1)
    before = ours(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "store_too_new"
    assert our_threads() == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=600))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert ours(hass) == before
    put(hass, newer, STORES[newer])  # from a backup, say
    assert await hass.config_entries.async_reload(entry.entry_id)
    await look_around(hass, entry, connect, until)


def _without(name: str, *fields: str) -> Callable[[dict[str, Any]], None]:
    def take(data: dict[str, Any]) -> None:
        for one in data[name]:
            for key in fields:
                del one[key]

    return take


def _no_details(data: dict[str, Any]) -> None:
    for one in data["presets"]:
        one["entries"] = [{key: entry[key] for key in _FIRST_FIELDS} for entry in one["entries"]]


_FIRST_FIELDS = ("id", "media_id", "media_type", "entity_id")


@pytest.mark.parametrize(
    ("name", "age"),
    [
        ("devices", _without("devices", "max_volume", "start_volume")),
        ("memberships", lambda data: data.pop("excused")),
        ("places", _without("places", "is_playing")),
        ("presets", _no_details),
    ],
)
async def test_an_older_store_has_what_was_not_written_then_as_it_is_for_what_is_new(
    hass: HomeAssistant, entry: MockConfigEntry, until: Until, name: str, age: Callable[[dict[str, Any]], object]
) -> None:
    for other, data in STORES.items():
        put(hass, other, data)
    old = deepcopy(STORES[name])
    age(old)
    file = {"version": 1, "key": f"{DOMAIN}.{name}", "data": old}  # nor was the minor version
    store(hass, name).write_text(json.dumps(file))
    await start(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert not ir.async_get(hass).issues
    coordinator = entry.runtime_data
    assert {it.name for it in coordinator.devices.devices.values()} == {"Kitchen", "Attic", "Hall"}
    limits = {(it.max_volume, it.start_volume) for it in coordinator.devices.devices.values()}
    assert limits == ({(100, None)} if name == "devices" else {(70, 20)})
    await until(lambda: entry.runtime_data.data.groups[GROUP].group is not None)
    group = entry.runtime_data.data.groups[GROUP].group
    assert group.excused == (() if name == "memberships" else ("attic",))
    assert [len(it.orders) for it in coordinator.presets.presets.values()] == [2]
    await unload(hass, entry)
    assert set(ours(hass)) == {f"{DOMAIN}.{name}" for name in STORES}
    assert holds(stored(hass, name)["data"], old)
