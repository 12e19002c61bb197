"""What survives a restart: who we are, and which devices we know under which id of our own."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.ulid import ulid_now

from .const import DOMAIN
from .core.formats import Codec, StreamFormat
from .core.server.snapshot import ClientSnapshot
from .core.units import ClientId
from .core.volume import MAX_VOLUME
from .membership import KEY_MEMBERSHIPS
from .presets import KEY_PRESETS
from .queue_store import KEY_PLACES, KEY_QUEUES
from .stores import DamagedError, async_read, async_remove, make_store, text_of

KEY_IDENTITY: Final = f"{DOMAIN}.identity"
KEY_DEVICES: Final = f"{DOMAIN}.devices"
_SAVE_DELAY_S: Final = 1.0  # twenty players that come at once are one write
_OPTIONAL_TEXTS: Final = ("manufacturer", "product_name", "software_version", "mac_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDevice:
    """A client as we know it, connected or not."""

    device_id: str
    """Our own: the device and its entities hang on it, whatever the client calls itself on the wire."""
    client_id: ClientId
    name: str
    is_player: bool = False
    """Was one at least once; a player that is away is still one."""
    manufacturer: str | None = None
    product_name: str | None = None
    software_version: str | None = None
    mac_address: str | None = None
    max_volume: int = MAX_VOLUME
    """It is never louder, 0-100."""
    start_volume: int | None = None
    """What it is set to whenever it connects; None: it stays as it is."""
    is_off: bool = False
    """Its owner turned it off: until it is turned on or played to, no named group takes it along."""
    chosen_format: StreamFormat | None = None
    """What it is sent whenever it lists it; None: what it asks for."""


class DeviceStore:
    """The known devices: read once, written soon after each change."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; `async_load` fills it."""
        self._hass = hass
        self._store = make_store(hass, KEY_DEVICES)
        self._devices: dict[str, KnownDevice] = {}
        self._by_client: dict[ClientId, KnownDevice] = {}
        self._is_dirty = False

    @property
    def devices(self) -> Mapping[str, KnownDevice]:
        """All of them, by our own id."""
        return self._devices

    @property
    def client_ids(self) -> Mapping[str, ClientId]:
        """Which client each of them is."""
        return {device_id: device.client_id for device_id, device in self._devices.items()}

    def ids_of(self, client_ids: Iterable[ClientId]) -> Sequence[str]:
        """Return our own ids of the devices behind clients, of those that are known."""
        return [self._by_client[client_id].device_id for client_id in client_ids if client_id in self._by_client]

    async def async_load(self) -> None:
        """Read what was stored; a damaged store is set aside, and all devices are new again."""
        for device in await async_read(self._hass, self._store, _parse_devices) or ():
            self._put(device)

    @callback
    def async_learn(self, client: ClientSnapshot) -> tuple[KnownDevice, bool]:
        """Return the device behind `client`, and whether something about it was new."""
        old = self._by_client.get(client.client_id)
        device = replace(
            old or KnownDevice(device_id=ulid_now(), client_id=client.client_id, name=client.name),
            name=client.name or client.client_id,
            is_player=client.is_player or (old is not None and old.is_player),
            manufacturer=client.manufacturer or None,
            product_name=client.product_name or None,
            software_version=client.software_version or None,
            mac_address=client.mac_address or None,
        )
        if device == old:
            return device, False
        self._put(device)
        self._save_soon()
        return device, True

    @callback
    def async_set_volumes(self, device_id: str, *, max_volume: int, start_volume: int | None) -> None:
        """Keep how loud a device may be, and is to be at first."""
        self._put(replace(self._devices[device_id], max_volume=max_volume, start_volume=start_volume))
        self._save_soon()

    @callback
    def async_set_off(self, device_id: str, *, is_off: bool) -> None:
        """Keep whether a device is turned off."""
        self._put(replace(self._devices[device_id], is_off=is_off))
        self._save_soon()

    @callback
    def async_choose_format(self, device_id: str, stream_format: StreamFormat | None) -> None:
        """Keep what a device is to be sent."""
        self._put(replace(self._devices[device_id], chosen_format=stream_format))
        self._save_soon()

    @callback
    def async_forget(self, device_id: str) -> None:
        """Drop a device; if its client ever comes back, it is a new one."""
        device = self._devices.pop(device_id)
        del self._by_client[device.client_id]
        self._save_soon()

    async def async_flush(self) -> None:
        """Write what has not been written."""
        if self._is_dirty:
            await self._store.async_save(self._as_stored())

    def _put(self, device: KnownDevice) -> None:
        self._devices[device.device_id] = device
        self._by_client[device.client_id] = device

    def _save_soon(self) -> None:
        if self._is_dirty:
            return  # another call would move the deadline
        self._is_dirty = True
        self._store.async_delay_save(self._as_stored, _SAVE_DELAY_S)

    def _as_stored(self) -> dict[str, Any]:
        self._is_dirty = False
        return {"devices": [asdict(device) for device in self._devices.values()]}


async def async_load_server_id(hass: HomeAssistant) -> str:
    """Return the id of this server, made once: the public half of a stored X25519 key.

    Encrypted connections need the private half later; a new key would be a new server to every paired device.
    """
    store = make_store(hass, KEY_IDENTITY)
    key = await async_read(hass, store, _parse_identity)
    if key is None:
        key = X25519PrivateKey.generate()
        await store.async_save({"private_key": _to_base64(key.private_bytes_raw())})
    return _to_base64(key.public_key().public_bytes_raw())


async def async_remove_stores(hass: HomeAssistant) -> None:
    """Remove everything that was stored."""
    for key in (KEY_IDENTITY, KEY_DEVICES, KEY_MEMBERSHIPS, KEY_QUEUES, KEY_PLACES, KEY_PRESETS):
        await async_remove(hass, key)


def _parse_identity(data: Any) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(text_of(data, "private_key") + "="))
    except ValueError as error:
        raise DamagedError from error


def _parse_devices(data: Any) -> Iterable[KnownDevice]:
    return [
        KnownDevice(
            device_id=text_of(stored, "device_id"),
            client_id=ClientId(text_of(stored, "client_id")),
            name=text_of(stored, "name"),
            is_player=stored["is_player"] is True,
            max_volume=_volume(stored.get("max_volume", MAX_VOLUME)),
            start_volume=None if stored.get("start_volume") is None else _volume(stored["start_volume"]),
            is_off=stored.get("is_off") is True,
            chosen_format=None if stored.get("chosen_format") is None else _format(stored["chosen_format"]),
            **{key: None if stored[key] is None else text_of(stored, key) for key in _OPTIONAL_TEXTS},
        )
        for stored in data["devices"]
    ]


def _to_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _volume(stored: Any) -> int:
    if not isinstance(stored, int) or not 0 <= stored <= MAX_VOLUME:
        raise DamagedError
    return stored


def _format(stored: Any) -> StreamFormat | None:
    """Return a format; None for one that this version does not know or cannot make."""
    if text_of(stored, "codec") not in Codec:
        return None
    numbers = {key: stored[key] for key in ("sample_rate", "channel_count", "bit_depth")}
    if not all(isinstance(number, int) for number in numbers.values()):
        raise DamagedError
    stream_format = StreamFormat(codec=Codec(stored["codec"]), **numbers)
    return stream_format if stream_format.is_producible else None
