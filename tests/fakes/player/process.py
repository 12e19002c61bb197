"""The player as a process: a websocket, the machine's clock, files at the end."""

import asyncio
from collections.abc import Callable
import contextlib
import json
from pathlib import Path
import resource
import sys
import time
from typing import Any, Final

import aiohttp
from aiohttp import web

from .clock import monotonic_raw_ns
from .core import SoftwarePlayer

_LONGEST_WAIT_S: Final = 0.05
_FIRST_BACK_OFF_S: Final = 0.5
_LONGEST_BACK_OFF_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 0.5
_MAX_MESSAGE_BYTES: Final = 1 << 20

type Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse
type Notify = Callable[[dict[str, Any]], None]


def print_event(event: dict[str, Any]) -> None:
    """Print one JSON object a line, at once."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class PlayerProcess:
    """Carries bytes between a player and its server, dialled or dialling, until `stop` is set."""

    def __init__(self, player: SoftwarePlayer, notify: Notify = print_event) -> None:
        """Tell `notify` what happens: connected, synchronized, stream, ended, lost, listening."""
        self.player = player
        self.stop = asyncio.Event()
        self.goodbye_reason = "shutdown"
        self._notify = notify
        self._socket: Socket | None = None
        self._sending = asyncio.Lock()
        self._told: tuple[bool, str | None] = (False, None)

    async def dial(self, url: str) -> None:
        """Keep a connection to `url`, dialling again when it is lost."""
        back_off_s = _FIRST_BACK_OFF_S
        async with aiohttp.ClientSession() as session:
            while not self.stop.is_set():
                began = time.monotonic()
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.ws_connect(
                        url, max_msg_size=_MAX_MESSAGE_BYTES, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S)
                    ) as socket:
                        await self.run(socket)
                if time.monotonic() - began > _LONGEST_BACK_OFF_S:
                    back_off_s = _FIRST_BACK_OFF_S
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), back_off_s)
                back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)

    async def listen(self, port: int, path: str = "/sendspin", host: str = "127.0.0.1") -> None:
        """Wait for servers that dial; a second one takes the player over from the first."""
        application = web.Application()
        application.router.add_get(path, self._accept)
        runner = web.AppRunner(application, shutdown_timeout=_CLOSE_TIMEOUT_S)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        self._notify({"event": "listening", "port": runner.addresses[0][1]})
        try:
            await self.stop.wait()
            while self._socket is not None:
                await asyncio.sleep(_LONGEST_WAIT_S)
        finally:
            await runner.cleanup()

    async def run(self, socket: Socket) -> None:
        """Play by one connection until it ends, or until `stop`."""
        self._socket = socket
        self._notify({"event": "connected"})
        self.player.connect()
        tasks = [asyncio.create_task(self._receive(socket)), asyncio.create_task(self._keep_time(socket))]
        try:
            await self._flush(socket)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            with contextlib.suppress(ConnectionError, RuntimeError):
                if self.stop.is_set():
                    self.player.goodbye(self.goodbye_reason)
                    await self._flush(socket)
                await socket.close()
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.player.connection_lost()
            self._socket = None
            self._tell()
            self._notify({"event": "lost", "reason": self.player.failure})
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result

    async def _accept(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE_BYTES, compress=False, timeout=_CLOSE_TIMEOUT_S)
        await socket.prepare(request)
        if self._socket is not None:
            self.player.goodbye("another_server")
            await self._flush(self._socket)
            await self._socket.close()
            while self._socket is not None:
                await asyncio.sleep(_LONGEST_WAIT_S)
        await self.run(socket)
        return socket

    async def _receive(self, socket: Socket) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.player.feed_text(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self.player.feed_binary(message.data)
            await self._flush(socket)
            self._tell()
            if self.player.failure is not None:
                return

    async def _keep_time(self, socket: Socket) -> None:
        while not self.stop.is_set():
            self.player.advance()
            await self._flush(socket)
            self._tell()
            wait_s = (self.player.next_wake_ns() - monotonic_raw_ns()) / 1e9
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), min(max(wait_s, 0), _LONGEST_WAIT_S))

    async def _flush(self, socket: Socket) -> None:
        async with self._sending:  # a question about the time is stamped here, so nobody else may be sending
            for text in self.player.take_outgoing():
                await socket.send_str(text)

    def _tell(self) -> None:
        """Notify of what has changed."""
        stream = self.player.audio.stream
        now = (self.player.is_synchronized, None if stream is None else str(stream))
        if now[0] and not self._told[0]:
            self._notify({"event": "synchronized"})
        if now[1] != self._told[1]:
            self._notify({"event": "ended"} if stream is None else {"event": "stream", **stream.as_json()})
        self._told = now


def write_report(player: SoftwarePlayer, path: Path) -> None:
    """Write the player's report, with what the process used; whoever reads finds a whole one."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    process = {"cpu_s": usage.ru_utime + usage.ru_stime}
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(player.report() | {"process": process}, indent=1) + "\n")
    unfinished.replace(path)
