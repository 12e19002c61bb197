"""The repair for a machine that is too slow for what is played, again and again."""

from collections import deque
from datetime import datetime
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later

from .const import DOMAIN, SIGNAL_CORE_EVENT
from .coordinator import ResonateConfigEntry
from .core.events import Event, LoadChanged

ISSUE_CANNOT_KEEP_UP: Final = "cannot_keep_up"

TIMES: Final = 3
"""Once may be a backup, or an update that is being installed."""
WITHIN_S: Final = 600.0
QUIET_S: Final = 3_600.0
"""Without another time it is put right, or nothing plays."""


@callback
def async_watch_load(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Report it while the entry is loaded, and take that back by itself."""
    watch = _LoadWatch(hass)
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CORE_EVENT, watch.handle))
    entry.async_on_unload(watch.forget)


class _LoadWatch:
    """Counts how often it was too slow."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._times: deque[float] = deque(maxlen=TIMES)
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def handle(self, event: Event) -> None:
        """Take note of an event of the core."""
        if not isinstance(event, LoadChanged) or not event.is_overloaded:
            return
        now = self._hass.loop.time()
        self._times.append(now)
        if len(self._times) == TIMES and now - self._times[0] <= WITHIN_S:
            self._report(event.share)

    @callback
    def forget(self, _: datetime | None = None) -> None:
        """Count from nothing, and take back what was reported."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
        self._times.clear()
        ir.async_delete_issue(self._hass, DOMAIN, ISSUE_CANNOT_KEEP_UP)

    def _report(self, share: float) -> None:
        if self._cancel is not None:
            self._cancel()
        self._cancel = async_call_later(self._hass, QUIET_S, self.forget)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_CANNOT_KEEP_UP,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="cannot_keep_up",
            translation_placeholders={"percent": str(round(100 * share))},
        )
