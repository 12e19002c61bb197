"""Real processes on loopback: the core served by script/serve, and real client libraries that play what it sends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from .processes import ROOT, JsonProcess
from .real_clients import Library, RealPlayer, WireFormat

SERVE = ROOT / "script" / "serve"


class Server(JsonProcess):
    """A running script/serve."""

    def __init__(self, media: tuple[Path, ...], options: tuple[str, ...], folder: Path) -> None:
        """Start it on a free port and wait until it listens."""
        super().__init__([SERVE, *media, "--port", "0", "--json", "--control", *options], folder, "serve")
        port = self.wait_for_ready()
        self.url = f"ws://127.0.0.1:{port}/sendspin"

    def wait_for_ready(self) -> int:
        """Return the port once it listens."""
        return int(self.wait_for(None, ready=True)["port"])

    def do(self, command: str, **arguments: object) -> None:
        """Have a command done."""
        since = len(self.events)
        self.send(do=command, **arguments)
        self.wait_for("done", since=since)


class StartServer(Protocol):
    """Start a server that plays these media."""

    def __call__(self, *media: Path, options: tuple[str, ...] = ()) -> Server:
        """Return it once it listens."""


class StartPlayer(Protocol):
    """Start a player of a real library."""

    def __call__(
        self,
        library: Library,
        *formats: WireFormat,
        url: str | None = None,
        port: int = 0,
        client_id: str = "player",
    ) -> RealPlayer:
        """Return it: it connects to `url`, or waits on `port` (0: any) to be dialled."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers; at the end each must stop cleanly within a second and without a traceback."""
    servers: list[Server] = []

    def start(*media: Path, options: tuple[str, ...] = ()) -> Server:
        servers.append(Server(media, options, tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        status = server.stop(timeout=1.5)  # promised is a second; this machine may be busy
        assert status == 0
        assert "Traceback" not in server.complaints()


@pytest.fixture
def player(tmp_path: Path) -> Iterator[StartPlayer]:
    """Start players; at the end no library may have complained about what it was sent."""
    players: list[RealPlayer] = []

    def start(
        library: Library,
        *formats: WireFormat,
        url: str | None = None,
        port: int = 0,
        client_id: str = "player",
    ) -> RealPlayer:
        listed = formats or (WireFormat(),)
        players.append(RealPlayer(library, listed, tmp_path, client_id=client_id, url=url, port=port))
        return players[-1]

    yield start
    for started in players:
        started.kill()
    assert [told for started in players for told in started.warnings()] == []
