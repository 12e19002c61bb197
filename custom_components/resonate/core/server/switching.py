"""Which group a client goes to when it asks for another one (protocol.md 9.5)."""

from ..units import ClientId, GroupId
from .snapshot import PlaybackState, ServerSnapshot

_PLAYING_STATES = (PlaybackState.PLAYING, PlaybackState.BUFFERING)


def next_group(client_id: ClientId, picture: ServerSnapshot, before: GroupId | None = None) -> GroupId | None:
    """Return the group to go to; None: one of its own; the one that it is in when there is no other.

    Alone, it goes back to `before`, the group that it stepped aside from. Otherwise there come, over and over: playing
    groups of several, those of a single player, and for a player a group of its own, each by id. Where it is it does
    not count as a member: its own coming and going would put the groups into another order each time.
    """
    client = picture.clients[client_id]
    here = client.group_id
    others = [member for member in picture.groups[here].members if member != client_id]
    if before is not None and before in picture.groups and not others:
        return before
    is_by_itself = client.is_player and not any(picture.clients[member].is_player for member in others)
    stops = [*_joinable(client_id, picture), *((None,) if client.is_player else ())]
    if not stops:
        return here
    at = stops.index(here) if here in stops else len(stops) - 1 if is_by_itself else -1
    following = stops[(at + 1) % len(stops)]
    return here if following is None and is_by_itself else following


def _joinable(client_id: ClientId, picture: ServerSnapshot) -> list[GroupId]:
    """Return the groups that play and have somebody else in them, in the order in which they come."""
    several, single = [], []
    for group_id, group in sorted(picture.groups.items()):
        others = [member for member in group.members if member != client_id]
        if group.state not in _PLAYING_STATES:
            continue
        if len(others) > 1:
            several.append(group_id)
        elif others and picture.clients[others[0]].is_player:
            single.append(group_id)
    return several + single
