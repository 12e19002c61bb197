"""group/update, S>C: which group a client is in and whether it plays (protocol.md 5, 18.5)."""

from ...units import GroupId
from .envelope import serialise
from .text import sendable


def group_update(*, is_playing: bool, group_id: GroupId, name: str) -> str:
    """Return the message, all three fields in it; there is no word for a paused group."""
    return serialise(
        "group/update",
        {
            "playback_state": "playing" if is_playing else "stopped",
            "group_id": group_id,
            "group_name": sendable(name),
        },
    )
