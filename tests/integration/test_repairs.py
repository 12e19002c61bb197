"""The repair for a taken port: try again, or keep the other one."""

from collections.abc import Iterator
import socket

from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.resonate.const import DOMAIN

from .helpers import start


@pytest.fixture
def other_program(port: int) -> Iterator[socket.socket]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other


async def choose(hass: HomeAssistant, hass_client: ClientSessionGenerator, choice: str) -> None:
    assert await async_setup_component(hass, "repairs", {})
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": "port_taken"})
    flow = await answer.json()
    assert flow["type"] == "menu"
    assert flow["menu_options"] == ["try_again", "keep"]
    assert set(flow["description_placeholders"]) == {"wanted", "port"}
    answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={"next_step_id": choice})
    assert (await answer.json())["type"] == "create_entry"
    await hass.async_block_till_done()


async def test_the_port_is_free_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    port: int,
    other_program: socket.socket,
    hass_client: ClientSessionGenerator,
    issue_registry: ir.IssueRegistry,
) -> None:
    await start(hass, entry)
    other_program.close()
    await choose(hass, hass_client, "try_again")
    assert entry.runtime_data.data.port == port
    assert issue_registry.async_get_issue(DOMAIN, "port_taken") is None


async def test_the_port_is_still_taken(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    port: int,
    other_program: socket.socket,
    hass_client: ClientSessionGenerator,
    issue_registry: ir.IssueRegistry,
) -> None:
    await start(hass, entry)
    await choose(hass, hass_client, "try_again")
    assert entry.runtime_data.data.port != port
    assert issue_registry.async_get_issue(DOMAIN, "port_taken") is not None


async def test_the_other_port_is_kept_without_a_restart(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    other_program: socket.socket,
    hass_client: ClientSessionGenerator,
    issue_registry: ir.IssueRegistry,
) -> None:
    await start(hass, entry)
    coordinator = entry.runtime_data
    await choose(hass, hass_client, "keep")
    assert entry.data[CONF_PORT] == coordinator.data.port
    assert entry.runtime_data is coordinator
    assert issue_registry.async_get_issue(DOMAIN, "port_taken") is None
