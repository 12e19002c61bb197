"""Who to dial, and how others find us: Home Assistant's zeroconf, and addresses typed by hand."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
import hashlib
from ipaddress import IPv4Address, IPv6Address, ip_address
import logging
from typing import Final

from homeassistant.components import network, zeroconf
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from yarl import URL
from zeroconf import Error as ZeroconfError, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo

from .core.server.settings import ServerSettings

_LOGGER = logging.getLogger(__name__)

# protocol.md 2
CLIENT_TYPE: Final = "_sendspin._tcp.local."
SERVER_TYPE: Final = "_sendspin-server._tcp.local."
PATH: Final = "/sendspin"
CLIENT_PORT: Final = 8928

RESOLVE_TIMEOUT_MS: Final = 3_000
ADVERTISE_RETRY_S: Final = 60.0
_MAX_NAME_BYTES: Final = 200  # a TXT entry holds 255, its key and sign included
_MANUAL: Final = "manual:"

type Dial = Callable[[str, tuple[str, ...]], None]
type Undial = Callable[[str], None]


class Discovery:
    """Tells `dial` and `undial` where players are, and players where we are. Home Assistant's loop only."""

    def __init__(
        self, hass: HomeAssistant, settings: ServerSettings, port: int | None, *, dial: Dial, undial: Undial
    ) -> None:
        """`port` is the real one; without one we only dial."""
        self._hass = hass
        self._settings = settings
        self._port = port
        self._dial = dial
        self._undial = undial
        self._manual: set[str] = set()
        self._browser: AsyncServiceBrowser | None = None
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._advertised: AsyncServiceInfo | None = None
        self._cancel_retry: CALLBACK_TYPE | None = None

    async def async_start(self) -> None:
        """Browse for players, and advertise ourselves."""
        zc = await zeroconf.async_get_async_instance(self._hass)
        self._browser = AsyncServiceBrowser(zc.zeroconf, CLIENT_TYPE, handlers=[self._handle_record])
        await self._async_advertise()

    async def async_stop(self) -> None:
        """Take everything back; nothing is left running. More than once does no harm."""
        if self._cancel_retry is not None:
            self._cancel_retry()
            self._cancel_retry = None
        resolving = list(self._resolving.values())
        for task in resolving:
            task.cancel()
        if resolving:
            await asyncio.wait(resolving)
        if self._browser is not None:
            await self._browser.async_cancel()
            self._browser = None
        if (info := self._advertised) is not None:
            self._advertised = None
            zc = await zeroconf.async_get_async_instance(self._hass)
            try:
                await (await zc.async_unregister_service(info))
            except (ZeroconfError, OSError) as error:
                _LOGGER.debug("Taking back the advertisement failed: %s", error)

    @callback
    def set_addresses(self, addresses: Iterable[str]) -> None:
        """Dial these too, and no longer those of before; live sessions stay."""
        wanted = {parse_address(address) for address in addresses}
        for url in self._manual - wanted:
            self._undial(_MANUAL + url)
        for url in wanted - self._manual:
            self._dial(_MANUAL + url, (url,))
        self._manual = wanted

    @callback
    def _handle_record(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if (task := self._resolving.pop(name, None)) is not None:
            task.cancel()
        if state_change is ServiceStateChange.Removed:
            self._undial(name)
            return
        task = self._hass.async_create_background_task(
            self._async_resolve(zeroconf, service_type, name), f"resonate resolve {name}"
        )
        if not task.done():
            self._resolving[name] = task
            task.add_done_callback(lambda done: self._resolving.get(name) is done and self._resolving.pop(name))

    async def _async_resolve(self, zc: Zeroconf, service_type: str, name: str) -> None:
        try:
            info = AsyncServiceInfo(service_type, name)
            is_found = await info.async_request(zc, RESOLVE_TIMEOUT_MS)
        except (ZeroconfError, OSError) as error:
            _LOGGER.debug("%s cannot be resolved: %s", name, error)
            return
        if is_found and (urls := urls_of(info)):
            self._dial(name, urls)
        else:
            _LOGGER.debug("%s has no address to dial", name)

    async def _async_advertise(self, _: datetime | None = None) -> None:
        """Announce the server; a failure is told and tried again, for players we dial need no announcement."""
        self._cancel_retry = None
        if self._port is None:
            return
        try:
            found = map(ip_address, await network.async_get_announce_addresses(self._hass))
            addresses = [str(address) for address in _reachable(found) if self._settings.host in (None, str(address))]
            if not addresses:
                _LOGGER.debug("There is no address to advertise")
                return
            zc = await zeroconf.async_get_async_instance(self._hass)
            info = describe_server(self._settings, self._port, addresses)
            await zc.async_register_service(info, allow_name_change=True)
        except (ZeroconfError, OSError, ValueError) as error:
            _LOGGER.warning("Players cannot find the server, advertising it failed: %s", error)
            self._cancel_retry = async_call_later(self._hass, ADVERTISE_RETRY_S, self._async_advertise)
        else:
            self._advertised = info


def describe_server(settings: ServerSettings, port: int, addresses: list[str]) -> AsyncServiceInfo:
    """Return the announcement of a server."""
    name = settings.name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    host = hashlib.sha256(settings.server_id.encode()).hexdigest()[:12]  # no underscores, unlike the id
    return AsyncServiceInfo(
        SERVER_TYPE,
        f"{settings.server_id}.{SERVER_TYPE}",
        server=f"resonate-{host}.local.",
        port=port,
        parsed_addresses=addresses,
        properties={"path": PATH, "name": name},
    )


def urls_of(info: AsyncServiceInfo) -> tuple[str, ...]:
    """Return where to dial a client, IPv4 first; empty when its announcement is of no use."""
    path = PATH
    if raw := info.properties.get(b"path"):
        path = raw.decode(errors="replace")
    if not path.startswith("/") or not info.port:
        return ()
    addresses = map(ip_address, info.parsed_addresses(IPVersion.All))
    return tuple(_url(address, info.port, path) for address in _reachable(addresses))


def parse_address(text: str) -> str:
    """Return the URL for an address typed by hand: ws://host[:port][/path] or host[:port]. Raises ValueError."""
    text = text.strip()
    try:
        return _url(IPv6Address(text.strip("[]")), CLIENT_PORT, PATH)
    except ValueError:
        pass
    url = URL(text if "://" in text else f"ws://{text}")
    if url.scheme != "ws" or not url.host or url.user or url.query_string or url.fragment or not url.port:
        raise ValueError(f"not an address of a player: {text}")
    if any(character.isspace() for character in url.host):
        raise ValueError(f"not the name of a host: {url.host}")
    host = f"[{url.host}]" if ":" in url.host else url.host
    path = PATH if url.raw_path == "/" else url.raw_path
    return f"ws://{host}:{url.explicit_port or CLIENT_PORT}{path}"


def _reachable(addresses: Iterable[IPv4Address | IPv6Address]) -> list[IPv4Address | IPv6Address]:
    """Return those that can be dialled, IPv4 first, otherwise in their order."""
    found = sorted(addresses, key=lambda address: address.version)
    # A link-local IPv4 is better than none; one of IPv6 cannot be dialled without its interface.
    return [address for address in found if not address.is_link_local] or [
        address for address in found if isinstance(address, IPv4Address)
    ]


def _url(address: IPv4Address | IPv6Address, port: int, path: str) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"ws://{host}:{port}{path}"
