"""Repairs that come and go by themselves: too slow a machine or network, a container out of reach."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.resonate.const import DOMAIN, SIGNAL_CORE_EVENT
from custom_components.resonate.core.events import ClientLost, LoadChanged, LossReason
from custom_components.resonate.core.units import ClientId, GroupId, ServerTimeUs
from custom_components.resonate.reach import PATIENCE_S, is_behind_bridge
from custom_components.resonate.trouble import QUIET_S, TIMES

from .helpers import Connect, start, unload


def issue(hass: HomeAssistant, issue_id: str) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id)


async def pass_s(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


# Too slow a machine


def overload(hass: HomeAssistant, times: int) -> None:
    for is_overloaded in [True, False] * times:
        event = LoadChanged(group_id=GroupId("g"), at=ServerTimeUs(0), is_overloaded=is_overloaded, share=1.234)
        async_dispatcher_send(hass, SIGNAL_CORE_EVENT, event)


async def test_too_slow_again_and_again(hass: HomeAssistant, running: MockConfigEntry) -> None:
    overload(hass, TIMES - 1)
    await hass.async_block_till_done()
    assert issue(hass, "cannot_keep_up") is None
    overload(hass, 1)
    await hass.async_block_till_done()
    shown = issue(hass, "cannot_keep_up")
    assert shown is not None
    assert shown.translation_placeholders == {"percent": "123"}
    overload(hass, 1)
    await pass_s(hass, QUIET_S + 1)
    assert issue(hass, "cannot_keep_up") is None
    overload(hass, TIMES - 1)
    await hass.async_block_till_done()
    assert issue(hass, "cannot_keep_up") is None


async def test_it_goes_with_the_entry(hass: HomeAssistant, running: MockConfigEntry) -> None:
    overload(hass, TIMES)
    await hass.async_block_till_done()
    assert issue(hass, "cannot_keep_up") is not None
    await unload(hass, running)
    assert issue(hass, "cannot_keep_up") is None
    overload(hass, TIMES)
    await hass.async_block_till_done()
    assert issue(hass, "cannot_keep_up") is None


# Too slow a network


async def test_a_player_whose_network_is_too_slow_again_and_again(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")

    def lose(client_id: str, reason: LossReason, times: int) -> None:
        for _ in range(times):
            async_dispatcher_send(hass, SIGNAL_CORE_EVENT, ClientLost(client_id=ClientId(client_id), reason=reason))

    def slow_ones() -> list[dict[str, str] | None]:
        return [
            entry.translation_placeholders for entry in ir.async_get(hass).issues.values() if entry.domain == DOMAIN
        ]

    lose(kitchen.client_id, LossReason.TOO_SLOW, TIMES - 1)
    lose(bath.client_id, LossReason.TOO_SLOW, TIMES - 1)
    lose(bath.client_id, LossReason.CONNECTION_LOST, TIMES)
    lose("forgotten", LossReason.TOO_SLOW, TIMES)
    await hass.async_block_till_done()
    assert slow_ones() == []
    lose(kitchen.client_id, LossReason.TOO_SLOW, 1)
    await hass.async_block_till_done()
    assert slow_ones() == [{"name": "Kitchen"}]
    await pass_s(hass, QUIET_S + 1)
    assert slow_ones() == []


# Out of reach


@pytest.mark.parametrize(
    ("addresses", "is_behind"),
    [
        (["172.17.0.2"], True),
        (["127.0.0.1", "172.20.0.5"], True),
        (["172.17.0.2", "fd00::2"], True),
        (["172.16.0.9"], False),
        (["192.168.1.20", "172.17.0.1"], False),
        (["172.17.0.1", "172.18.0.1"], False),
        (["192.168.1.20"], False),
        (["127.0.0.1"], False),
        (["203.0.113.9"], False),
        ([], False),
    ],
)
def test_behind_a_bridge(addresses: list[str], is_behind: bool) -> None:
    assert is_behind_bridge(addresses) is is_behind


@pytest.fixture
def container(request: pytest.FixtureRequest) -> Iterator[None]:
    """A container with this address."""
    adapter = {"name": "eth0", "ipv4": [{"address": request.param, "network_prefix": 16}], "ipv6": []}
    with (
        patch("custom_components.resonate.reach.is_docker_env", return_value=True),
        patch("custom_components.resonate.reach.async_get_adapters", return_value=[adapter]),
    ):
        yield


@pytest.mark.parametrize("container", ["172.17.0.2"], indirect=True)
async def test_nobody_comes_until_somebody_does(
    hass: HomeAssistant, container: None, entry: MockConfigEntry, connect: Connect
) -> None:
    await start(hass, entry)
    await pass_s(hass, PATIENCE_S - 5)
    assert issue(hass, "out_of_reach") is None
    await pass_s(hass, PATIENCE_S + 5)
    shown = issue(hass, "out_of_reach")
    assert shown is not None
    assert shown.translation_placeholders == {"port": str(entry.runtime_data.data.port)}
    await connect("kitchen")
    assert issue(hass, "out_of_reach") is None


@pytest.mark.parametrize("container", ["172.17.0.2"], indirect=True)
async def test_one_that_came_in_time(
    hass: HomeAssistant, container: None, entry: MockConfigEntry, connect: Connect
) -> None:
    await start(hass, entry)
    kitchen = await connect("kitchen")
    await kitchen.close()
    await pass_s(hass, PATIENCE_S + 5)
    assert issue(hass, "out_of_reach") is None


@pytest.mark.parametrize("container", ["192.168.1.20"], indirect=True)
async def test_a_container_with_the_hosts_network(hass: HomeAssistant, container: None, entry: MockConfigEntry) -> None:
    await start(hass, entry)
    await pass_s(hass, PATIENCE_S + 5)
    assert issue(hass, "out_of_reach") is None


@pytest.mark.parametrize("container", ["172.17.0.2"], indirect=True)
async def test_it_is_taken_back_when_the_entry_goes(
    hass: HomeAssistant, container: None, entry: MockConfigEntry
) -> None:
    await start(hass, entry)
    await pass_s(hass, PATIENCE_S + 5)
    assert issue(hass, "out_of_reach") is not None
    await unload(hass, entry)
    assert issue(hass, "out_of_reach") is None


@pytest.mark.parametrize("container", ["172.17.0.2"], indirect=True)
async def test_home_assistant_os_has_the_hosts_network(
    hass: HomeAssistant, container: None, entry: MockConfigEntry
) -> None:
    with patch("custom_components.resonate.reach.is_hassio", return_value=True):
        await start(hass, entry)
    await pass_s(hass, PATIENCE_S + 5)
    assert issue(hass, "out_of_reach") is None
