"""Play media to players, without Home Assistant: script/serve."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import gc
import logging
import os
import signal
import sys
from threading import Thread
from typing import Final

from core.server.clock import MonotonicClock
from core.server.runner import PoolRunner
from core.server.server import ResonateServer
from core.server.settings import DEFAULT_PORT, ServerSettings

from .options import Options, parse_options
from .service import Service
from .stats import measure
from .voice import Tell, Voice

_RENDER_THREADS: Final = 2  # as in Home Assistant
_MEDIA_THREADS: Final = 8
_CLOSE_TIMEOUT_S: Final = 0.7
_JOIN_TIMEOUT_S: Final = 0.1
_STATS_PERIOD_S: Final = 1.0
_STDIN: Final = 0
_READ_BYTES: Final = 1 << 16


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    options = parse_options()
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s: %(message)s")
    render, media = PoolRunner(_RENDER_THREADS, "render"), PoolRunner(_MEDIA_THREADS, "media")
    try:
        status = asyncio.run(_serve(options, render, media))
    finally:
        are_joined = [pool.close(_JOIN_TIMEOUT_S) for pool in (render, media)]
    if not all(are_joined):  # a medium that does not answer: the interpreter would wait for its thread
        sys.stdout.flush()
        os._exit(status)
    return status


async def _serve(options: Options, render: PoolRunner, media: PoolRunner) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    tell = Voice(is_json=options.is_json, reader_lost=stopping.set).tell
    server = ResonateServer(_settings(options), clock=MonotonicClock(), render=render, media=media)
    try:
        await server.start()
    except OSError as err:
        sys.stderr.write(f"script/serve: cannot listen: {err}\n")
        return 1
    url = f"ws://{options.host or '0.0.0.0'}:{server.port}/sendspin"
    gc.freeze()  # what start-up made stays: no collection need look at it again, in the middle of a callback
    tell({"ready": True, "port": server.port, "url": url})
    service = Service(
        server, tell, media=options.media, wait_clients=options.wait_clients, is_looping=options.is_looping
    )
    for client in options.clients:
        server.dial(f"manual:{client}", [client])
    tasks = []
    if options.has_stats:
        server.measure_loop_lag()
        tasks.append(loop.create_task(_tell_stats(server, tell)))
    if options.has_control:
        tasks.append(loop.create_task(_obey_stdin(service)))
    await stopping.wait()
    for task in tasks:
        task.cancel()
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await server.close()
    except TimeoutError:
        logging.getLogger(__name__).warning("Something did not end in time and is left behind")
    return 0


def _settings(options: Options) -> ServerSettings:
    return ServerSettings(
        server_id="resonate-script-serve",
        name="script/serve",
        host=options.host,
        port=DEFAULT_PORT if options.port is None else options.port,
        allow_port_fallback=options.port is None,
        policy=options.policy,
    )


async def _tell_stats(server: ResonateServer, tell: Tell) -> None:
    while True:
        await asyncio.sleep(_STATS_PERIOD_S)
        tell(measure(server))


async def _obey_stdin(service: Service) -> None:
    """Do what stdin says, one command after another; when it ends, what plays goes on."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def hand_over(line: bytes) -> None:
        with suppress(RuntimeError):  # the loop is closed: it is all over
            loop.call_soon_threadsafe(lines.put_nowait, line)

    # A thread, for the loop cannot wait for a file; a daemon that reads past sys.stdin, for nothing ends its waiting.
    Thread(target=_read_lines, args=(hand_over,), name="stdin", daemon=True).start()
    while True:
        await service.obey(await lines.get())


def _read_lines(hand_over: Callable[[bytes], None]) -> None:
    rest = b""
    while piece := os.read(_STDIN, _READ_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                hand_over(line)
    if rest.strip():
        hand_over(rest)


if __name__ == "__main__":
    sys.exit(main())
