"""What a loop of its own buys: the error of clock replies while Home Assistant's loop stalls.

    python -m devtools.bench.clock_replies [--players 16] [--seconds 30]

Sixteen players hear FLAC and ask for the time ten times a second each, while the main thread's loop, which stands for
Home Assistant's, stands still for 100 ms every second: asleep (as in a slow call that lets other threads run) or busy
in pure Python. Once the server runs on that very loop, once on a loop of its own, as in Home Assistant.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import threading
import time
from typing import Final

from core.formats import STEREO
from core.media.generated import ToneSource
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.server.clock import MonotonicClock
from core.server.runner import PoolRunner
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.units import ClientId, GroupId

from . import processes
from .wire import Format

STALL_S: Final = 0.1
EVERY_S: Final = 1.0
_WARM_UP_S: Final = 5.0
CASES: Final = (
    ("no stall", "own"),
    ("no stall", "shared"),
    ("asleep", "own"),
    ("asleep", "shared"),
    ("busy", "own"),
    ("busy", "shared"),
)


@asynccontextmanager
async def serving(players: int) -> AsyncIterator[int]:
    """Serve a tone to as many players as come; yield the port. On whatever loop this runs."""
    render, media = PoolRunner(2, "render"), PoolRunner(4, "media")
    settings = ServerSettings(server_id="bench", name="Bench", host="127.0.0.1", port=0)
    server = ResonateServer(settings, clock=MonotonicClock(), render=render, media=media)
    await server.start()
    try:
        group = server.create_group("all", GroupId("all"))
        tone = MediaStream(main=ToneSource(layout=STEREO))
        await server.play(group, [MediaRequest(media_id="tone", stream=tone)])

        async def gather() -> None:
            for number in range(players):
                client_id = ClientId(f"bench-{number:03}")
                while client_id not in server.snapshot.clients:
                    await asyncio.sleep(0.05)
                await server.move(client_id, group)

        gathering = asyncio.create_task(gather())
        assert server.port is not None
        yield server.port
        gathering.cancel()
    finally:
        await server.close()
        await asyncio.get_running_loop().run_in_executor(None, render.close)
        await asyncio.get_running_loop().run_in_executor(None, media.close)


async def stall(how: str) -> None:
    """Hold this loop for a tenth of every second."""
    while True:
        await asyncio.sleep(EVERY_S - STALL_S)
        until = time.monotonic() + STALL_S
        if how == "asleep":
            time.sleep(STALL_S)  # noqa: ASYNC251 - that is the point
        elif how == "busy":
            while time.monotonic() < until:
                pass


class OwnLoop(threading.Thread):
    """The server on a loop and thread of its own."""

    def __init__(self, players: int) -> None:
        super().__init__(daemon=True)
        self.port = 0
        self.ready = threading.Event()
        self._players = players
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self) -> None:
        """Serve until `stop`."""
        self._loop.run_until_complete(self._serve())

    def stop(self) -> None:
        """End it. Blocking."""
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    async def _serve(self) -> None:
        async with serving(self._players) as port:
            self.port = port
            self.ready.set()
            await self._over.wait()


async def measure(how: str, loop: str, players: int, seconds: float) -> dict[str, object]:
    """Return what the players of one case report."""
    stalling = asyncio.create_task(stall(how))
    try:
        if loop == "shared":
            async with serving(players) as port:
                return await watch(port, players, seconds)
        own = OwnLoop(players)
        own.start()
        await asyncio.get_running_loop().run_in_executor(None, own.ready.wait)
        try:
            return await watch(own.port, players, seconds)
        finally:
            await asyncio.get_running_loop().run_in_executor(None, own.stop)
    finally:
        stalling.cancel()


async def watch(port: int, players: int, seconds: float) -> dict[str, object]:
    """Let players come from another process, and return what they say."""
    async with processes.players(port, players, [Format("flac")], ask_every_s=0.1) as peer:
        await asyncio.sleep(_WARM_UP_S)
        peer.tell("reset")
        await asyncio.sleep(seconds)
        return await peer.ask("report")


async def main(options: argparse.Namespace) -> None:
    """Measure every case and print a line of JSON for each."""
    for how, loop in CASES:
        report = await measure(how, loop, options.players, options.seconds)
        kept = {key: report[key] for key in ("error_us", "replies", "late", "gaps")}
        print(json.dumps({"stall": how, "loop": loop} | kept), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    asyncio.run(main(parser.parse_args()))
