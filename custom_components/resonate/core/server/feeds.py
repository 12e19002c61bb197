"""Which feed each player's channel reads, so that equal sounds are one channel and nothing switches needlessly."""

from collections.abc import Iterable, Mapping

from ..channel import MAIN_FEED, FeedId
from ..units import ClientId, TrackId

type Sides = frozenset[TrackId]
"""The sides that a player hears in the place of the tracks they lie beside; all other tracks it hears themselves."""


def assign_feeds(heard: Mapping[ClientId, Sides], before: Mapping[ClientId, FeedId]) -> dict[ClientId, FeedId]:
    """Return a feed for each player: the same for players that hear the same, and the one it had where that can be.

    Who hears no side reads the main feed, unless it has read another one `before`: to switch would cost it a new start
    for nothing. So feeds only ever split, they do not merge.
    """
    sides_by_feed: dict[FeedId, Sides] = {MAIN_FEED: frozenset()}
    feeds: dict[ClientId, FeedId] = {}
    # Those first that have a feed: who is new joins them.
    for player_id in sorted(heard, key=lambda player_id: player_id not in before):
        sides, kept = heard[player_id], before.get(player_id)
        if kept is not None and sides_by_feed.setdefault(kept, sides) == sides:
            feeds[player_id] = kept
            continue
        feed = next((feed for feed, others in sides_by_feed.items() if others == sides), None)
        feeds[player_id] = _unused({*sides_by_feed, *before.values()}) if feed is None else feed
        sides_by_feed[feeds[player_id]] = sides
    return feeds


def feeds_by_side(
    heard: Mapping[ClientId, Sides], feeds: Mapping[ClientId, FeedId]
) -> dict[TrackId, frozenset[FeedId]]:
    """Return which feeds hear each side that somebody hears."""
    found: dict[TrackId, set[FeedId]] = {}
    for player_id, sides in heard.items():
        for track_id in sides:
            found.setdefault(track_id, set()).add(feeds[player_id])
    return {track_id: frozenset(names) for track_id, names in found.items()}


def _unused(taken: Iterable[FeedId]) -> FeedId:
    number = 1
    while (feed := FeedId(f"feed {number}")) in taken:
        number += 1
    return feed
