"""One action that reaches several of our players plays as one group, in step."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Final, NamedTuple

from .core.units import ClientId

GATHER_WINDOW_S: Final = 0.15
"""How long after the first target of an action others of the same action still join it."""


class _Gathering(NamedTuple):
    first: ClientId
    begun_at: float
    playing: asyncio.Task[None]


class Gatherer:
    """Makes one group of the players that an action reaches one after another. Home Assistant's loop only."""

    def __init__(self, join: Callable[[ClientId, ClientId], Awaitable[None]]) -> None:
        """`join(first, other)` moves `other`, with those it plays together with, into the group of `first`."""
        self._join = join
        self._gatherings: dict[Hashable, _Gathering] = {}

    async def async_play(
        self, action: Hashable, client_id: ClientId, play: Callable[[], Coroutine[object, object, None]]
    ) -> None:
        """Have `play` called for the first target of `action`, and let later ones join that one.

        Returns or raises for each target what became of the playing.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._gatherings = {
            key: gathering for key, gathering in self._gatherings.items() if now - gathering.begun_at <= GATHER_WINDOW_S
        }
        if (gathering := self._gatherings.get(action)) is None:
            # A task of its own: who gives up waiting for it takes nothing from the others.
            gathering = _Gathering(client_id, now, loop.create_task(play()))
            self._gatherings[action] = gathering
        elif client_id != gathering.first:
            await self._join(gathering.first, client_id)
        await asyncio.shield(gathering.playing)
