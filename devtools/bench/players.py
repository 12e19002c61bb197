"""Many cheap players in a process of their own: they take what they are sent and ask for the time.

    python -m devtools.bench.players URL COUNT [--format codec:rate:depth:channels ...] [--ask-every 1.0]

Formats go round: with two, every other player lists the second. On its standard input: `reset` forgets what was
counted, `report` prints a JSON object, its end prints the last one and ends the players. Reported: bytes and chunks;
chunks that came after their instant, and by how much at least the others were early; chunks that do not join the one
before; the first chunk after every start or clear; and the error of every clock reply (µs) against the server's true
clock, taken from the fastest exchange: both sides read CLOCK_MONOTONIC_RAW.
"""

import argparse
import asyncio
from dataclasses import dataclass, field
import json
import statistics
import struct
import sys
import time
from urllib.parse import urlsplit

from .wire import (
    AUDIO,
    BINARY,
    HEADER_BYTES,
    PING,
    PONG,
    TEXT,
    Format,
    FrameReader,
    Line,
    client_frame,
    hello,
    message,
    request,
    state,
)

_CHUNK_HEAD = struct.Struct(">Bq")


@dataclass
class Tally:
    """What all players received."""

    byte_count: int = 0
    chunk_count: int = 0
    late_count: int = 0
    least_ahead_us: int | None = None
    """How early the latest chunk came."""
    gap_count: int = 0
    start_count: int = 0
    lost_count: int = 0
    """Connections that the server ended."""
    firsts: list[tuple[str, int]] = field(default_factory=list)
    """Who got a first chunk after a start or a clear, and when by our clock."""
    exchanges: list[tuple[int, int]] = field(default_factory=list)
    """Offset sample and round trip of each clock reply, µs."""


@dataclass
class Offset:
    """From our clock to the server's, by the fastest exchange so far."""

    us: int = 0
    round_trip_us: int | None = None

    def add(self, sample_us: int, round_trip_us: int) -> None:
        """Take note of an exchange."""
        if self.round_trip_us is None or round_trip_us < self.round_trip_us:
            self.us, self.round_trip_us = sample_us, round_trip_us


def now_us() -> int:
    """Return the clock that the server counts from, too."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000


class Player(asyncio.Protocol):
    """One player on one connection."""

    tally = Tally()
    offset = Offset()

    def __init__(self, number: int, options: argparse.Namespace) -> None:
        self.client_id = f"bench-{number:03}"
        self._number = number
        self._options = options
        self._format: Format = options.format[number % len(options.format)]
        self._line = Line(self._format)
        self._frames = FrameReader()
        self._head: bytes | None = b""
        """What came of the HTTP response; None once it is over."""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the server has said its hello."""
        self._is_first = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(request(self._options.url))

    def connection_lost(self, exc: Exception | None) -> None:
        """Ask no more."""
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("turned away"))
        Player.tally.lost_count += 1
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Count what came."""
        if self._head is not None:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._head = None
            self._write(hello(self.client_id, self._format, self._options.capacity))
        now = now_us()
        for opcode, payload in self._frames.feed(data):
            if opcode == BINARY and payload[0] == AUDIO:
                self._take_chunk(payload, now)
            elif opcode == TEXT:
                self._take_text(payload, now)
            elif opcode == PING:
                self._write(client_frame(PONG, payload))

    def _take_chunk(self, payload: bytes, now: int) -> None:
        tally = Player.tally
        tally.chunk_count += 1
        tally.byte_count += len(payload)
        start: int = _CHUNK_HEAD.unpack_from(payload)[1]
        if not self._line.joins(start, len(payload) - HEADER_BYTES):
            tally.gap_count += 1
        ahead_us = start - now - Player.offset.us
        if tally.least_ahead_us is None or ahead_us < tally.least_ahead_us:
            tally.least_ahead_us = ahead_us
        if ahead_us < 0:
            tally.late_count += 1
        if self._is_first:
            self._is_first = False
            tally.firsts.append((self.client_id, now))

    def _take_text(self, payload: bytes, now: int) -> None:
        if b"server/time" in payload:
            times = json.loads(payload)["payload"]
            sent = times["client_transmitted"]
            there, back = times["server_received"] - sent, times["server_transmitted"] - now
            Player.tally.exchanges.append(((there + back) // 2, there - back))
            Player.offset.add((there + back) // 2, there - back)
        elif b"stream/start" in payload or b"stream/clear" in payload:
            Player.tally.start_count += b"stream/start" in payload
            self._is_first = True
            self._line.cut()
        elif not self.greeted.done():
            self.greeted.set_result(None)
            self._write(state())
            every_s = self._options.ask_every
            # Not in step with the other players.
            self._timer = asyncio.get_running_loop().call_later(self._number * every_s / 16 % every_s, self._ask)

    def _ask(self) -> None:
        self._write(message("client/time", {"client_transmitted": now_us()}))
        self._timer = asyncio.get_running_loop().call_later(self._options.ask_every, self._ask)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def summary(tally: Tally) -> dict[str, object]:
    """Return what was received, and how far off clock replies were."""
    result: dict[str, object] = {
        "bytes": tally.byte_count,
        "chunks": tally.chunk_count,
        "late": tally.late_count,
        "least_ahead_us": tally.least_ahead_us,
        "gaps": tally.gap_count,
        "starts": tally.start_count,
        "lost": tally.lost_count,
        "firsts": tally.firsts,
        "replies": len(tally.exchanges),
    }
    if not tally.exchanges:
        return result
    fastest = sorted(tally.exchanges, key=lambda exchange: exchange[1])[: max(len(tally.exchanges) // 20, 1)]
    offset = statistics.median(exchange[0] for exchange in fastest)
    errors = sorted(abs(exchange[0] - offset) for exchange in tally.exchanges)
    result["error_us"] = {"p50": errors[len(errors) // 2], "p99": errors[len(errors) * 99 // 100], "max": errors[-1]}
    return result


async def main(options: argparse.Namespace) -> None:
    """Run the players until standard input ends."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    address = urlsplit(options.url)
    transports = []
    for number in range(options.count):
        player = Player(number, options)
        transport, _ = await loop.create_connection(lambda player=player: player, address.hostname, address.port)  # type: ignore[misc]
        transports.append(transport)
        await player.greeted  # one by one: servers admit few strangers from one address at a time
    while line := (await commands.readline()).strip():
        if line == b"report":
            print(json.dumps(summary(Player.tally)), flush=True)
        elif line == b"reset":
            Player.tally = Tally()
    for transport in transports:
        transport.close()
    print(json.dumps(summary(Player.tally)), flush=True)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--format", type=Format.parse, nargs="+", default=[Format("pcm")])
    parser.add_argument("--capacity", type=int, default=4_000_000)
    parser.add_argument("--ask-every", type=float, default=1.0, dest="ask_every")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(parse()))
