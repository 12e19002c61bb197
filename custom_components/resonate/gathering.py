"""One action that reaches several of our players plays as one group, in step."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Coroutine, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from homeassistant.core import callback

from .bridge import Bridge
from .core.errors import ResonateError, UnknownTargetError
from .core.server.server import ResonateServer
from .core.server.snapshot import GroupSnapshot, PlaybackState, ServerSnapshot
from .core.units import ClientId, GroupId
from .spawning import Spawn, async_wait_for

GATHER_WINDOW_S: Final = 0.15
"""How long after the first target of an action others of the same action still join it."""

type Party = tuple[ClientId, ...]
"""Clients that were in one group of their own."""

type Target = ClientId | GroupId
"""A player, or a named group."""

type Play = Callable[[Target, Callable[[ResonateServer], Awaitable[None]]], Coroutine[object, object, None]]
"""Plays on a target; what it is given too is to be called on the core's loop once the medium is open."""


@dataclass(slots=True)
class _Gathering:
    host: Target
    """In whose group all come together: the first, or the first named group, so that it is seen to play."""
    begun_at: float
    others: list[Target] = field(default_factory=list)
    """Who came by the time the medium was open; read on the core's loop."""
    parties: dict[GroupId, list[Party]] = field(default_factory=dict)
    """Who was in which group, and then who came into it; written on the core's loop."""
    playing: asyncio.Task[None] = field(init=False)

    async def play_by(self, play: Play, named: Container[Target]) -> None:
        """Have `play` called. Targets that Home Assistant calls at once are known by the time this runs."""
        if self.host not in named and (group := next((it for it in self.others if it in named), None)) is not None:
            self.others[self.others.index(group)], self.host = self.host, group
        await play(self.host, self.gather)

    async def gather(self, server: ResonateServer) -> None:
        """Move all others into the group of the host. On the core's loop."""
        for target in tuple(self.others):
            with suppress(UnknownTargetError):  # forgotten meanwhile
                group = _group_of(server.snapshot, self.host)
                others = _group_of(server.snapshot, target)
                # Those of a named group may be there already, though it says that it would gather them.
                guests = [it for it in server.audience(others.group_id) if it not in group.members]
                if others.group_id != group.group_id and guests:
                    # Those of a named group have only that in common: afterwards each is by itself again.
                    parties = [(guest,) for guest in guests] if others.is_named else [tuple(guests)]
                    self.parties.setdefault(group.group_id, [group.members]).extend(parties)
                    await server.join(group.group_id, guests)


class Gatherer:
    """Makes one group of the players that an action reaches one after another, for as long as that plays.

    Home Assistant's loop only.
    """

    def __init__(self, bridge: Bridge, spawn: Spawn, named: Container[Target]) -> None:
        """`spawn` begins nothing before the loop's next turn; `named` says at any time who is a named group."""
        self._bridge = bridge
        self._spawn = spawn
        self._named = named
        self._gatherings: dict[Hashable, _Gathering] = {}
        self._parties: dict[GroupId, list[Party]] = {}
        """Who was in a group when an action brought others into it, and those: they are to part again."""
        self._parting: set[GroupId] = set()
        self._snapshot = ServerSnapshot()

    @property
    def parties(self) -> Mapping[GroupId, Sequence[Party]]:
        """Who was in a group before an action brought others into it, and then those, as they came."""
        return self._parties

    async def async_play(self, action: Hashable, target: Target, play: Play) -> None:
        """Have `play` called for one target of `action`, and let the others join that one.

        Nobody is moved for a medium that cannot be opened. Returns or raises for each target what became of it.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._gatherings = {
            key: gathering for key, gathering in self._gatherings.items() if now - gathering.begun_at <= GATHER_WINDOW_S
        }
        if (gathering := self._gatherings.get(action)) is None:
            gathering = self._gatherings[action] = _Gathering(target, now)
            gathering.playing = self._spawn(gathering.play_by(play, self._named), "resonate play")
            await async_wait_for(gathering.playing)
            return
        gathering.others.append(target)
        await async_wait_for(gathering.playing)
        await self._bridge.async_ask(gathering.gather)  # too late to be there when it was opened, maybe
        for group_id, (home, *guests) in tuple(gathering.parties.items()):  # the core may be adding others
            known = self._parties.setdefault(group_id, [home])
            known += [guest for guest in guests if guest not in known]
        self.update(self._snapshot)  # it may be over

    @callback
    def release(self, targets: Collection[Target]) -> None:
        """Leave clients where they are from now on: somebody has said where they belong."""
        for parties in self._parties.values():
            parties[:] = [tuple(it for it in party if it not in targets) for party in parties]

    @callback
    def update(self, snapshot: ServerSnapshot) -> None:
        """Let those part who were brought together, where what brought them together has ended."""
        self._snapshot = snapshot
        for group_id in set(self._parties) - self._parting:
            group = snapshot.groups.get(group_id)
            if group is None or group.state is PlaybackState.IDLE:
                self._parting.add(group_id)
                self._spawn(self._async_part(group_id), "resonate part")

    async def _async_part(self, group_id: GroupId) -> None:
        parties = tuple(self._parties[group_id])
        is_done = True  # by itself, if there is no core any more
        with suppress(ResonateError):
            is_done = await self._bridge.async_ask(partial(_part_when_idle, group_id=group_id, parties=parties))
        self._parting.discard(group_id)
        if is_done:
            self._parties.pop(group_id)


async def _part_when_idle(server: ResonateServer, *, group_id: GroupId, parties: Sequence[Party]) -> bool:
    """Let those who came leave, each party together; False when there is still something to be heard.

    Those who were there before leave too if somebody is there by now who did not come by an action.
    """
    group = server.snapshot.groups.get(group_id)
    if group is None:
        return True
    if group.state is not PlaybackState.IDLE:
        return False
    if group.is_named:  # which has let go of all by itself
        await _reunite(server, parties[1:])
        return True
    is_for_others = bool(set(group.members).difference(*parties))
    for party in parties if is_for_others else parties[1:]:
        present = [client_id for client_id in party if client_id in group.members]
        if present:
            await server.join(await server.move(present[0], None), present[1:])
    return True


async def _reunite(server: ResonateServer, parties: Sequence[Party]) -> None:
    """Put parties together again, as far as they are nowhere else by now."""
    for party in parties:
        snapshot = server.snapshot
        alone = [it for it in party if it in snapshot.clients and _group_of(snapshot, it).members == (it,)]
        if len(alone) > 1:
            await server.join(alone[0], alone[1:])


def _group_of(snapshot: ServerSnapshot, target: Target) -> GroupSnapshot:
    if (group := snapshot.groups.get(GroupId(target))) is not None:
        return group
    try:
        return snapshot.groups[snapshot.clients[ClientId(target)].group_id]
    except KeyError:
        raise UnknownTargetError(f"no client or group {target}") from None
