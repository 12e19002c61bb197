"""A Home Assistant with our entry, real sockets on loopback, and players to connect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, patch

from aiohttp import web
from homeassistant.const import CONF_HOST, CONF_PORT, MATCH_ALL
from homeassistant.core import HomeAssistant, callback
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.const import DOMAIN

from .fake_client import FakeClient
from .helpers import Connect, Serve, Until, free_port, start, state_of, view_of
from .media_files import write_wav

TIMEOUT_S = 15.0


@pytest.fixture(autouse=True)
def _environment(enable_custom_integrations: None, socket_enabled: None, mock_async_zeroconf: MagicMock) -> None:
    """Let our integration be found, loopback be used, and mDNS be left alone."""
    # Home Assistant's mock has nothing to await.
    mock_async_zeroconf.async_unregister_service.side_effect = AsyncMock(side_effect=lambda info: asyncio.sleep(0))


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    return hass_tmp_config_dir


@pytest.fixture
async def media_dir(hass: HomeAssistant, tmp_path: Path) -> Path:
    """A folder that is a local media source; media_source looks for it when it is set up."""
    folder = tmp_path / "music"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    return folder


@pytest.fixture
def songs(media_dir: Path) -> None:
    """`SONG`, of half a second, and `LONG`, of a minute."""
    write_wav(media_dir / "Some Song.wav", 0.5)
    write_wav(media_dir / "long.wav", 60)


@pytest.fixture(autouse=True)
def browser() -> Iterator[SimpleNamespace]:
    """What discovery browses with; `handlers` are called by tests with records."""
    found = SimpleNamespace(handlers=[], cancelled=0)

    def make(zc: object, service_type: str, handlers: list[Callable[..., None]]) -> MagicMock:
        assert service_type == "_sendspin._tcp.local."
        found.handlers = handlers
        mock = MagicMock()
        mock.async_cancel = AsyncMock(side_effect=lambda: setattr(found, "cancelled", found.cancelled + 1))
        return mock

    with patch("custom_components.resonate.discovery.AsyncServiceBrowser", make):
        yield found


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    return free_port()


@pytest.fixture
def entry_data(port: int) -> dict[str, Any]:
    return {CONF_HOST: "127.0.0.1", CONF_PORT: port}


@pytest.fixture
def entry(hass: HomeAssistant, entry_data: dict[str, Any]) -> MockConfigEntry:
    entry = MockConfigEntry(domain=DOMAIN, unique_id=DOMAIN, title="Resonate", data=entry_data)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def running(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """The entry, set up."""
    await start(hass, entry)
    return entry


@pytest.fixture
def news() -> asyncio.Event:
    """Set whenever a player hears something."""
    return asyncio.Event()


@pytest.fixture
def until(hass: HomeAssistant, news: asyncio.Event) -> Until:
    """Waits for a condition; looks again whenever Home Assistant or a player has news."""

    async def wait(condition: Callable[[], object]) -> None:
        remove = hass.bus.async_listen(MATCH_ALL, callback(lambda _: news.set()))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not condition():
                    news.clear()
                    await news.wait()
        finally:
            remove()
        await hass.async_block_till_done()

    return wait


@pytest.fixture
async def connect(hass: HomeAssistant, news: asyncio.Event, until: Until) -> AsyncIterator[Connect]:
    """Makes a player and connects it; returns when Home Assistant shows it."""
    clients: list[FakeClient] = []

    async def make(client_id: str, port: int | None = None, **options: Any) -> FakeClient:
        client = FakeClient(client_id, on_news=news.set, **options)
        clients.append(client)
        (entry,) = hass.config_entries.async_entries(DOMAIN)
        await client.dial(port or entry.runtime_data.data.port)
        await until(lambda: state_of(hass, client) not in (None, "unavailable"))
        # Its state comes after its hello, and shows in the entity only if there is anything to show.
        await until(lambda: (view := view_of(hass, client)) and view.client and view.client.volume is not None)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves one handler, and returns the address."""
    runners: list[web.AppRunner] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_get("/{name:.*}", handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()
