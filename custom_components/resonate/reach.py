"""The repair for a container that players cannot reach, because it is in a network of its own."""

from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Final

from homeassistant.components.network import async_get_adapters
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.hassio import is_hassio
from homeassistant.util.package import is_docker_env

from .const import DOMAIN
from .coordinator import ResonateConfigEntry

ISSUE_OUT_OF_REACH: Final = "out_of_reach"

PATIENCE_S: Final = 600.0
"""How long nobody may come: players that are switched on are found within seconds."""
_BRIDGES: Final = tuple(IPv4Network(f"172.{number}.0.0/16") for number in range(17, 32))
"""What Docker and Podman's compatible networks take their addresses from first."""


def is_behind_bridge(addresses: Iterable[str]) -> bool:
    """Say whether these are the addresses of a container that has a network of its own, and no other.

    With the host's network there would be the host's addresses too, most of all that in the local network.
    """
    parsed = [ip_address(address) for address in addresses]
    outside = [address for address in parsed if isinstance(address, IPv4Address) and not address.is_loopback]
    return len(outside) == 1 and any(outside[0] in bridge for bridge in _BRIDGES)


async def async_watch_reach(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Report it once nobody has come for a while, as long as nobody does.

    Home Assistant OS and supervised ones always have the host's network.
    """
    if is_hassio(hass) or not await hass.async_add_executor_job(is_docker_env):
        return
    adapters = await async_get_adapters(hass)
    if is_behind_bridge(address["address"] for adapter in adapters for address in adapter["ipv4"]):
        watch = _ReachWatch(hass, entry)
        entry.async_on_unload(watch.stop)


class _ReachWatch:
    """Waits for the first player, whichever way it comes: then there is a way."""

    def __init__(self, hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
        self._hass = hass
        self._coordinator = entry.runtime_data
        self._cancel_timer: CALLBACK_TYPE | None = async_call_later(hass, PATIENCE_S, self._give_up)
        self._unsubscribe: CALLBACK_TYPE | None = self._coordinator.async_add_listener(self._look)

    @callback
    def stop(self) -> None:
        """Wait no more, and take back what was reported. More than once does no harm."""
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        ir.async_delete_issue(self._hass, DOMAIN, ISSUE_OUT_OF_REACH)

    @callback
    def _look(self) -> None:
        if any(view.is_connected for view in self._coordinator.data.devices.values()):
            self.stop()

    @callback
    def _give_up(self, _: datetime) -> None:
        self._cancel_timer = None
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_OUT_OF_REACH,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="out_of_reach",
            translation_placeholders={"port": str(self._coordinator.data.port)},
        )
