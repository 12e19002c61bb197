"""Which clients a named group is for, and who of them was taken elsewhere while it plays."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ..units import ClientId, GroupId


@dataclass(slots=True)
class _Roster:
    client_ids: tuple[ClientId, ...]
    excused: set[ClientId] = field(default_factory=set)
    """Taken elsewhere since it began to play: the last command wins."""


class Rosters:
    """The rosters of all named groups that have one; plain data, nobody is moved here. On the loop."""

    def __init__(self) -> None:
        """Know none."""
        self._rosters: dict[GroupId, _Roster] = {}
        """In the order in which they began to play last."""

    def __contains__(self, group_id: GroupId) -> bool:
        """Whether the group has one: it holds its clients only while it plays."""
        return group_id in self._rosters

    def define(
        self, group_id: GroupId, client_ids: Collection[ClientId], excused: Collection[ClientId] = ()
    ) -> Collection[ClientId]:
        """Set whom a group is for; return who no longer belongs to it. `excused` counts for who is new to it."""
        before = self._rosters.get(group_id)
        if before is None:
            self._rosters[group_id] = _Roster(tuple(client_ids), set(excused).intersection(client_ids))
            return ()
        dropped = set(before.client_ids).difference(client_ids)
        before.excused |= set(excused).difference(before.client_ids)
        before.client_ids = tuple(client_ids)
        before.excused.intersection_update(client_ids)
        return dropped

    def drop(self, group_id: GroupId) -> None:
        """Forget a group's roster, if it has one."""
        self._rosters.pop(group_id, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._rosters.clear()

    def begin(self, group_id: GroupId) -> None:
        """Take note that a group is to play with all that it is for, wherever they were taken before."""
        if (roster := self._rosters.pop(group_id, None)) is not None:
            roster.excused.clear()
            self._rosters[group_id] = roster

    def members(self, group_id: GroupId) -> tuple[ClientId, ...]:
        """Return whom a group is for; nobody when it has no roster."""
        return () if (roster := self._rosters.get(group_id)) is None else roster.client_ids

    def wanted(self, group_id: GroupId) -> tuple[ClientId, ...]:
        """Return who is to hear what a group plays: those it is for, but for those who were taken elsewhere."""
        roster = self._rosters.get(group_id)
        return () if roster is None else tuple(it for it in roster.client_ids if it not in roster.excused)

    def excused(self, group_id: GroupId) -> tuple[ClientId, ...]:
        """Return who was taken elsewhere of those that a group is for."""
        roster = self._rosters.get(group_id)
        return () if roster is None else tuple(it for it in roster.client_ids if it in roster.excused)

    def wanting(self, client_id: ClientId) -> Iterator[GroupId]:
        """Yield the groups that want a client, if they play; the one that began last first."""
        for group_id, roster in reversed(self._rosters.items()):
            if client_id in roster.client_ids and client_id not in roster.excused:
                yield group_id

    def moved(self, client_id: ClientId, group_id: GroupId) -> None:
        """Take note that a client was put into a group: no other one is to take it back by itself."""
        for other_id, roster in self._rosters.items():
            if client_id not in roster.client_ids:
                continue
            if other_id == group_id:
                roster.excused.discard(client_id)
            else:
                roster.excused.add(client_id)
