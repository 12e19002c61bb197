"""Sleep timers: what plays becomes quieter, and is paused."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
import logging
from typing import Final

from .bridge import Bridge
from .core.errors import ResonateError
from .core.server.server import ResonateServer
from .core.units import ClientId, GroupId
from .spawning import Spawn

_LOGGER = logging.getLogger(__name__)

STEP_S: Final = 1.0
"""Between two volumes: no step of a fade of half a minute is to be heard."""


class SleepTimers:
    """One for each group at most. Home Assistant's loop only."""

    def __init__(self, bridge: Bridge, spawn: Spawn) -> None:
        """`spawn` runs a coroutine in the background, and lets it end with everything."""
        self._bridge = bridge
        self._spawn = spawn
        self._timers: dict[GroupId, asyncio.Event] = {}
        """Set to end one early."""
        self._before: dict[GroupId, Mapping[ClientId, int]] = {}
        """The volumes of those that are being made quieter, as they were."""

    async def async_set(self, target: ClientId | GroupId, duration_s: float, *, fade_s: float) -> None:
        """Pause a group after a time, and make it quieter at the end of that. Raises UnknownTargetError."""
        group_id = await self._async_group_of(target)
        self._end(group_id)
        ended = self._timers[group_id] = asyncio.Event()
        self._spawn(self._async_run(group_id, ended, duration_s, fade_s), "resonate sleep timer")

    async def async_clear(self, target: ClientId | GroupId) -> None:
        """End the timer of a group, if it has one, and put its volumes back."""
        with suppress(ResonateError):
            self._end(await self._async_group_of(target))

    async def async_close(self) -> None:
        """End all timers, and put the volumes back: nobody would do it later."""
        for group_id in tuple(self._timers):
            self._end(group_id)
        for volumes in tuple(self._before.values()):
            await self._async_set_volumes(volumes)

    def _end(self, group_id: GroupId) -> None:
        if (timer := self._timers.pop(group_id, None)) is not None:
            timer.set()

    async def _async_group_of(self, target: ClientId | GroupId) -> GroupId:
        return await self._bridge.async_call(lambda server: server.group_id_of(target))

    async def _async_run(self, group_id: GroupId, ended: asyncio.Event, duration_s: float, fade_s: float) -> None:
        volumes: Mapping[ClientId, int] = {}
        try:
            if await _passes(duration_s - fade_s, ended):
                volumes = await self._bridge.async_call(lambda server: _volumes(server, group_id))
                self._before[group_id] = volumes
                if await self._async_fade(volumes, fade_s, ended):
                    await self._bridge.async_ask(lambda server: server.pause(group_id))
                    await _passes(STEP_S, ended)  # until no player plays what it holds: not even its last would be loud
        except ResonateError as error:
            _LOGGER.debug("A sleep timer ended by itself: %s", error)
        finally:
            if self._timers.get(group_id) is ended:
                del self._timers[group_id]
            if self._before.get(group_id) is volumes:
                del self._before[group_id]
            await self._async_set_volumes(volumes)

    async def _async_fade(self, volumes: Mapping[ClientId, int], fade_s: float, ended: asyncio.Event) -> bool:
        """Let volumes go down to nothing; return False when it was ended before."""
        step_count = max(1, round(fade_s / STEP_S))
        for step in range(1, step_count + 1):
            if not await _passes(fade_s / step_count, ended):
                return False
            if fade_s:
                share = 1 - step / step_count
                await self._async_set_volumes({key: round(volume * share) for key, volume in volumes.items()})
        return True

    async def _async_set_volumes(self, volumes: Mapping[ClientId, int]) -> None:
        for client_id, volume in volumes.items():
            with suppress(ResonateError):  # it is away by now
                await self._bridge.async_ask(partial(_set_volume, client_id=client_id, volume=volume))


async def _passes(seconds: float, ended: asyncio.Event) -> bool:
    """Return True after a time, or False as soon as it is ended."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await ended.wait()
    except TimeoutError:
        return True
    return False


async def _set_volume(server: ResonateServer, *, client_id: ClientId, volume: int) -> None:
    await server.set_volume(client_id, volume)


def _volumes(server: ResonateServer, group_id: GroupId) -> dict[ClientId, int]:
    snapshot = server.snapshot
    group = snapshot.groups.get(group_id)
    members = () if group is None else (snapshot.clients[client_id] for client_id in group.members)
    return {it.client_id: it.volume for it in members if it.can_set_volume and it.volume is not None}
