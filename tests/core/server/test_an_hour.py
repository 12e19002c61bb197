"""An hour for two players of different rates, through real encoders, judged by nothing but the bytes on the wire."""

import asyncio
import json
import struct

import pytest

from core.formats import STEREO
from core.media.generated import ToneSource
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.protocol.websocket import Opcode
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.server.transport import Closed
from tests.fakes.clock import FakeClock
from tests.fakes.runner import InlineRunner
from tests.fakes.transport import MemoryTransport, parse_frames

SECOND = 1_000_000
HOUR_S = 3_600


class Player(MemoryTransport):
    """A player that notes the timestamps of its chunks and checks them against its own count, as they come."""

    def __init__(self, name: str, rate: int, clock: FakeClock) -> None:
        super().__init__(peer=name)
        self.block_frames = 0
        self.first_at: int | None = None
        self.chunk_count = 0
        self.worst_error_us = 0.0
        self.late_count = 0
        self.ended_at: int | None = None
        self._rate = rate
        self._clock = clock
        entry = {"codec": "flac", "sample_rate": rate, "channels": 2, "bit_depth": 16}
        support = {"supported_formats": [entry], "buffer_capacity": 1_000_000, "supported_commands": []}
        self._send("client/hello", client_id=name, name=name, version=1, supported_roles=["player@v1"])
        hello = json.loads(self._first())
        hello["payload"]["player@v1_support"] = support
        self._incoming.clear()
        self.feed(json.dumps(hello))
        self._send("client/state", state="synchronized", player={"volume": 100, "muted": False})

    def write(self, data: bytes) -> None:
        for opcode, payload, _ in parse_frames(data):
            if opcode == Opcode.BINARY:
                self._hear(payload)
            elif opcode == Opcode.TEXT and "stream/start" in payload.decode():
                self.block_frames = self._rate // 40
            elif opcode == Opcode.TEXT and "stream/end" in payload.decode():
                self.ended_at = self._clock.now()
            elif opcode == Opcode.PING:
                super().write(data)

    def _hear(self, message: bytes) -> None:
        (timestamp,) = struct.unpack(">q", message[1:9])
        if self.first_at is None:
            self.first_at = timestamp
        exact = self.first_at + self.chunk_count * self.block_frames * SECOND / self._rate
        self.worst_error_us = max(self.worst_error_us, abs(timestamp - exact))
        self.late_count += timestamp <= self._clock.now()
        self.chunk_count += 1

    def _send(self, kind: str, **payload: object) -> None:
        self.feed(json.dumps({"type": kind, "payload": payload}))

    def _first(self) -> str:
        message = self._incoming[0]
        assert isinstance(message, str)
        return message


@pytest.mark.timeout(240)  # an hour of encoders: 18 s of CPU, which a busy machine makes a minute of
async def test_an_hour_on_the_wire_has_no_gap_nothing_late_and_no_error_of_a_microsecond() -> None:
    clock = FakeClock()
    settings = ServerSettings(server_id="hour", name="Hour")
    server = ResonateServer(settings, clock=clock, render=InlineRunner(), media=InlineRunner())
    players = [Player("slow", 44_100, clock), Player("fast", 48_000, clock)]
    serving = [asyncio.create_task(server._serve_accepted(player, lambda: None)) for player in players]
    group = server.create_group("all")
    await clock.sleep(SECOND)
    for client_id in list(server.snapshot.clients):
        await server.move(client_id, group)
    tone = ToneSource(layout=STEREO, duration_us=HOUR_S * SECOND)
    await server.play(group, [MediaRequest(media_id="tone", stream=MediaStream(main=tone))])
    await clock.sleep((HOUR_S + 2) * SECOND)
    for player, rate in zip(players, (44_100, 48_000), strict=True):
        assert player.worst_error_us < 1
        assert player.late_count == 0
        # A missing or a doubled chunk would show above: its successors would all be off by 25 ms.
        assert player.chunk_count == -(-HOUR_S * rate // player.block_frames)
        assert player.first_at is not None
        assert player.ended_at == player.first_at + HOUR_S * SECOND
    assert players[0].first_at == players[1].first_at
    for player in players:
        player.feed(Closed())
    await asyncio.wait(serving)
    await server.close()
