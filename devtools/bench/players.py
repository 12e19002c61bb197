"""Many cheap players in a process of their own: they take what they are sent and ask for the time.

    python -m devtools.bench.players URL COUNT [--codec flac] [--rate 48000] [--depth 16] [--ask-every 1.0]

Prints a JSON object when its standard input ends: bytes and chunks received, late chunks, and the error of every clock
reply (µs) against the server's true clock, taken from the fastest exchange: both sides read CLOCK_MONOTONIC_RAW.
"""

import argparse
import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
import json
import statistics
import sys
import time

import aiohttp


@dataclass
class Tally:
    """What all players received."""

    byte_count: int = 0
    chunk_count: int = 0
    exchanges: list[tuple[int, int]] = field(default_factory=list)
    """Offset sample and round trip of each clock reply, µs."""


def now_us() -> int:
    """Return the clock that the server counts from, too."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000


async def play(session: aiohttp.ClientSession, number: int, options: argparse.Namespace, tally: Tally) -> None:
    """Be one player until cancelled."""
    entry = {
        "codec": options.codec,
        "sample_rate": options.rate,
        "channels": options.channels,
        "bit_depth": options.depth,
    }
    support = {"supported_formats": [entry], "buffer_capacity": options.capacity, "supported_commands": ["volume"]}
    hello = {
        "client_id": f"bench-{number:03}",
        "name": f"Bench {number}",
        "version": 1,
        "supported_roles": ["player@v1"],
        "player@v1_support": support,
    }
    state = {"state": "synchronized", "player": {"volume": 100, "muted": False, "static_delay_ms": 0}}
    async with session.ws_connect(options.url, max_msg_size=0) as websocket:
        await websocket.send_str(json.dumps({"type": "client/hello", "payload": hello}))
        await websocket.receive()
        await websocket.send_str(json.dumps({"type": "client/state", "payload": state}))
        asking = asyncio.create_task(ask(websocket, number, options.ask_every))
        try:
            async for message in websocket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    tally.chunk_count += 1
                    tally.byte_count += len(message.data)
                elif message.type == aiohttp.WSMsgType.TEXT and "server/time" in message.data:
                    received = now_us()
                    times = json.loads(message.data)["payload"]
                    sent = times["client_transmitted"]
                    there, back = times["server_received"] - sent, times["server_transmitted"] - received
                    tally.exchanges.append(((there + back) // 2, there - back))
        finally:
            asking.cancel()


async def ask(websocket: aiohttp.ClientWebSocketResponse, number: int, every_s: float) -> None:
    """Ask for the time, not in step with the other players."""
    await asyncio.sleep(number * every_s / 16 % every_s)
    while True:
        message = {"type": "client/time", "payload": {"client_transmitted": now_us()}}
        await websocket.send_str(json.dumps(message))
        await asyncio.sleep(every_s)


def summary(tally: Tally) -> dict[str, object]:
    """Return what was received, and how far off clock replies were."""
    if not tally.exchanges:
        return {"bytes": tally.byte_count, "chunks": tally.chunk_count, "replies": 0}
    fastest = sorted(tally.exchanges, key=lambda exchange: exchange[1])[: max(len(tally.exchanges) // 20, 1)]
    offset = statistics.median(exchange[0] for exchange in fastest)
    errors = sorted(abs(exchange[0] - offset) for exchange in tally.exchanges)
    return {
        "bytes": tally.byte_count,
        "chunks": tally.chunk_count,
        "replies": len(errors),
        "error_us": {
            "p50": errors[len(errors) // 2],
            "p99": errors[len(errors) * 99 // 100],
            "max": errors[-1],
        },
    }


async def main(options: argparse.Namespace) -> None:
    """Run the players until standard input ends."""
    tally = Tally()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        players = [asyncio.create_task(play(session, at, options, tally)) for at in range(options.count)]
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            if line.strip() == b"reset":  # the warm-up is over
                tally.byte_count = tally.chunk_count = 0
                tally.exchanges.clear()
        for player in players:
            player.cancel()
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await player
    print(json.dumps(summary(tally)))


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--codec", default="pcm")
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--capacity", type=int, default=1_000_000)
    parser.add_argument("--ask-every", type=float, default=1.0, dest="ask_every")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
