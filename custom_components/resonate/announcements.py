"""Announcements: heard in between, by all targets of an action at the same instant."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from .bridge import Bridge
from .core.units import ClientId, GroupId
from .late_media import LateMedia
from .media import MediaOrder
from .spawning import Spawn, async_wait_for


@dataclass(slots=True)
class _Announcement:
    targets: list[ClientId | GroupId]
    is_open_to_others: bool = True
    """Until its medium is found."""
    making: asyncio.Task[None] = field(init=False)


class Announcer:
    """Collects the targets that an action reaches one after another. Home Assistant's loop only."""

    def __init__(self, bridge: Bridge, late_media: LateMedia, spawn: Spawn) -> None:
        """Nothing is being announced. `spawn` begins nothing before the loop's next turn."""
        self._bridge = bridge
        self._late_media = late_media
        self._spawn = spawn
        self._announcements: dict[Hashable, _Announcement] = {}

    async def async_announce(self, action: Hashable, target: ClientId | GroupId, order: MediaOrder) -> None:
        """Let a target's group hear a medium in between; return when it is about to be heard.

        Targets of one `action`, None: none, hear it at the same instant. Raises what finding and playing it raises.
        """
        key = (action, order.media_id)
        announcement = self._announcements.get(key)
        if action is not None and announcement is not None and announcement.is_open_to_others:
            announcement.targets.append(target)
        else:
            announcement = self._announcements[key] = _Announcement([target])
            making = self._async_make(announcement, key, order)
            announcement.making = self._spawn(making, "resonate announcement")
        await async_wait_for(announcement.making)

    async def _async_make(self, announcement: _Announcement, key: Hashable, order: MediaOrder) -> None:
        try:
            requests = await self._late_media.async_requests(order)
        finally:
            announcement.is_open_to_others = False
            if self._announcements.get(key) is announcement:
                del self._announcements[key]
        targets = tuple(announcement.targets)
        await self._bridge.async_ask(lambda server: server.interject(targets, requests))
