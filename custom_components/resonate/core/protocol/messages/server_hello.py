"""server/hello, S>C, once, and server/error, S>C, in its place (protocol.md 18.3, 1.3, 3.8)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from .client_hello import Role
from .envelope import serialise
from .text import sendable

VERSION: Final = 1


class ConnectionReason(StrEnum):
    """Why the connection is there; cannot change while it lasts."""

    DISCOVERY = "discovery"
    PLAYBACK = "playback"
    """Dialled in order to play, or the client's group plays: takes the client from an idle server."""


class RefusalReason(StrEnum):
    """Why a client is turned away."""

    UNSUPPORTED_VERSION = "unsupported_version"
    MALFORMED = "malformed"


def server_hello(*, server_id: str, name: str, reason: ConnectionReason, active_roles: Sequence[Role]) -> str:
    """Return our introduction: all five fields, since clients drop the connection when one is missing."""
    return serialise(
        "server/hello",
        {
            "server_id": server_id,
            "name": sendable(name),
            "version": VERSION,
            "connection_reason": reason.value,
            "active_roles": [role.value for role in active_roles],
        },
    )


def server_error(reason: RefusalReason) -> str:
    """Return what is said before a connection that never was one is closed."""
    return serialise("server/error", {"reason": reason.value})
