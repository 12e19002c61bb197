"""How players and server find each other."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from zeroconf import NonUniqueNameException, ServiceStateChange
from zeroconf.asyncio import AsyncServiceInfo

from custom_components.resonate import discovery
from custom_components.resonate.const import CONF_ADDRESSES, DOMAIN
from custom_components.resonate.core.server.settings import ServerSettings
from custom_components.resonate.discovery import CLIENT_TYPE, describe_server, parse_address, urls_of

from .fake_client import FakeClient
from .helpers import Until, start, state_of

type Announce = Callable[..., None]


def record(
    addresses: tuple[str, ...] = ("10.0.0.5",), port: int = 8928, name: str = "x", **properties: str
) -> AsyncServiceInfo:
    return AsyncServiceInfo(
        CLIENT_TYPE, f"{name}.{CLIENT_TYPE}", parsed_addresses=list(addresses), port=port, properties=properties
    )


@pytest.mark.parametrize(
    ("info", "urls"),
    [
        (record(), ["ws://10.0.0.5:8928/sendspin"]),
        (record(port=9, path="/other"), ["ws://10.0.0.5:9/other"]),
        (record(path="relative"), []),
        (record(path=""), ["ws://10.0.0.5:8928/sendspin"]),
        (record(port=0), []),
        (record(addresses=()), []),
        (
            record(addresses=("fd00::5", "10.0.0.5", "fe80::5", "169.254.0.5")),
            ["ws://10.0.0.5:8928/sendspin", "ws://[fd00::5]:8928/sendspin"],
        ),
        (record(addresses=("169.254.0.5", "fe80::5")), ["ws://169.254.0.5:8928/sendspin"]),
        (record(addresses=("fe80::5",)), []),
    ],
)
def test_where_to_dial(info: AsyncServiceInfo, urls: list[str]) -> None:
    assert list(urls_of(info)) == urls


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("kitchen.local", "ws://kitchen.local:8928/sendspin"),
        (" kitchen:9000 ", "ws://kitchen:9000/sendspin"),
        ("10.0.0.5", "ws://10.0.0.5:8928/sendspin"),
        ("ws://10.0.0.5", "ws://10.0.0.5:8928/sendspin"),
        ("ws://10.0.0.5:80/", "ws://10.0.0.5:80/sendspin"),
        ("ws://10.0.0.5:9/some/path", "ws://10.0.0.5:9/some/path"),
        ("fd00::5", "ws://[fd00::5]:8928/sendspin"),
        ("[fd00::5]", "ws://[fd00::5]:8928/sendspin"),
        ("[fd00::5]:9", "ws://[fd00::5]:9/sendspin"),
    ],
)
def test_an_address_typed_by_hand(text: str, url: str) -> None:
    assert parse_address(text) == url


@pytest.mark.parametrize(
    "text",
    ["", " ", "http://10.0.0.5", "wss://10.0.0.5", "ws://", "host:port", "host:70000", "ws://a@b", "a b", "ws://a?b=c"],
)
def test_no_address_typed_by_hand(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


def test_the_announcement() -> None:
    settings = ServerSettings(server_id="A_-b" * 11, name="Hüttenzauber" * 30)
    info = describe_server(settings, 1234, ["10.0.0.1", "fd00::1"])
    assert info.type == "_sendspin-server._tcp.local."
    assert info.port == 1234
    assert info.properties[b"path"] == b"/sendspin"
    name = info.properties[b"name"]
    assert name is not None
    assert settings.name.startswith(name.decode())
    assert info.parsed_addresses() == ["10.0.0.1", "fd00::1"]
    assert info.server is not None
    assert "_" not in info.server


class Air:
    """What is announced, in place of mDNS."""

    def __init__(self, browser: SimpleNamespace) -> None:
        self.records: dict[str, AsyncServiceInfo] = {}
        self.failure: Exception | None = None
        self.is_slow = False
        self.is_silent = False
        self._browser = browser

    def announce(self, info: AsyncServiceInfo, change: ServiceStateChange = ServiceStateChange.Added) -> None:
        self.records[info.name] = info
        self._tell(info.name, change)

    def remove(self, name: str) -> None:
        del self.records[name]
        self._tell(name, ServiceStateChange.Removed)

    def resolve(self, service_type: str, name: str) -> AsyncServiceInfo:
        if self.failure is not None:
            raise self.failure
        info = self.records[name]

        async def request(zc: object, timeout_ms: float) -> bool:
            if self.is_slow:
                await asyncio.Event().wait()
            return not self.is_silent

        info.async_request = request  # type: ignore[method-assign,assignment]
        return info

    def _tell(self, name: str, change: ServiceStateChange) -> None:
        for handler in self._browser.handlers:
            handler(zeroconf=MagicMock(), service_type=CLIENT_TYPE, name=name, state_change=change)


@pytest.fixture
def air(browser: SimpleNamespace, running: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> Air:
    air = Air(browser)
    monkeypatch.setattr(discovery, "AsyncServiceInfo", air.resolve)
    return air


@pytest.fixture
def dialled(running: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...] | None]]:
    """What the core was told to dial (with URLs) and no longer to (None)."""
    told: list[tuple[str, tuple[str, ...] | None]] = []
    found = running.runtime_data._discovery
    monkeypatch.setattr(found, "_dial", lambda key, urls: told.append((key, urls)))
    monkeypatch.setattr(found, "_undial", lambda key: told.append((key, None)))
    return told


async def settle(hass: HomeAssistant) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_an_announced_player_is_dialled(hass: HomeAssistant, air: Air, until: Until) -> None:
    kitchen = FakeClient("kitchen")
    port = await kitchen.listen()
    air.announce(record(addresses=("127.0.0.1",), port=port, name="Any name. at all"))
    await until(lambda: state_of(hass, kitchen) == "idle")
    air.remove(f"Any name. at all.{CLIENT_TYPE}")
    await settle(hass)
    assert state_of(hass, kitchen) == "idle"  # a live session stays
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")


async def test_news_of_a_player(
    hass: HomeAssistant, air: Air, dialled: list[tuple[str, tuple[str, ...] | None]]
) -> None:
    name = f"x.{CLIENT_TYPE}"
    air.announce(record())
    await settle(hass)
    air.announce(record(addresses=("10.0.0.6",), port=9, path="/other"), ServiceStateChange.Updated)
    await settle(hass)
    air.announce(record(path="useless"), ServiceStateChange.Updated)
    await settle(hass)
    air.remove(name)
    assert dialled == [
        (name, ("ws://10.0.0.5:8928/sendspin",)),
        (name, ("ws://10.0.0.6:9/other",)),
        (name, None),
    ]


async def test_what_cannot_be_resolved_is_left_out(
    hass: HomeAssistant, air: Air, dialled: list[tuple[str, tuple[str, ...] | None]]
) -> None:
    air.failure = NonUniqueNameException()
    air.announce(record())
    await settle(hass)
    air.failure = None
    air.is_silent = True
    air.announce(record())
    await settle(hass)
    assert dialled == []


async def test_what_goes_while_it_is_resolved(
    hass: HomeAssistant, running: MockConfigEntry, air: Air, dialled: list[tuple[str, tuple[str, ...] | None]]
) -> None:
    air.is_slow = True
    air.announce(record())
    air.announce(record(), ServiceStateChange.Updated)
    air.remove(f"x.{CLIENT_TYPE}")
    air.announce(record(name="y"))
    assert await hass.config_entries.async_unload(running.entry_id)
    assert dialled == [(f"x.{CLIENT_TYPE}", None)]


async def test_a_player_at_a_typed_address(hass: HomeAssistant, running: MockConfigEntry, until: Until) -> None:
    kitchen = FakeClient("kitchen")
    port = await kitchen.listen()
    hass.config_entries.async_update_entry(running, options={CONF_ADDRESSES: [f"127.0.0.1:{port}"]})
    await until(lambda: state_of(hass, kitchen) == "idle")
    hass.config_entries.async_update_entry(running, options={CONF_ADDRESSES: []})
    await settle(hass)
    assert state_of(hass, kitchen) == "idle"
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")


async def test_typed_addresses_are_there_from_the_start(
    hass: HomeAssistant, entry: MockConfigEntry, until: Until
) -> None:
    kitchen = FakeClient("kitchen")
    port = await kitchen.listen()
    hass.config_entries.async_update_entry(entry, options={CONF_ADDRESSES: [f"ws://127.0.0.1:{port}/sendspin"]})
    await start(hass, entry)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await kitchen.close()


@pytest.fixture
def entry_data(request: pytest.FixtureRequest, port: int) -> dict[str, Any]:
    host = getattr(request, "param", "127.0.0.1")
    return {CONF_PORT: port} if host is None else {CONF_PORT: port, CONF_HOST: host}


@pytest.mark.parametrize("entry_data", [None], indirect=True)
async def test_the_server_is_advertised(
    hass: HomeAssistant, running: MockConfigEntry, mock_async_zeroconf: MagicMock
) -> None:
    ((info,), options) = mock_async_zeroconf.async_register_service.call_args
    assert options == {"allow_name_change": True}
    settings = running.runtime_data.bridge.settings
    assert info.name == f"{settings.server_id}._sendspin-server._tcp.local."
    assert info.port == running.runtime_data.data.port
    assert info.parsed_addresses() == ["10.10.10.10"]
    assert info.properties[b"name"] == hass.config.location_name.encode()
    assert await hass.config_entries.async_unload(running.entry_id)
    mock_async_zeroconf.async_unregister_service.assert_called_once_with(info)


async def test_what_listens_at_loopback_only_is_not_advertised(
    running: MockConfigEntry, mock_async_zeroconf: MagicMock
) -> None:
    mock_async_zeroconf.async_register_service.assert_not_called()


@pytest.mark.parametrize("entry_data", [None], indirect=True)
async def test_what_nobody_can_dial_is_not_advertised(
    hass: HomeAssistant, entry: MockConfigEntry, mock_async_zeroconf: MagicMock
) -> None:
    announced = "custom_components.resonate.discovery.network.async_get_announce_addresses"
    with patch(announced, return_value=["fd00::1", "fe80::1", "10.10.10.10", "169.254.0.1"]):
        await start(hass, entry)
    ((info,), _) = mock_async_zeroconf.async_register_service.call_args
    assert info.parsed_addresses() == ["10.10.10.10", "fd00::1"]


@pytest.mark.parametrize("entry_data", [None], indirect=True)
async def test_advertising_that_fails_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, mock_async_zeroconf: MagicMock, caplog: pytest.LogCaptureFixture
) -> None:
    mock_async_zeroconf.async_register_service.side_effect = OSError("no such interface")
    await start(hass, entry)
    assert "no such interface" in caplog.text
    assert entry.runtime_data.data.port is not None
    mock_async_zeroconf.async_register_service.side_effect = None
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done()
    assert mock_async_zeroconf.async_register_service.call_count == 2
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=4))
    await hass.async_block_till_done()
    assert mock_async_zeroconf.async_register_service.call_count == 2
    mock_async_zeroconf.async_unregister_service.side_effect = OSError("gone")
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("entry_data", [None], indirect=True)
async def test_no_retry_is_left_behind(
    hass: HomeAssistant, entry: MockConfigEntry, mock_async_zeroconf: MagicMock
) -> None:
    mock_async_zeroconf.async_register_service.side_effect = NonUniqueNameException()
    await start(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_without_a_port_there_is_nothing_to_advertise(
    hass: HomeAssistant, mock_async_zeroconf: MagicMock
) -> None:
    settings = ServerSettings(server_id="x", name="x")
    lonely = discovery.Discovery(hass, settings, None, dial=MagicMock(), undial=MagicMock())
    get_instance = "custom_components.resonate.discovery.zeroconf.async_get_async_instance"
    with patch(get_instance, return_value=mock_async_zeroconf):
        await lonely.async_start()
        await lonely.async_stop()
    mock_async_zeroconf.async_register_service.assert_not_called()
    assert DOMAIN not in hass.config.components
