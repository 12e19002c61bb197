"""What the server is told when it is made."""

from dataclasses import dataclass
from typing import Final

from ..stream.policy import SendPolicy

DEFAULT_PORT: Final = 8927  # protocol.md 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server presents itself and where it listens."""

    server_id: str
    """Stable for good: clients remember the server they played for by it."""
    name: str
    """Shown on clients that show such things."""
    host: str | None = None
    """Address to listen at, and loopback; None: all, IPv4 and IPv6."""
    port: int = DEFAULT_PORT
    """0: any free one."""
    allow_port_fallback: bool = True
    """Whether to take the next free port when the wanted one is taken; `ResonateServer.port` tells."""
    policy: SendPolicy = SendPolicy.BALANCED
    """How far ahead groups send."""
