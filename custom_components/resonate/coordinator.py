"""Owns the core and shows the entities one frozen picture of it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import NamedTuple, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event as HomeAssistantEvent, HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .announcements import Announcer
from .bridge import Bridge
from .byte_streams import StreamOpener
from .const import CONF_ADDRESSES, CONF_PLAY_ON, CONF_POLICY, DOMAIN, SIGNAL_CORE_EVENT
from .core.events import Event, MediumChanged, MediumState
from .core.formats import StreamFormat
from .core.queue import Queue
from .core.server.server import ResonateServer
from .core.server.settings import DEFAULT_PORT, ServerSettings
from .core.server.snapshot import ClientSnapshot, GroupSnapshot, ServerSnapshot
from .core.stream.policy import SendPolicy
from .core.units import ClientId, GroupId, ServerTimeUs
from .discovery import Discovery
from .household import Household
from .late_media import LateMedia
from .media import MediaOrder
from .named_groups import GroupView, read_named_groups, show_named_groups
from .once import Once
from .presets import PresetStore
from .queue_store import QueueStore
from .repairs import async_report_port
from .scene import Scene
from .sleep_timer import SleepTimers
from .storage import DeviceStore, KnownDevice, async_load_server_id
from .turns import Turns

_LOGGER = logging.getLogger(__name__)

type ResonateConfigEntry = ConfigEntry[ResonateCoordinator]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """What entities show of one device."""

    device: KnownDevice
    client: ClientSnapshot | None = None
    """None while it has not been seen since the start."""
    group: GroupSnapshot | None = None
    position_at: datetime | None = None
    """When the position in `group` was valid, on the wall."""

    @property
    def is_connected(self) -> bool:
        """Whether it can be told anything."""
        return self.client is not None and self.client.is_connected


@dataclass(frozen=True, slots=True, kw_only=True)
class ResonateData:
    """Everything, by our own device ids and, named groups, by their ids."""

    port: int | None = None
    devices: Mapping[str, DeviceView] = field(default_factory=dict)
    groups: Mapping[GroupId, GroupView] = field(default_factory=dict)


class ResonateCoordinator(DataUpdateCoordinator[ResonateData]):
    """Pushes; nothing is polled."""

    config_entry: ResonateConfigEntry

    def __init__(self, hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
        """Prepare; nothing runs before `async_start`."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=DOMAIN, always_update=False)
        self.data = ResonateData()
        self.devices = DeviceStore(hass)
        self._snapshot = ServerSnapshot()
        self.household = Household(hass, entry, self.devices, lambda: self._show(self._snapshot))
        self._queues: QueueStore | None = None
        self._opener = StreamOpener(hass)
        self.late_media = LateMedia(hass, self._opener)
        self._spawn = partial(entry.async_create_background_task, hass)
        self._spawn_later = partial(self._spawn, eager_start=False)
        self.once = Once(self._spawn_later)
        self.presets = PresetStore(hass)
        self.scenes: dict[str, Scene] = {}
        """How players were, by entity, as snapshots were taken."""
        self.announcer: Announcer
        self.sleep_timers: SleepTimers
        self.bridge: Bridge
        self._discovery: Discovery | None = None
        self._positions: dict[GroupId, _Position] = {}
        self._unsubscribe: CALLBACK_TYPE | None = None
        self._turns = Turns(hass.loop, self._update_listener, self._handle_rest)
        self._behind: list[Event] = []
        """What happened while not all entities show the picture before it."""

    async def async_start(self) -> None:
        """Load what is stored, start the core and discovery. Raises OSError when no port can be had."""
        await self.devices.async_load()
        await self.household.async_load()
        await self.presets.async_load()
        settings = read_settings(
            self.config_entry, await async_load_server_id(self.hass), self.hass.config.location_name
        )
        self._show(self._snapshot)
        self.bridge = Bridge(
            self.hass,
            settings,
            on_snapshot=self._show,
            on_event=self._handle_event,
        )
        self.announcer = Announcer(self.bridge, self.late_media, self._spawn_later)
        self.sleep_timers = SleepTimers(self.bridge, self._spawn)
        named = read_named_groups(self.config_entry)
        self._queues = QueueStore(self.hass, self.late_media, bridge=self.bridge, spawn=self._spawn)
        await self._queues.async_load({*self.household.homes.values(), *named}, plays_on=self._plays_on)
        queues = await self._queues.async_take(named)
        devices = tuple(self.devices.devices.values())
        tell = self.household.begin(self.bridge, self._spawn_later)
        await self.bridge.async_start(partial(_prepare, tell=tell, queues=queues, devices=devices))
        try:
            port = await self.bridge.async_call(lambda server: server.port)
            async_report_port(self.hass, self.config_entry.entry_id, wanted=settings.port, port=port)
            self._discovery = Discovery(self.hass, settings, port, dial=self._dial, undial=self._undial)
            self._discovery.set_addresses(self.config_entry.options.get(CONF_ADDRESSES, ()))
            await self._discovery.async_start()
            self._queues.async_begin()
        except BaseException:
            await self.async_stop()
            raise
        self._unsubscribe = self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_stop_with_host)

    async def async_stop(self) -> None:
        """End discovery and the core, and write what is not written; nothing is left. More than once does no harm."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        try:
            if self._discovery is not None:
                await self._discovery.async_stop()
        finally:
            self._opener.close()
            self.household.end()
            queues, self._queues = self._queues, None
            if queues is not None:
                await queues.async_close()
            await self.sleep_timers.async_close()
            await self.bridge.async_stop()
            await self.devices.async_flush()
            await self.household.async_flush()

    @callback
    def apply_changes(self) -> bool:
        """Apply changed settings to what runs, without a gap in the music; False when that takes a restart."""
        running = self.bridge.settings
        wanted = read_settings(self.config_entry, running.server_id, running.name)
        if wanted.port == self.data.port:
            running = replace(running, port=wanted.port)  # had it already, by luck
        if wanted != running or self._discovery is None:
            return False
        async_report_port(self.hass, self.config_entry.entry_id, wanted=wanted.port, port=self.data.port)
        self._discovery.set_addresses(self.config_entry.options.get(CONF_ADDRESSES, ()))
        self.household.sync()
        if self._queues is not None and not self._plays_on:
            self._queues.async_give_up()
        self._show(self._snapshot)
        return True

    def device_info(self, device: KnownDevice) -> dr.DeviceInfo:
        """Return what the device registry is told of a device."""
        info = dr.DeviceInfo(
            identifiers={(DOMAIN, device.device_id)},
            name=device.name,
            manufacturer=device.manufacturer,
            model=device.product_name,
            sw_version=device.software_version,
        )
        if (mac_address := device.mac_address) is not None:
            info.suggested_area = self._area_of(mac_address)
            twins = [other.device_id for other in self.devices.devices.values() if other.mac_address == mac_address]
            if device.device_id == min(twins):  # two with one address would be one device to the registry
                info.connections = {(dr.CONNECTION_NETWORK_MAC, mac_address)}
        return info

    async def async_forget(self, device_id: str) -> None:
        """Drop a device that is away. Raises CommandRefusedError when it is not."""
        forgotten = self.devices.devices[device_id]
        client_id = forgotten.client_id
        if self.data.devices[device_id].client is not None:
            await self.bridge.async_ask(lambda server: server.forget(client_id))
        self.devices.async_forget(device_id)
        # Nothing that was wished for it holds for whoever comes back.
        self._tell_settings(KnownDevice(device_id=device_id, client_id=client_id, name=forgotten.name))
        self.household.forget(device_id)
        # The core's news of it may have come already, while the device was still known.
        clients = {other: client for other, client in self._snapshot.clients.items() if other != client_id}
        self._snapshot = replace(self._snapshot, clients=clients)
        rest = {other: view for other, view in self.data.devices.items() if other != device_id}
        self.async_set_updated_data(replace(self.data, devices=rest))

    def set_volumes(self, device_id: str, *, max_volume: int, start_volume: int | None) -> None:
        """Let a player never be louder than that, and begin with that whenever it connects; None: as it is."""
        self.devices.async_set_volumes(device_id, max_volume=max_volume, start_volume=start_volume)
        self._tell_settings(self.devices.devices[device_id])
        self._show(self._snapshot)

    def choose_format(self, device_id: str, stream_format: StreamFormat | None) -> None:
        """Let a player be sent this whenever it lists it, from now on; None: what it asks for."""
        self.devices.async_choose_format(device_id, stream_format)
        self._tell_settings(self.devices.devices[device_id])
        self._show(self._snapshot)

    def _tell_settings(self, device: KnownDevice) -> None:
        self.bridge.tell(partial(_set_up, device=device))

    @property
    def _plays_on(self) -> bool:
        """Whether what played is to play on after a restart."""
        return bool(self.config_entry.options.get(CONF_PLAY_ON, False))

    # What entities ask for

    async def async_play(
        self, target: ClientId | GroupId, order: MediaOrder, action: Hashable | None, *, keeps_queue: bool = False
    ) -> None:
        """Play on a group, or on the client's; targets of one `action` become one group."""

        async def play(on: ClientId | GroupId, when_open: Callable[[ResonateServer], Awaitable[None]]) -> None:
            requests = await self.late_media.async_requests(order)
            await self.bridge.async_ask(
                lambda server: server.play(on, requests, keeps_queue=keeps_queue, when_open=partial(when_open, server))
            )

        await self.household.async_play(None if action is None else (action, order.media_id), target, play)

    # What the core tells

    @callback
    def _show(self, snapshot: ServerSnapshot) -> None:
        self._snapshot = snapshot
        self.household.notice(snapshot)
        for client in snapshot.clients.values():
            device, is_news = self.devices.async_learn(client)
            if is_news:
                self._register(device)
        self._positions = {group.group_id: self._locate(group) for group in snapshot.groups.values()}
        views = {
            device_id: self._view(device, snapshot.clients.get(device.client_id), snapshot.groups)
            for device_id, device in self.devices.devices.items()
        }
        groups = show_named_groups(
            self.config_entry,
            snapshot.groups,
            devices={view.device.client_id: device_id for device_id, view in views.items()},
            connected={device_id for device_id, view in views.items() if view.is_connected},
            position_at=lambda group_id: self._positions[group_id].on_the_wall,
        )
        self.async_set_updated_data(ResonateData(port=snapshot.port, devices=views, groups=groups))
        if self._queues is not None:
            self._queues.async_update(snapshot)
        self.household.update(snapshot)

    def _view(
        self, device: KnownDevice, client: ClientSnapshot | None, groups: Mapping[GroupId, GroupSnapshot]
    ) -> DeviceView:
        group = None if client is None else groups.get(client.group_id)
        position = None if group is None else self._positions[group.group_id]
        return DeviceView(
            device=device, client=client, group=group, position_at=None if position is None else position.on_the_wall
        )

    def _locate(self, group: GroupSnapshot) -> _Position:
        """Return when the position of a group was valid on the wall, which is worked out once for each."""
        old = self._positions.get(group.group_id)
        if old is not None and old.at == group.position_at and old.position_us == group.position_us:
            return old
        on_the_wall = None
        if group.position_at is not None:
            on_the_wall = dt_util.utcnow() - timedelta(microseconds=self.bridge.clock.now() - group.position_at)
        return _Position(group.position_us, group.position_at, on_the_wall)

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Have all entities take the latest picture, so many in a turn of the loop that it is not held up."""
        self._turns.begin(self._listeners)

    @callback
    def _update_listener(self, listener_id: int) -> None:
        if (listener := self._listeners.get(listener_id)) is None:
            return  # gone meanwhile
        try:
            listener[0]()
        except Exception:
            _LOGGER.exception("An entity could not take the latest picture")

    @callback
    def _handle_rest(self) -> None:
        behind, self._behind = self._behind, []
        for event in behind:
            self._handle_event(event)

    @callback
    def _handle_event(self, event: Event) -> None:
        if self._turns.is_busy:
            self._behind.append(event)
            return
        async_dispatcher_send(self.hass, SIGNAL_CORE_EVENT, event)
        if isinstance(event, MediumChanged) and event.state is MediumState.FAILED:
            _LOGGER.warning("A medium could not be played: %s", event.message or event.error)

    # Devices

    def _register(self, device: KnownDevice) -> None:
        dr.async_get(self.hass).async_get_or_create_from_info(
            config_entry_id=self.config_entry.entry_id, device_info=self.device_info(device)
        )

    def _area_of(self, mac_address: str) -> str | None:
        """Return the name of the area where another integration has the device with this address."""
        connection = (dr.CONNECTION_NETWORK_MAC, mac_address)
        for other in dr.async_get(self.hass).async_get_devices(connections={connection}):
            if other.area_id is not None and (area := ar.async_get(self.hass).async_get_area(other.area_id)):
                return area.name
        return None

    def _dial(self, key: str, urls: tuple[str, ...]) -> None:
        self.bridge.tell(lambda server: server.dial(key, urls))

    def _undial(self, key: str) -> None:
        self.bridge.tell(lambda server: server.undial(key))

    async def _async_stop_with_host(self, _: HomeAssistantEvent) -> None:
        self._unsubscribe = None
        await self.async_stop()


def read_settings(entry: ResonateConfigEntry, server_id: str, name: str) -> ServerSettings:
    """Return how the core is to run, as the entry says."""
    return ServerSettings(
        server_id=server_id,
        name=name,
        host=entry.data.get(CONF_HOST),
        port=entry.data.get(CONF_PORT, DEFAULT_PORT),
        policy=SendPolicy(entry.options.get(CONF_POLICY, SendPolicy.BALANCED)),
    )


def _prepare(
    server: ResonateServer,
    *,
    tell: Callable[[ResonateServer], None],
    queues: Sequence[tuple[GroupId, Queue, int | None]],
    devices: Sequence[KnownDevice],
) -> None:
    """Tell a server that is about to start what it is to know. On the core's loop."""
    tell(server)
    for device in devices:
        _set_up(server, device)
    for group_id, queue, position_us in queues:
        server.restore(group_id, queue, position_us=position_us)


def _set_up(server: ResonateServer, device: KnownDevice) -> None:
    """Tell a server what the owner of a device wishes for it. On the core's loop."""
    server.set_limits(device.client_id, max_volume=device.max_volume, start_volume=device.start_volume)
    server.choose_format(device.client_id, device.chosen_format)


class _Position(NamedTuple):
    position_us: int | None
    at: ServerTimeUs | None
    on_the_wall: datetime | None
