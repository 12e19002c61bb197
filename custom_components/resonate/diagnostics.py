"""What helps to find a fault, without what tells whose it is."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .core.audio.resample import available_engines
from .core.queue import Queue
from .core.server.snapshot import GroupSnapshot
from .silence import silence_reason

# Whatever is a text that people chose, or that tells one device or one network from another.
TO_REDACT: Final = frozenset(
    {
        "address",
        "addresses",
        "album",
        "album_artist",
        "artist",
        "artwork_digest",
        "client_id",
        "device_id",
        "excused",
        "group_id",
        "host",
        "mac_address",
        "media_id",
        "members",
        "name",
        "server_id",
        "title",
    }
)


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: ResonateConfigEntry) -> dict[str, Any]:
    """Return settings and, while it runs, every device and what it hears, and the core's counters."""
    kept = {
        "entry": {"data": _redacted(entry.data), "options": _redacted(entry.options)},
        "repairs": sorted(key for domain, key in ir.async_get(hass).issues if domain == DOMAIN),
    }
    return kept | await _async_running(entry.runtime_data) if entry.state is ConfigEntryState.LOADED else kept


async def _async_running(coordinator: ResonateCoordinator) -> dict[str, Any]:
    statistics = await coordinator.bridge.async_call(lambda server: server.statistics)
    groups = sorted({view.group.group_id for view in coordinator.data.devices.values() if view.group is not None})
    return {
        "settings": _redacted(asdict(coordinator.bridge.settings)),
        "port": coordinator.data.port,
        "resampler": available_engines()[0].value,
        "devices": [
            {
                # A number in place of the id: who plays together is what one wants to know.
                "group_number": None if view.group is None else groups.index(view.group.group_id),
                "silence_reason": silence_reason(view.client, view.group, is_off=view.device.is_off),
                **_redacted(asdict(replace(view, group=None))),
                "group": _plays(view.group),
            }
            for view in coordinator.data.devices.values()
        ],
        "named_groups": [
            {"device_count": len(view.member_ids), "is_connected": view.is_connected, "group": _plays(view.group)}
            for view in coordinator.data.groups.values()
        ],
        # Without the ids, which are keys there.
        "statistics": {
            name: sorted(value.values()) if isinstance(value, Mapping) else value
            for name, value in asdict(statistics).items()
        },
    }


def _plays(group: GroupSnapshot | None) -> dict[str, Any] | None:
    """Return what a group plays, and of its queue how it stands, for what is in it is nobody's business."""
    if group is None:
        return None
    queue = group.queue
    return {
        **_redacted(asdict(replace(group, queue=Queue()))),
        "queue": {
            "entry_count": len(queue.entries),
            "current_index": queue.current_index,
            "repeat": queue.repeat,
            "is_shuffled": queue.is_shuffled,
        },
    }


def _redacted(data: Any) -> dict[str, Any]:
    redacted: dict[str, Any] = async_redact_data(data, TO_REDACT)
    return redacted
