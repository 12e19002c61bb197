"""The ideal server on a real socket: a throw-away, for the few tests that need real time."""

import asyncio
import time
from typing import Self

import aiohttp
from aiohttp import web

from .ideal import IdealServer, Stream, text

ORIGIN_US = 3_000_000_000
_LEAD_US = 300_000
_AHEAD_US = 1_000_000


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000 + ORIGIN_US


class Client:
    """One connection: answers, and keeps what was said."""

    def __init__(self, socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.server = socket, IdealServer()
        self.synchronized = asyncio.Event()

    @property
    def goodbyes(self) -> list[str]:
        return [payload["reason"] for kind, payload in self.server.heard if kind == "client/goodbye"]

    async def converse(self) -> None:
        async for message in self.socket:
            for answer in self.server.answer(message.data, now_us()):
                await self.socket.send_str(answer)
            if any(state.get("state") == "synchronized" for state in self.server.states):
                self.synchronized.set()

    async def play(self, stream: Stream, anchor_us: int) -> None:
        """Send a stream in its time, then end it."""
        await self.socket.send_str(stream.start)
        for timestamp_us, message in stream.messages(anchor_us):
            await asyncio.sleep(max(timestamp_us - _AHEAD_US - now_us(), 0) / 1e6)
            await self.socket.send_bytes(message)
        await asyncio.sleep(max(timestamp_us + 50_000 - now_us(), 0) / 1e6)
        await self.socket.send_str(text("stream/end"))


class LoopbackServer:
    """Accepts players on a free port."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.port = 0
        application = web.Application()
        application.router.add_get("/sendspin", self._accept)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def client(self, client_id: str) -> Client:
        """Return that client once its clock is synchronized."""
        while client_id not in self.clients:
            await asyncio.sleep(0.02)
        await self.clients[client_id].synchronized.wait()
        return self.clients[client_id]

    async def play(self, streams: dict[str, Stream]) -> None:
        """Play to each client its stream, all in step."""
        clients = {client_id: await self.client(client_id) for client_id in streams}
        anchor_us = now_us() + _LEAD_US
        await asyncio.gather(*(clients[client_id].play(stream, anchor_us) for client_id, stream in streams.items()))

    async def _accept(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        client = Client(socket)
        talk = asyncio.create_task(client.converse())
        while not client.server.hello and not talk.done():
            await asyncio.sleep(0.01)
        self.clients[client.server.hello.get("client_id", "")] = client
        await talk
        return socket
