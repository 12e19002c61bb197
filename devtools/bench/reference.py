"""The reference's side: aiosendspin in a process of its own, fed by a 25 ms producer as its own `serve` command does.

    .envs/bench/bin/python -m devtools.bench.reference [--burst SECONDS] [--feeds COUNT]

The producer prepares, commits and then sleeps until no more than 5 s are ahead; in a burst it never sleeps. Prints the
port; then obeys the lines of its standard input, the few that comparing needs, as `ours` does.
"""

import argparse
import asyncio
from collections.abc import Coroutine
import json
import logging
import sys
from uuid import UUID

from aiosendspin.noise import Identity, InMemoryServerPairingStore
from aiosendspin.server import AudioFormat, ClientAddedEvent, SendspinEvent, SendspinGroup, SendspinServer
from aiosendspin.server.channels import MAIN_CHANNEL

from .music import RATE, feed_index, make_music

_BLOCK_FRAMES = RATE // 40
_MAX_BUFFER_US = 5_000_000
_POLL_S = 0.02


class Service:
    """One group of every client, and what is pushed to it."""

    def __init__(self, server: SendspinServer, seconds: float | None, feed_count: int = 0) -> None:
        self._server = server
        self._seconds = seconds
        self._group: SendspinGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._channels = [UUID(int=number) for number in range(1, 1 + feed_count)] or [MAIN_CHANNEL]
        self._blocks = {channel: _blocks(1 + channel.int) for channel in self._channels}
        server.add_event_listener(self._happened)

    def _happened(self, server: SendspinServer, event: SendspinEvent) -> None:
        if not isinstance(event, ClientAddedEvent):
            return
        client = server.get_client(event.client_id)
        assert client is not None
        if self._group is None:
            self._group = client.group
        else:
            self._spawn(self._group.add_client(client))

    async def obey(self, line: str) -> object:
        """Do what a line says; return the answer."""
        match line.split():
            case ["gather", count]:
                while self._group is None or len(self._group.clients) < int(count):
                    await asyncio.sleep(_POLL_S)
            case ["play"]:
                assert self._group is not None
                self._spawn(self._push(self._group))
        return {}

    async def _push(self, group: SendspinGroup) -> None:
        channels = self._channels
        stream = group.start_stream(channel_resolver=lambda client_id: channels[feed_index(client_id, len(channels))])
        audio_format = AudioFormat(sample_rate=RATE, bit_depth=16, channels=2)
        most = None if self._seconds is None else round(self._seconds * RATE / _BLOCK_FRAMES)
        done = 0
        while done != most:
            for channel, blocks in self._blocks.items():
                stream.prepare_audio(blocks[done % len(blocks)], audio_format, channel_id=channel)
            await stream.commit_audio()
            done += 1
            if most is None:
                await stream.sleep_to_limit_buffer(max_buffer_us=_MAX_BUFFER_US)
            else:
                await asyncio.sleep(0)  # a commit need not wait for anything

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _blocks(seed: int) -> list[bytes]:
    music = make_music(seed)
    return [music[at : at + _BLOCK_FRAMES].tobytes() for at in range(0, len(music), _BLOCK_FRAMES)]


async def main(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    logging.disable(logging.WARNING)  # every client in cleartext is one
    loop = asyncio.get_running_loop()
    server = SendspinServer(
        loop, Identity.generate(), "Bench", pairing_store=InMemoryServerPairingStore(), allow_unencrypted=True
    )
    service = Service(server, options.burst, options.feeds)
    await server.start_server(port=options.port, host="127.0.0.1", advertise_addresses=[], discover_clients=False)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"port": options.port}), flush=True)
    while line := await lines.readline():
        print(json.dumps(await service.obey(line.decode())), flush=True)
    await server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--burst", type=float, help="push so many seconds as fast as they are taken")
    parser.add_argument("--feeds", type=int, default=0, help="players hear so many channels, going round")
    asyncio.run(main(parser.parse_args()))
