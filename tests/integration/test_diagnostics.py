"""What helps to find a fault, and tells nobody's name."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
import json
from pathlib import Path
from typing import NewType, get_args, get_type_hints

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.resonate.const import CONF_ADDRESSES, DOMAIN
from custom_components.resonate.coordinator import DeviceView
from custom_components.resonate.core.queue import Queue
from custom_components.resonate.core.server.settings import ServerSettings
from custom_components.resonate.diagnostics import TO_REDACT

from .helpers import Connect, Until, play, state_of
from .media_files import write_wav
from .named import add_group


async def test_diagnostics(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_client: ClientSessionGenerator,
) -> None:
    write_wav(media_dir / "Secret Song.wav", 60)
    hass.config_entries.async_update_entry(running, options={CONF_ADDRESSES: ["127.0.0.1:1"]})
    kitchen, bath = [await connect(f"private_{name}", mac_address="aa:bb:cc:dd:ee:ff") for name in ("one", "two")]
    await add_group(hass, running, "Private rooms", kitchen, bath)
    await play(hass, "media-source://media_source/local/Secret Song.wav", kitchen, bath)
    await until(lambda: state_of(hass, bath) == "playing")
    told = await get_diagnostics_for_config_entry(hass, hass_client, running)
    text = json.dumps(told).lower()
    server_id = running.runtime_data.bridge.settings.server_id
    for secret in ("private", "secret", "aa:bb", "127.0.0.1", server_id.lower()):
        assert secret not in text
    devices = told["devices"]
    assert isinstance(devices, list)
    assert {device["group_number"] for device in devices} == {0}
    assert all(device["client"]["stream_format"]["codec"] == "pcm" for device in devices)
    (group,) = told["named_groups"]
    assert (group["device_count"], group["is_connected"], group["group"]["state"]) == (2, True, "idle")
    assert told["port"] == running.runtime_data.data.port
    assert told["resampler"] in ("soxr", "ffmpeg")
    statistics = told["statistics"]
    assert isinstance(statistics, dict)
    assert len(statistics["queued_bytes"]) == 2
    assert [device["silence_reason"] for device in devices] == ["playing", "playing"]
    assert told["repairs"] == []
    queue = {"entry_count": 1, "current_index": 0, "repeat": "off", "is_shuffled": False}
    assert [device["group"]["queue"] for device in devices] == [queue, queue]


async def test_diagnostics_of_what_does_not_run(
    hass: HomeAssistant, running: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    hass.config_entries.async_update_entry(running, options={CONF_ADDRESSES: ["127.0.0.1:1"]})
    await hass.config_entries.async_unload(running.entry_id)
    told = await get_diagnostics_for_config_entry(hass, hass_client, running)
    data = {"port": running.data["port"], "host": "**REDACTED**"}
    assert told == {"entry": {"data": data, "options": {"addresses": "**REDACTED**"}}, "repairs": []}


def _fields(kind: type) -> Iterator[tuple[str, object]]:
    """Yield name and type of every field of a dataclass, and of those within it; but for queues, told in four words."""
    for name, hint in get_type_hints(kind).items():
        if hint is Queue:
            continue
        yield name, hint
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner) and isinstance(inner, type):
                yield from _fields(inner)


def _may_be_text(hint: object) -> bool:
    """Say whether a text may be in it that is not one of a few words."""
    if isinstance(hint, NewType):
        hint = hint.__supertype__
    if isinstance(hint, type) and not get_args(hint):
        return issubclass(hint, str) and not issubclass(hint, Enum)
    return any(_may_be_text(inner) for inner in get_args(hint))


@pytest.mark.parametrize("kind", [DeviceView, ServerSettings])
def test_every_text_is_redacted_or_tells_nobodys_name(kind: type) -> None:
    harmless = {"format_problem", "manufacturer", "mime_type", "product_name", "software_version"}
    texts = {name for name, hint in _fields(kind) if _may_be_text(hint)}
    assert texts
    assert texts - harmless - TO_REDACT == set()


async def test_system_health(hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until) -> None:
    assert await async_setup_component(hass, "system_health", {})
    kitchen = await connect("kitchen")
    await connect("bath")
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    info = await get_system_health_info(hass, DOMAIN)
    assert info["port"] == running.runtime_data.data.port
    assert info["devices_connected"] == 1
    assert info["devices_known"] == 2
    assert info["devices_streaming"] == 0
    assert info["resampler"] in ("soxr", "ffmpeg")
