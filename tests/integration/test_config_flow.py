"""The dialogues, every step and every way out."""

from collections.abc import Iterator
from ipaddress import ip_address
import socket
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState, ConfigFlowContext
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_schema_suggested_value

from custom_components.resonate.const import CONF_ADDRESSES, CONF_PLAY_ON, CONF_POLICY, DOMAIN
from custom_components.resonate.discovery import CLIENT_TYPE

from .helpers import free_port


def player(**properties: str) -> ZeroconfServiceInfo:
    return ZeroconfServiceInfo(
        ip_address=ip_address("10.0.0.5"),
        ip_addresses=[ip_address("10.0.0.5")],
        hostname="kitchen.local.",
        name=f"abc123.{CLIENT_TYPE}",
        port=8928,
        properties=properties,
        type=CLIENT_TYPE,
    )


@pytest.fixture
def no_setup() -> Iterator[None]:
    with (
        patch("custom_components.resonate.async_setup_entry", return_value=None),
        patch("custom_components.resonate.async_unload_entry", return_value=None),
    ):
        yield


@pytest.fixture(autouse=True)
async def _components(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "homeassistant", {})


@pytest.mark.usefixtures("no_setup")
async def test_user(hass: HomeAssistant) -> None:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Resonate"
    assert result["data"] == {}
    assert result["result"].unique_id == DOMAIN


@pytest.mark.usefixtures("no_setup")
@pytest.mark.parametrize(("properties", "name"), [({"name": "Kitchen"}, "Kitchen"), ({}, "abc123")])
async def test_a_player_is_discovered(hass: HomeAssistant, properties: dict[str, str], name: str) -> None:
    context: ConfigFlowContext = {"source": SOURCE_ZEROCONF}
    result = await hass.config_entries.flow.async_init(DOMAIN, context=context, data=player(**properties))
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "zeroconf_confirm"
    assert result["description_placeholders"] == {"name": name}
    second = await hass.config_entries.flow.async_init(DOMAIN, context=context, data=player())
    assert (second["type"], second["reason"]) == (FlowResultType.ABORT, "already_in_progress")
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("no_setup")
async def test_the_user_is_faster_than_discovery(hass: HomeAssistant) -> None:
    await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=player())
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert hass.config_entries.flow.async_progress() == []


@pytest.mark.parametrize(("source", "data"), [(SOURCE_USER, None), (SOURCE_ZEROCONF, player())])
async def test_there_is_one_server(
    hass: HomeAssistant, entry: MockConfigEntry, source: str, data: ZeroconfServiceInfo | None
) -> None:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "single_instance_allowed")


async def test_an_ignored_discovery_stays_ignored(hass: HomeAssistant) -> None:
    ignored = MockConfigEntry(domain=DOMAIN, unique_id=DOMAIN, source="ignore")
    ignored.add_to_hass(hass)
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=player())
    assert result["type"] is FlowResultType.ABORT


@pytest.mark.usefixtures("no_setup")
async def test_what_was_ignored_can_be_set_up_by_hand(hass: HomeAssistant) -> None:
    MockConfigEntry(domain=DOMAIN, unique_id=DOMAIN, source="ignore").add_to_hass(hass)
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_reconfigure_moves_the_server(hass: HomeAssistant, running: MockConfigEntry) -> None:
    result = await running.start_reconfigure_flow(hass)
    assert result["type"] is FlowResultType.FORM
    schema = result["data_schema"].schema
    assert get_schema_suggested_value(schema, CONF_PORT) == running.data[CONF_PORT]
    assert get_schema_suggested_value(schema, CONF_HOST) == "127.0.0.1"
    port = free_port()
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {CONF_PORT: float(port), CONF_HOST: "127.0.0.1"}
    )
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await hass.async_block_till_done()
    assert running.runtime_data.data.port == port


async def test_reconfigure_suggests_what_is_so_without_an_entry(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN, unique_id=DOMAIN)
    entry.add_to_hass(hass)
    result = await entry.start_reconfigure_flow(hass)
    assert get_schema_suggested_value(result["data_schema"].schema, CONF_PORT) == 8927
    assert get_schema_suggested_value(result["data_schema"].schema, CONF_HOST) is None


async def test_a_typed_port_is_tried(hass: HomeAssistant, running: MockConfigEntry) -> None:
    result = await running.start_reconfigure_flow(hass)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = {CONF_PORT: other.getsockname()[1], CONF_HOST: "127.0.0.1"}
        result = await hass.config_entries.flow.async_configure(result["flow_id"], taken)
        assert result["errors"] == {CONF_PORT: "port_in_use"}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], taken)
    assert result["type"] is FlowResultType.ABORT
    await hass.async_block_till_done()
    assert running.runtime_data.data.port == taken[CONF_PORT]


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7", "nonsense"])
async def test_a_typed_address_is_tried(hass: HomeAssistant, running: MockConfigEntry, host: str) -> None:
    before = dict(running.data)
    result = await running.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {**before, CONF_HOST: host})
    assert result["errors"] == {CONF_HOST: "address_unknown"}
    assert running.data == before


async def test_our_own_port_is_not_taken_and_an_empty_address_means_all(
    hass: HomeAssistant, running: MockConfigEntry, port: int
) -> None:
    result = await running.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {CONF_PORT: port, CONF_HOST: ""})
    assert result["type"] is FlowResultType.ABORT
    await hass.async_block_till_done()
    assert running.data == {CONF_PORT: port}
    assert running.runtime_data.data.port == port


async def test_reconfigure_starts_a_server_that_found_no_port(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with patch("custom_components.resonate.coordinator.Bridge.async_start", side_effect=OSError("none is free")):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    result = await entry.start_reconfigure_flow(hass)
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {CONF_PORT: free_port(), CONF_HOST: "127.0.0.1"}
    )
    assert result["type"] is FlowResultType.ABORT
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_options_that_need_no_restart(hass: HomeAssistant, running: MockConfigEntry) -> None:
    coordinator = running.runtime_data
    result = await hass.config_entries.options.async_init(running.entry_id)
    assert result["type"] is FlowResultType.FORM
    assert result["data_schema"] is not None
    assert get_schema_suggested_value(result["data_schema"].schema, CONF_POLICY) == "balanced"
    bad: dict[str, Any] = {CONF_ADDRESSES: ["kitchen.local", "http://bath"], CONF_POLICY: "balanced"}
    result = await hass.config_entries.options.async_configure(result["flow_id"], bad)
    assert result["errors"] == {CONF_ADDRESSES: "invalid_address"}
    assert result["description_placeholders"] == {"address": "http://bath", "port": "8928"}
    good = {CONF_ADDRESSES: [" 127.0.0.1:1 ", ""], CONF_POLICY: "balanced"}
    result = await hass.config_entries.options.async_configure(result["flow_id"], good)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert running.options == {CONF_ADDRESSES: ["127.0.0.1:1"], CONF_POLICY: "balanced", CONF_PLAY_ON: False}
    await hass.async_block_till_done()
    assert running.runtime_data is coordinator


async def test_options_that_need_a_restart(hass: HomeAssistant, running: MockConfigEntry) -> None:
    coordinator = running.runtime_data
    result = await hass.config_entries.options.async_init(running.entry_id)
    result = await hass.config_entries.options.async_configure(result["flow_id"], {CONF_POLICY: "stable"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert running.runtime_data is not coordinator
    assert running.runtime_data.bridge.settings.policy == "stable"
