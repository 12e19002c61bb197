"""A player of the cleartext era on a real socket: confirms what it is told, and keeps what it was sent."""

import asyncio
from collections.abc import Callable, Sequence
import json
from typing import Any, Final

import aiohttp
from aiohttp import web

AUDIO_ID: Final = 4
ARTWORK_ID: Final = 8
HEADER_BYTES: Final = 9
PCM: Final = {"codec": "pcm", "channels": 2, "sample_rate": 48000, "bit_depth": 16}


class FakeClient:
    """One device; connects as often as it is told."""

    def __init__(
        self,
        client_id: str,
        *,
        name: str = "",
        commands: tuple[str, ...] = ("volume", "mute"),
        roles: tuple[str, ...] = ("player@v1",),
        mac_address: str | None = None,
        buffer_capacity: int = 1_000_000,
        artwork_channels: Sequence[dict[str, Any]] = (),
        formats: Sequence[dict[str, Any]] = (PCM,),
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.client_id = client_id
        self.name = name or client_id.title()
        self.commands = commands
        self.buffer_capacity = buffer_capacity
        self.formats = list(formats)
        self.roles = (*roles, "artwork@v1") if artwork_channels else roles
        self.artwork_channels = list(artwork_channels)
        self.images: list[tuple[int, bytes]] = []
        """Channel and file of every image that it was sent."""
        self.mac_address = mac_address
        self.volume = 40
        self.is_muted = False
        self.delay_ms = 0
        self.state = "synchronized"
        self.confirms = True
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.chunk_count = 0
        self.first_at: int | None = None
        """When its present stream begins, on the server's clock, in microseconds."""
        self.byte_count = 0
        self._on_news = on_news
        self._socket: aiohttp.ClientWebSocketResponse | web.WebSocketResponse | None = None
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    @property
    def streams(self) -> list[str]:
        """The stream messages it was sent, in their order."""
        return [kind for kind, _ in self.heard if kind.startswith("stream/")]

    @property
    def codecs(self) -> list[str]:
        """How what it was sent was packed, by each stream/start."""
        return [payload["player"]["codec"] for kind, payload in self.heard if kind == "stream/start"]

    @property
    def group_ids(self) -> list[str]:
        """Every group it was told to be in."""
        return [payload["group_id"] for kind, payload in self.heard if kind == "group/update"]

    async def dial(self, port: int) -> None:
        """Connect to a server that listens."""
        self._session = aiohttp.ClientSession()
        socket = await self._session.ws_connect(f"ws://127.0.0.1:{port}/sendspin")
        self._task = asyncio.create_task(self._converse(socket))

    async def listen(self) -> int:
        """Wait for a server that dials; return the port."""
        application = web.Application()
        application.router.add_get("/sendspin", self._accept)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self, goodbye: str | None = None) -> None:
        """Leave."""
        if self._socket is not None:
            if goodbye is not None:
                await self._send("client/goodbye", {"reason": goodbye})
            await self._socket.close()
        if self._task is not None:
            await self._task
            self._task = None
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def set_volume(self, volume: int) -> None:
        """Change it at the device itself."""
        self.volume = volume
        await self._send_state()

    async def set_state(self, word: str) -> None:
        """Say another state: `error` is out of step, `external_source` used by something else."""
        self.state = word
        await self._send_state()

    async def press(self, command: str) -> None:
        """Ask something of the group, as a button does."""
        await self._send("client/command", {"controller": {"command": command}})

    async def _accept(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._converse(socket)
        return socket

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse | web.WebSocketResponse) -> None:
        self._socket = socket
        await self._send("client/hello", self._hello())
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data[0] == AUDIO_ID:
                    self.chunk_count += 1
                    if self.first_at is None:
                        self.first_at = int.from_bytes(message.data[1:HEADER_BYTES], "big", signed=True)
                    self.byte_count += len(message.data) - HEADER_BYTES
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self.images.append((message.data[0] - ARTWORK_ID, message.data[HEADER_BYTES:]))
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self._hear(json.loads(message.data))
                self._on_news()
        finally:
            self._socket = None
            self._on_news()

    async def _hear(self, message: dict[str, Any]) -> None:
        kind, payload = message["type"], message["payload"]
        self.heard.append((kind, payload))
        if kind == "stream/start":
            self.first_at = None
        elif kind == "server/hello":
            await self._send_state()
        elif kind == "server/command" and self.confirms:
            player = payload["player"]
            self.volume = player.get("volume", self.volume)
            self.is_muted = player.get("mute", self.is_muted)
            self.delay_ms = player.get("static_delay_ms", self.delay_ms)
            await self._send_state()

    async def _send_state(self) -> None:
        player = {
            "volume": self.volume,
            "muted": self.is_muted,
            "required_lead_time_ms": 50,
            "min_buffer_ms": 50,
            "static_delay_ms": self.delay_ms,
        }
        await self._send("client/state", {"state": self.state, "player": player})

    async def _send(self, kind: str, payload: dict[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send_str(json.dumps({"type": kind, "payload": payload}))

    def _hello(self) -> dict[str, Any]:
        device_info = {"product_name": "Fake", "manufacturer": "Tests", "software_version": "1.2"}
        if self.mac_address is not None:
            device_info["mac_address"] = self.mac_address
        artwork = {"artwork@v1_support": {"channels": self.artwork_channels}} if self.artwork_channels else {}
        return artwork | {
            "client_id": self.client_id,
            "name": self.name,
            "version": 1,
            "supported_roles": list(self.roles),
            "device_info": device_info,
            "player@v1_support": {
                "supported_formats": self.formats,
                "buffer_capacity": self.buffer_capacity,
                "supported_commands": list(self.commands),
            },
        }
