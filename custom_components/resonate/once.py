"""One action that reaches several members of a group is done to that group once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from .gathering import GATHER_WINDOW_S


@dataclass(slots=True)
class _Deed:
    begun_at: float
    doing: asyncio.Future[Any]
    askers: set[Hashable] = field(default_factory=set)


class Once:
    """Shares what different targets of an action ask for. Home Assistant's loop only."""

    def __init__(self) -> None:
        """Nothing is being done."""
        self._deeds: dict[Hashable, _Deed] = {}

    async def async_do[T](self, key: Hashable, asker: Hashable, do: Callable[[], Awaitable[T]]) -> T:
        """Return, or raise, what `do` does, called for the first asker of a key; one that asks again means it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._deeds = {other: deed for other, deed in self._deeds.items() if now - deed.begun_at <= GATHER_WINDOW_S}
        deed = self._deeds.get(key)
        if deed is None or asker in deed.askers:
            # A task of its own: who gives up waiting for it takes nothing from the others.
            deed = self._deeds[key] = _Deed(now, asyncio.ensure_future(do()))
        deed.askers.add(asker)
        result: T = await asyncio.shield(deed.doing)
        return result
