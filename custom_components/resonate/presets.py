"""Queues that people keep under a name of their own."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .queue_records import StoredQueue, parse_queue, queue_to_json
from .stores import async_read, make_store, text_of

KEY_PRESETS: Final = f"{DOMAIN}.presets"


class PresetStore:
    """All saved queues: read once, written with each change. Home Assistant's loop only."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; `async_load` fills it."""
        self._hass = hass
        self._store = make_store(hass, KEY_PRESETS, is_large=True)
        self._presets: dict[str, StoredQueue] = {}
        self._writing = asyncio.Lock()
        """Held while they are put into text, so that the latest is written last."""

    @property
    def presets(self) -> Mapping[str, StoredQueue]:
        """All of them, by name."""
        return self._presets

    async def async_load(self) -> None:
        """Read what was stored; a damaged store is set aside, and there are none then."""
        self._presets = await async_read(self._hass, self._store, _parse) or {}

    async def async_save(self, name: str, queue: StoredQueue) -> None:
        """Keep a queue under a name, in place of what was kept there."""
        self._presets = self._presets | {name: queue}
        await self._async_write()

    async def async_remove(self, name: str) -> None:
        """Keep the one of this name no longer."""
        self._presets = {other: queue for other, queue in self._presets.items() if other != name}
        await self._async_write()

    async def _async_write(self) -> None:
        async with self._writing:
            await self._store.async_save(await self._hass.async_add_executor_job(_to_json, self._presets))


def _to_json(presets: Mapping[str, StoredQueue]) -> dict[str, Any]:
    return {"presets": [{"name": name, **queue_to_json(queue)} for name, queue in presets.items()]}


def _parse(data: Any) -> dict[str, StoredQueue]:
    return {text_of(preset, "name"): parse_queue(preset) for preset in data["presets"]}
