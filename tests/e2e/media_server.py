"""A web server with media as one finds them: some in order, some not."""

import asyncio
from pathlib import Path

from aiohttp import web

from devtools.folders import free_port

from .background import Background


class MediaServer:
    """Serves a folder on loopback, in many ways."""

    def __init__(self, folder: Path, background: Background) -> None:
        """Start it."""
        self._folder = folder
        self._background = background
        self._may_go_on = asyncio.Event()
        self._is_over = asyncio.Event()
        self._is_waited_for = asyncio.Event()
        self._runner: web.AppRunner
        self._port = free_port()
        background.run(self._start())

    def url(self, path: str) -> str:
        """Return the address of `in-parts/FILE`, `in-one/FILE`, `moved/FILE`, `stalls/FILE`, `silent` or another."""
        return f"http://127.0.0.1:{self._port}/{path}"

    def go_on(self) -> None:
        """Send the rest of what stalls, from now on at once."""
        self._background.run(self._go_on())

    def wait_for_silence(self) -> None:
        """Return once somebody has asked for `silent`, and waits."""
        self._background.run(self._wait_for_silence())

    def close(self) -> None:
        """Stop it."""
        self._background.run(self._stop())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/in-parts/{name}", self._in_parts)
        app.router.add_get("/in-one/{name}", self._in_one)
        app.router.add_get("/moved/{name}", self._moved)
        app.router.add_get("/stalls/{name}", self._stalls)
        app.router.add_get("/silent", self._silent)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _stop(self) -> None:
        self._may_go_on.set()
        self._is_over.set()
        await self._runner.cleanup()

    async def _go_on(self) -> None:
        self._may_go_on.set()

    async def _wait_for_silence(self) -> None:
        await self._is_waited_for.wait()

    async def _in_parts(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(self._folder / request.match_info["name"])

    async def _in_one(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(self._read(request))
        return response

    async def _moved(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"/in-parts/{request.match_info['name']}")

    async def _stalls(self, request: web.Request) -> web.StreamResponse:
        """Send half of it, and the rest only when told to."""
        data = self._read(request)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(data[: len(data) // 2])
        await self._may_go_on.wait()
        await response.write(data[len(data) // 2 :])
        return response

    async def _silent(self, _: web.Request) -> web.StreamResponse:
        self._is_waited_for.set()
        await self._is_over.wait()
        return web.Response()

    def _read(self, request: web.Request) -> bytes:
        return (self._folder / request.match_info["name"]).read_bytes()
