"""Our side: the core alone, in a process of its own, on prepared blocks, so that no decoding is measured.

    python -m devtools.bench.ours [--burst SECONDS] [--feeds COUNT] [--watch-loop]

Prints the port; then obeys the lines of its standard input and answers each with a line of JSON (`_COMMANDS`).
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
import json
from pathlib import Path
import sys
import time

import numpy as np

from core.channel import FeedId
from core.formats import STEREO, Block, StreamFormat
from core.media.media_stream import FeedChoice, MediaStream
from core.media.request import MediaRequest
from core.media.source import Passage, SourceInfo
from core.server.clock import MonotonicClock
from core.server.runner import PoolRunner
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.units import ClientId, GroupId

from .loop_watch import LoopWatch
from .music import RATE, feed_index, make_music
from .unpaced import lift_limits

_POLL_S = 0.02
_GROUP = GroupId("all")


class MusicSource:
    """Prepared music, again and again, or for some seconds."""

    def __init__(self, music: Block, seconds: float | None = None) -> None:
        self._music = music
        self._end = None if seconds is None else int(seconds * RATE)
        self._next = 0

    def open(self) -> SourceInfo:
        """Tell what it is."""
        return SourceInfo(sample_rate=RATE, layout=STEREO, is_seekable=True)

    def start(self, mix_rate: int, position_us: int) -> None:
        """Begin; at its own rate, for nothing here is to resample."""
        assert mix_rate == RATE
        self.seek(position_us)

    def read(self, frame_count: int) -> Passage | None:
        """Return the next frames: a view of what is there."""
        if self._end is not None:
            frame_count = min(frame_count, self._end - self._next)
        if frame_count <= 0:
            return None
        begin = self._next % len(self._music)
        block = self._music[begin : begin + frame_count]
        self._next += len(block)
        return Passage(block, STEREO)

    def seek(self, position_us: int) -> None:
        """Go on elsewhere."""
        self._next = position_us * RATE // 1_000_000

    def close(self) -> None:
        """Do nothing: nothing is held."""


def make_stream(music: Block, feeds: Sequence[Block], seconds: float | None = None) -> MediaStream:
    """Return a medium: all players hear the music, or the feeds, if there are any, going round."""

    def choose(client_id: ClientId, _stream_format: StreamFormat, position_us: int) -> FeedChoice:
        return FeedChoice(FeedId(f"feed-{feed_index(client_id, len(feeds))}"), position_us)

    return MediaStream(
        main=MusicSource(music, seconds),
        feeds={FeedId(f"feed-{number}"): MusicSource(feed, seconds) for number, feed in enumerate(feeds)},
        player_channel=choose if feeds else None,
    )


class Service:
    """What it can be told."""

    def __init__(self, server: ResonateServer, seconds: float | None, watch: LoopWatch, feed_count: int = 0) -> None:
        self._server = server
        self._seconds = seconds
        self._watch = watch
        self._music, *self._feeds = (_samples(seed) for seed in range(1, 2 + feed_count))
        server.create_group("All", _GROUP)

    async def obey(self, line: str) -> object:
        """Do what a line says; return the answer."""
        word, *arguments = line.split()
        return await _COMMANDS[word](self, *arguments)

    async def wait(self, count: str) -> object:
        """Wait for so many players that can be played to."""
        while sum(client.can_set_volume for client in self._server.snapshot.clients.values()) < int(count):
            await asyncio.sleep(_POLL_S)
        return {}

    async def gather(self, count: str) -> object:
        """Put the first so many players into the group; tell when that began."""
        await self.wait(count)
        began_us = _now_us()
        for client_id in sorted(self._server.snapshot.clients)[: int(count)]:
            await self._server.move(client_id, _GROUP)
        return {"at_us": began_us}

    async def join(self, client_id: str) -> object:
        """Put a player into the group; tell when."""
        at_us = _now_us()
        await self._server.move(ClientId(client_id), _GROUP)
        return {"at_us": at_us}

    async def leave(self, client_id: str) -> object:
        """Take a player out of the group."""
        await self._server.move(ClientId(client_id), None)
        return {}

    async def play(self, path: str = "") -> object:
        """Play the music, or a file; tell when."""
        request = MediaRequest(location=Path(path), media_id="file")
        if not path:
            request = MediaRequest(media_id="music", stream=make_stream(self._music, self._feeds, self._seconds))
        at_us = _now_us()
        await self._server.play(_GROUP, [request])
        return {"at_us": at_us}

    async def seek(self, position_us: str) -> object:
        """Go on elsewhere; tell when."""
        at_us = _now_us()
        await self._server.seek(_GROUP, int(position_us))
        return {"at_us": at_us}

    async def callbacks(self) -> object:
        """Tell what the loop's callbacks cost since the last time."""
        return self._watch.take()


_COMMANDS: dict[str, Callable[..., Awaitable[object]]] = {
    "wait": Service.wait,
    "gather": Service.gather,
    "join": Service.join,
    "leave": Service.leave,
    "play": Service.play,
    "seek": Service.seek,
    "callbacks": Service.callbacks,
}


def _samples(seed: int) -> Block:
    return make_music(seed).astype(np.float32) / np.float32(32768)


def _now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000


async def main(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    watch = LoopWatch()
    if options.watch_loop:
        watch.install()
    if options.burst is not None:
        lift_limits()
    loop = asyncio.get_running_loop()
    render, media = PoolRunner(2, "render"), PoolRunner(8, "media")  # as in Home Assistant
    settings = ServerSettings(server_id="bench", name="Bench", host="127.0.0.1", port=0)
    server = ResonateServer(settings, clock=MonotonicClock(), render=render, media=media)
    service = Service(server, options.burst, watch, options.feeds)
    await server.start()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"port": server.port}), flush=True)
    while line := await lines.readline():
        print(json.dumps(await service.obey(line.decode())), flush=True)
    await server.close()
    for pool in (render, media):
        await loop.run_in_executor(None, pool.close)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--burst", type=float, help="lift every limit on how far ahead is sent; so many seconds")
    parser.add_argument("--feeds", type=int, default=0, help="players hear so many feeds, going round")
    parser.add_argument("--watch-loop", action="store_true", help="measure every callback of the loop")
    asyncio.run(main(parser.parse_args()))
