"""What is on the disk: who we are, and whom we know."""

import base64
import json
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.const import DOMAIN

from .helpers import Connect, our_threads, start, unload

DEVICE: Final = {
    "device_id": "1",
    "client_id": "kitchen",
    "name": "Kitchen",
    "is_player": True,
    "manufacturer": None,
    "product_name": None,
    "software_version": None,
    "mac_address": None,
}


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let stores write into the temporary folder."""
    return {}


def store(hass: HomeAssistant, name: str) -> Path:
    return Path(hass.config.path(".storage", f"{DOMAIN}.{name}"))


def stored(hass: HomeAssistant, name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(store(hass, name).read_text())
    return data


async def test_home_assistant_stops(hass: HomeAssistant, running: MockConfigEntry, connect: Connect) -> None:
    await connect("kitchen")
    await hass.async_stop(force=True)
    assert our_threads() == []
    assert {device["name"] for device in stored(hass, "devices")["data"]["devices"]} == {"Kitchen"}
    (group,) = stored(hass, "memberships")["data"]["groups"]
    assert group["devices"] == [device["device_id"] for device in stored(hass, "devices")["data"]["devices"]]


async def test_the_server_id_is_a_public_key(hass: HomeAssistant, running: MockConfigEntry) -> None:
    server_id = running.runtime_data.bridge.settings.server_id
    assert len(server_id) == 43
    assert len(base64.urlsafe_b64decode(server_id + "=")) == 32
    assert store(hass, "identity").stat().st_mode & 0o077 == 0
    assert server_id not in store(hass, "identity").read_text()


async def test_removing_the_entry_removes_its_stores(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    await connect("kitchen")
    await unload(hass, running)
    assert store(hass, "devices").exists()
    assert store(hass, "identity").exists()
    await hass.config_entries.async_remove(running.entry_id)
    assert not list(store(hass, "devices").parent.glob(f"{DOMAIN}.*"))


def a_device(chosen_format: object) -> dict[str, object]:
    """Return a device as it is stored, with a choice."""
    texts = dict.fromkeys(("manufacturer", "product_name", "software_version", "mac_address"))
    named = {"device_id": "1", "client_id": "kitchen", "name": "Kitchen", "is_player": True}
    return {"devices": [texts | named | {"chosen_format": chosen_format}]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("identity", {"private_key": "too short"}),
        ("identity", {"private_key": "ümlaut"}),
        ("identity", {"private_key": ""}),
        ("identity", {}),
        ("identity", []),
        ("devices", {"devices": [{"device_id": "1"}]}),
        ("devices", {"devices": 7}),
        ("devices", {"devices": ["text"]}),
        ("devices", a_device("flac")),
        ("devices", a_device({"codec": 7, "sample_rate": 48_000, "channel_count": 2, "bit_depth": 16})),
        ("devices", a_device({"codec": "flac", "sample_rate": "many", "channel_count": 2, "bit_depth": 16})),
        ("devices", a_device({"codec": "flac", "sample_rate": 48_000, "channel_count": 2})),
        ("devices", {"devices": [DEVICE | {"max_volume": 101}]}),
        ("devices", {"devices": [DEVICE | {"start_volume": "loud"}]}),
        ("memberships", []),
        ("memberships", {"groups": 7}),
        ("memberships", {"groups": ["text"]}),
        ("memberships", {"groups": [{"group_id": "1", "is_named": False}]}),
        ("memberships", {"groups": [{"group_id": "", "is_named": False, "devices": []}]}),
        ("memberships", {"groups": [{"group_id": "1", "is_named": False, "devices": "abc"}]}),
        ("memberships", {"groups": [{"group_id": "1", "is_named": False, "devices": [7]}]}),
        ("memberships", {"groups": [], "excused": 7}),
        ("memberships", {"groups": [], "excused": [{"group_id": "1", "devices": "abc"}]}),
        ("queues", {"queues": 7}),
        ("queues", {"queues": [{"group_id": "1"}]}),
        ("queues", {"queues": [{"group_id": "1", "entries": [], "repeat": "twice", "unshuffled": None, "seed": 0}]}),
        ("queues", {"queues": [{"group_id": "1", "entries": [{"id": True}], "repeat": "off", "unshuffled": None}]}),
        ("places", {"places": [{"group_id": "1", "current": "x", "position_us": 0, "duration_us": None}]}),
    ],
)
async def test_a_damaged_store_is_set_aside(
    hass: HomeAssistant, entry: MockConfigEntry, issue_registry: ir.IssueRegistry, name: str, data: object
) -> None:
    key = f"{DOMAIN}.{name}"
    text = json.dumps({"version": 1, "minor_version": 1, "key": key, "data": data})
    store(hass, name).parent.mkdir(exist_ok=True)
    store(hass, name).write_text(text)
    await start(hass, entry)
    issue = issue_registry.async_get_issue(DOMAIN, f"store_damaged_{key}")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert Path(issue.translation_placeholders["path"]).read_text() == text
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("codec", "channel_count", "shown"),
    [("flac", 2, "FLAC 48 kHz 16 bit stereo"), ("flac", 9, "automatic"), ("of tomorrow", 2, "automatic")],
)
async def test_a_choice_that_this_version_cannot_make_is_none(
    hass: HomeAssistant, entry: MockConfigEntry, codec: str, channel_count: int, shown: str
) -> None:
    chosen = {"codec": codec, "sample_rate": 48_000, "channel_count": channel_count, "bit_depth": 16}
    whole = {"version": 1, "minor_version": 1, "key": f"{DOMAIN}.devices", "data": a_device(chosen)}
    store(hass, "devices").parent.mkdir(exist_ok=True)
    store(hass, "devices").write_text(json.dumps(whole))
    await start(hass, entry)
    state = hass.states.get("select.kitchen_preferred_format")
    assert state is not None
    assert state.state == shown


async def test_a_store_that_is_no_json_is_set_aside(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    store(hass, "identity").parent.mkdir(exist_ok=True)
    store(hass, "identity").write_text("{")
    await start(hass, entry)
    (kept,) = store(hass, "identity").parent.glob(f"{DOMAIN}.identity.corrupt.*")
    assert kept.read_text() == "{"


async def test_a_store_of_a_newer_version_is_left_alone(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    key = f"{DOMAIN}.devices"
    text = json.dumps({"version": 99, "minor_version": 1, "key": key, "data": {}})
    store(hass, "devices").parent.mkdir(exist_ok=True)
    store(hass, "devices").write_text(text)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "store_too_new"
    assert store(hass, "devices").read_text() == text
