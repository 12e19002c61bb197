"""One action that reaches several members of a group is done to that group once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from .gathering import GATHER_WINDOW_S
from .spawning import Spawn, async_wait_for


@dataclass(slots=True)
class _Deed:
    begun_at: float
    doing: asyncio.Task[Any]
    askers: set[Hashable] = field(default_factory=set)


class Once:
    """Shares what different targets of an action ask for. Home Assistant's loop only."""

    def __init__(self, spawn: Spawn) -> None:
        """Nothing is being done."""
        self._spawn = spawn
        self._deeds: dict[Hashable, _Deed] = {}

    async def async_do[T](self, key: Hashable, asker: Hashable, do: Callable[[], Awaitable[T]]) -> T:
        """Return, or raise, what `do` does, called for the first asker of a key; one that asks again means it."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._deeds = {other: deed for other, deed in self._deeds.items() if now - deed.begun_at <= GATHER_WINDOW_S}
        deed = self._deeds.get(key)
        if deed is None or asker in deed.askers:
            deed = self._deeds[key] = _Deed(now, self._spawn(_do(do), "resonate action"))
        deed.askers.add(asker)
        result: T = await async_wait_for(deed.doing)
        return result


async def _do[T](do: Callable[[], Awaitable[T]]) -> T:
    return await do()
