"""Set up, unload, reload, remove, stop: nothing is left, nothing is forgotten."""

import asyncio
from contextlib import suppress
from pathlib import Path
import socket
import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from aiohttp import ClientError
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.requirements import RequirementsNotFound
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate import bridge
from custom_components.resonate.const import DOMAIN
from custom_components.resonate.core.audio.resample import Engine
from custom_components.resonate.core.errors import CommandRefusedError
from custom_components.resonate.core.server.server import ResonateServer
from custom_components.resonate.core.server.settings import ServerSettings
from custom_components.resonate.core.server.snapshot import ServerSnapshot

from .helpers import Connect, Until, our_threads, play, start, state_of, unload
from .media_files import write_wav

LONG = "media-source://media_source/local/long.wav"


async def test_nothing_is_left_while_music_plays(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    browser: SimpleNamespace,
    port: int,
) -> None:
    write_wav(media_dir / "long.wav", 60)
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert "Resonate core" in our_threads()
    began = asyncio.get_running_loop().time()
    await unload(hass, running)
    assert asyncio.get_running_loop().time() - began < 5
    assert running.state is ConfigEntryState.NOT_LOADED
    assert our_threads() == []
    assert browser.cancelled == 1
    await until(lambda: not kitchen.is_connected)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    state = hass.states.get("media_player.kitchen")
    assert state is not None
    assert state.state == "unavailable"


async def test_commands_after_the_end_are_refused(hass: HomeAssistant, running: MockConfigEntry) -> None:
    coordinator = running.runtime_data
    await unload(hass, running)
    with pytest.raises(CommandRefusedError):
        await coordinator.bridge.async_call(lambda server: server.port)
    coordinator.bridge.tell(lambda server: pytest.fail("there is no server"))


async def test_a_command_under_way_when_the_core_stops_is_refused(
    hass: HomeAssistant, running: MockConfigEntry
) -> None:
    async def never(server: ResonateServer) -> None:
        await asyncio.Event().wait()

    asking = hass.async_create_task(running.runtime_data.bridge.async_ask(never))
    await asyncio.sleep(0)
    await unload(hass, running)
    with pytest.raises(CommandRefusedError):
        await asking


async def test_who_gives_up_waiting_is_cancelled(hass: HomeAssistant, running: MockConfigEntry) -> None:
    ended = threading.Event()

    async def never(server: ResonateServer) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asking = hass.async_create_task(running.runtime_data.bridge.async_ask(never))
    await running.runtime_data.bridge.async_call(lambda server: server.port)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await hass.async_add_executor_job(ended.wait, 5)


async def test_reload_keeps_devices_and_server(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, entity_registry: er.EntityRegistry, until: Until
) -> None:
    kitchen = await connect("kitchen")
    before = entity_registry.async_get("media_player.kitchen")
    server_id = running.runtime_data.bridge.settings.server_id
    assert await hass.config_entries.async_reload(running.entry_id)
    await hass.async_block_till_done()
    assert state_of(hass, kitchen) == "unavailable"
    await kitchen.close()
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert running.runtime_data.bridge.settings.server_id == server_id
    assert kitchen.heard[-1][0] != "server/hello"
    assert {payload["server_id"] for kind, payload in kitchen.heard if kind == "server/hello"} == {server_id}
    after = entity_registry.async_get("media_player.kitchen")
    assert before is not None
    assert after is not None
    assert after.unique_id == before.unique_id


async def test_known_players_are_there_after_a_restart(
    hass: HomeAssistant, hass_storage: dict[str, Any], entry: MockConfigEntry, connect: Connect
) -> None:
    device = {
        "device_id": "01KITCHEN",
        "client_id": "kitchen",
        "name": "Kitchen",
        "is_player": True,
        "manufacturer": "Tests",
        "product_name": None,
        "software_version": None,
        "mac_address": None,
    }
    screen = device | {"device_id": "01SCREEN", "client_id": "screen", "name": "Screen", "is_player": False}
    key = f"{DOMAIN}.devices"
    hass_storage[key] = {"version": 1, "minor_version": 9, "key": key, "data": {"devices": [device, screen]}}
    await start(hass, entry)
    state = hass.states.get("media_player.kitchen")
    assert state is not None
    assert state.state == "unavailable"
    assert hass.states.get("media_player.screen") is None
    kitchen = await connect("kitchen")
    assert state_of(hass, kitchen) == "idle"


async def test_a_taken_port_is_replaced_and_reported(
    hass: HomeAssistant, entry: MockConfigEntry, port: int, issue_registry: ir.IssueRegistry
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        await start(hass, entry)
    real_port = entry.runtime_data.data.port
    assert real_port not in (None, port)
    issue = issue_registry.async_get_issue(DOMAIN, "port_taken")
    assert issue is not None
    assert issue.translation_placeholders == {"wanted": str(port), "port": str(real_port)}
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert entry.runtime_data.data.port == port
    assert issue_registry.async_get_issue(DOMAIN, "port_taken") is None


async def test_no_port_at_all(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with patch.object(ResonateServer, "start", side_effect=OSError("none is free")):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "no_port"
    assert our_threads() == []


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("discovery.Discovery.async_start", HomeAssistantError("no network")),
        ("coordinator.async_report_port", OSError("odd")),
    ],
)
async def test_a_start_that_fails_half_way_leaves_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, failure: Exception
) -> None:
    with patch(f"custom_components.resonate.{name}", side_effect=failure):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert our_threads() == []


async def test_platforms_that_cannot_be_set_up_leave_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with patch.object(hass.config_entries, "async_forward_entry_setups", side_effect=HomeAssistantError):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert our_threads() == []


async def test_a_start_that_is_given_up_leaves_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    is_starting, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    begin = ResonateServer.start

    async def slowly(server: ResonateServer) -> None:
        loop.call_soon_threadsafe(is_starting.set)
        await asyncio.to_thread(go_on.wait, 5)
        await begin(server)

    one = bridge.Bridge(
        hass,
        ServerSettings(server_id="x", name="x", host="127.0.0.1", port=0),
        on_snapshot=lambda _: None,
        on_event=lambda _: None,
    )
    with patch.object(ResonateServer, "start", slowly):
        starting = hass.async_create_task(one.async_start())
        await is_starting.wait()
        starting.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert our_threads() == []


async def test_a_core_that_hangs_does_not_hold_up_home_assistant(
    hass: HomeAssistant, running: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    running.runtime_data.bridge.tell(lambda server: go_on.wait(10))
    with patch.object(bridge, "STOP_TIMEOUT_S", 0.1):
        await unload(hass, running)
    assert "has not stopped" in caplog.text
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("Resonate"):
            await hass.async_add_executor_job(thread.join, 5)


async def test_a_core_that_ends_by_a_fault_is_logged(
    hass: HomeAssistant, running: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    close = ResonateServer.close

    async def close_badly(server: ResonateServer) -> None:
        await close(server)
        raise RuntimeError("a bug")

    with patch.object(ResonateServer, "close", close_badly):
        await unload(hass, running)
    assert "The core has ended" in caplog.text
    assert our_threads() == []
    caplog.clear()


@pytest.mark.parametrize(
    ("engines", "host", "asked"),
    [
        ((Engine.SOXR, Engine.FFMPEG), "x86_64-pc-linux-gnu", False),
        ((Engine.FFMPEG,), "x86_64-pc-linux-musl", False),
        ((Engine.FFMPEG,), "x86_64-pc-linux-gnu", True),
    ],
)
@pytest.mark.parametrize("failure", [None, RequirementsNotFound(DOMAIN, ["soxr"])])
async def test_the_better_resampler_is_asked_for_where_it_can_be_had(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    engines: tuple[Engine, ...],
    host: str,
    asked: bool,
    failure: Exception | None,
) -> None:
    place = "custom_components.resonate"
    with (
        patch(f"{place}.available_engines", return_value=engines),
        patch(f"{place}.sysconfig.get_config_var", return_value=host),
        patch(f"{place}.async_process_requirements", side_effect=failure) as process,
        patch(f"{place}.find_engines") as find,
    ):
        await start(hass, entry)
    assert process.called is asked
    assert find.called is (asked and failure is None)
    assert entry.state is ConfigEntryState.LOADED


async def test_defaults(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN, data={CONF_PORT: 0, CONF_HOST: "127.0.0.1"})
    entry.add_to_hass(hass)
    await start(hass, entry)
    settings = entry.runtime_data.bridge.settings
    assert settings.name == hass.config.location_name
    assert settings.policy == "balanced"
    assert settings.allow_port_fallback


async def test_a_player_that_comes_while_it_is_reloaded_works_afterwards(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    await connect("kitchen")
    unload_platforms = hass.config_entries.async_unload_platforms_or_raise

    async def unload_slowly(*args: Any) -> None:
        await unload_platforms(*args)
        with suppress(ClientError, TimeoutError):  # nobody listens any more
            async with asyncio.timeout(3):
                await connect("bedroom", port)

    with patch.object(hass.config_entries, "async_unload_platforms_or_raise", unload_slowly):
        assert await hass.config_entries.async_reload(running.entry_id)
    bedroom = await connect("bedroom")
    assert state_of(hass, bedroom) == "idle"
    assert "does not generate unique IDs" not in caplog.text


class _PromptThread(threading.Thread):
    """Has started whatever it runs by the time that its start returns."""

    def start(self) -> None:
        super().start()
        (started,) = self._args  # type: ignore[attr-defined]
        started.exception(timeout=10)


async def test_a_core_that_is_there_at_once_is_shown_when_its_start_returns(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "Thread", _PromptThread)
    shown: list[ServerSnapshot] = []
    settings = ServerSettings(server_id="s" * 43, name="Home", host="127.0.0.1", port=0)
    started = bridge.Bridge(hass, settings, on_snapshot=shown.append, on_event=lambda _: None)
    await started.async_start()
    assert shown
    assert shown[-1].port
    await started.async_stop()
