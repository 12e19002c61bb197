"""Repairs for what is worth one only if it happens again and again: too slow a machine, too slow a network."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN, SIGNAL_CORE_EVENT
from .coordinator import DeviceView, ResonateConfigEntry
from .core.events import ClientLost, Event, LoadChanged, LossReason
from .core.units import ClientId

ISSUE_CANNOT_KEEP_UP: Final = "cannot_keep_up"
ISSUE_SLOW_PLAYER: Final = "slow_player"

TIMES: Final = 3
"""Once may be a backup, an update that is being installed, or somebody in the way of the Wi-Fi."""
WITHIN_S: Final = 600.0
QUIET_S: Final = 3_600.0
"""Without another time it is put right, or nothing plays."""


@callback
def async_watch_trouble(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Report it while the entry is loaded, and take that back by itself."""
    watch = _Watch(hass, entry)
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CORE_EVENT, watch.handle))
    entry.async_on_unload(watch.forget)


class _Watch:
    """Tells troubles apart."""

    def __init__(self, hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
        self._hass = hass
        self._coordinator = entry.runtime_data
        self._machine = _Trouble(hass, ISSUE_CANNOT_KEEP_UP, ISSUE_CANNOT_KEEP_UP)
        self._players: dict[ClientId, _Trouble] = {}

    @callback
    def handle(self, event: Event) -> None:
        """Take note of an event of the core."""
        match event:
            case LoadChanged(is_overloaded=True):
                self._machine.happened({"percent": str(round(100 * event.share))})
            case ClientLost(reason=LossReason.TOO_SLOW) if (view := self._view(event.client_id)) is not None:
                issue_id = f"{ISSUE_SLOW_PLAYER}_{view.device.device_id}"
                trouble = self._players.setdefault(event.client_id, _Trouble(self._hass, issue_id, ISSUE_SLOW_PLAYER))
                trouble.happened({"name": view.device.name})

    @callback
    def forget(self) -> None:
        """Take back what was reported."""
        for trouble in (self._machine, *self._players.values()):
            trouble.forget()

    def _view(self, client_id: ClientId) -> DeviceView | None:
        views = self._coordinator.data.devices.values()
        return next((view for view in views if view.device.client_id == client_id), None)


class _Trouble:
    """Counts how often something happened of late."""

    def __init__(self, hass: HomeAssistant, issue_id: str, translation_key: str) -> None:
        self._hass = hass
        self._issue_id = issue_id
        self._translation_key = translation_key
        self._times: deque[float] = deque(maxlen=TIMES)
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def happened(self, placeholders: Mapping[str, str]) -> None:
        """Count it, and report it if it was often enough."""
        now = self._hass.loop.time()
        self._times.append(now)
        if len(self._times) < TIMES or now - self._times[0] > WITHIN_S:
            return
        if self._cancel is not None:
            self._cancel()
        self._cancel = async_call_later(self._hass, QUIET_S, self.forget)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=self._translation_key,
            translation_placeholders=dict(placeholders),
        )

    @callback
    def forget(self, _: datetime | None = None) -> None:
        """Count from nothing, and take back what was reported."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        self._times.clear()
        ir.async_delete_issue(self._hass, DOMAIN, self._issue_id)
