"""client/time, C>S, and server/time, S>C: the exchange that clients find our clock with (protocol.md 7.1)."""

from dataclasses import dataclass

from ...errors import RemoteProtocolError
from ...units import ServerTimeUs
from .envelope import JsonObject, serialise
from .fields import is_number
from .text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTime:
    """A client asks for the time."""

    client_transmitted: float | str
    """T1, µs of the client's clock: negative, huge, or a decimal string, it is echoed as it came. An integer beyond
    64 bits comes back as the nearest double."""


def parse_client_time(payload: JsonObject) -> ClientTime:
    """Return the question. Raises RemoteProtocolError when there is no number in it."""
    value = payload.get("client_transmitted")
    if not is_number(value):
        raise RemoteProtocolError(f"client/time.client_transmitted is {shown(value)}")
    return ClientTime(client_transmitted=value)


def server_time(request: ClientTime, *, received: ServerTimeUs, transmitted: ServerTimeUs) -> str:
    """Return the answer: T1 as it came, T2 and T3 of our clock."""
    return serialise(
        "server/time",
        {
            "client_transmitted": request.client_transmitted,
            "server_received": received,
            "server_transmitted": transmitted,
        },
    )
