"""Home Assistant's loop and the core's: the only file of the shell that knows there are two."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
import logging
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from homeassistant.core import HomeAssistant, callback

from .core.clock import Clock
from .core.errors import CommandRefusedError, Refusal
from .core.events import Event
from .core.server.clock import MonotonicClock
from .core.server.runner import PoolRunner
from .core.server.server import ResonateServer
from .core.server.settings import ServerSettings
from .core.server.snapshot import ServerSnapshot

_LOGGER = logging.getLogger(__name__)

RENDER_THREADS: Final = 2  # pure computing: more would only fight over the interpreter
MEDIA_THREADS: Final = 8  # these wait for disks and networks
STOP_TIMEOUT_S: Final = 5.0


class Bridge:
    """Runs the core on a thread and a loop of its own; everything here is called on Home Assistant's loop.

    Calls go over with frozen arguments and are awaited; snapshots and events come back, many changes as one.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        settings: ServerSettings,
        *,
        on_snapshot: Callable[[ServerSnapshot], None],
        on_event: Callable[[Event], None],
    ) -> None:
        """Nothing runs before `async_start`."""
        self.settings = settings
        self.clock: Clock = MonotonicClock()
        self._hass = hass
        self._on_snapshot = on_snapshot
        self._on_event = on_event
        self._prepare: Callable[[ResonateServer], None] = lambda _: None
        self._thread: Thread | None = None
        self._core: _Core | None = None
        self._snapshot = ServerSnapshot()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._is_told = False

    async def async_start(self, prepare: Callable[[ResonateServer], None] = lambda _: None) -> None:
        """Start the core and return when it listens and is shown. Raises OSError when no port can be had.

        `prepare` is called on the core's loop before anybody connects.
        """
        self._prepare = prepare
        started: Future[_Core] = Future()
        self._thread = Thread(target=self._run, args=(started,), name="Resonate core", daemon=True)
        self._thread.start()
        try:
            self._core = await asyncio.wrap_future(started)
        except BaseException:
            await self._async_join()
            raise
        self._tell()  # a core that was faster than we came to wait has told it already, but nobody has heard it yet

    async def async_stop(self) -> None:
        """End every session, and join the core's thread and its pools, within 5 s. More than once does no harm."""
        if (core := self._core) is not None:
            self._core = None
            core.stop()
        await self._async_join()

    async def async_ask[T](self, ask: Callable[[ResonateServer], Coroutine[object, object, T]]) -> T:
        """Return what the coroutine returns that `ask` makes on the core's loop, or raise what it raises."""
        core = self._running()

        async def on_core() -> T:
            return await ask(core.server)

        return await _result(asyncio.run_coroutine_threadsafe(on_core(), core.loop))

    async def async_call[T](self, call: Callable[[ResonateServer], T]) -> T:
        """Return what `call` returns on the core's loop, or raise what it raises."""

        async def ask(server: ResonateServer) -> T:
            return call(server)

        return await self.async_ask(ask)

    @callback
    def tell(self, call: Callable[[ResonateServer], object]) -> None:
        """Have `call` made on the core's loop, in order; nothing happens when the core has stopped."""
        if (core := self._core) is not None:
            core.loop.call_soon_threadsafe(call, core.server)

    def _running(self) -> _Core:
        if self._core is None:
            raise CommandRefusedError(Refusal.SERVER_STOPPED)
        return self._core

    async def _async_join(self) -> None:
        if (thread := self._thread) is None:
            return
        self._thread = None
        await self._hass.async_add_executor_job(thread.join, STOP_TIMEOUT_S)
        if thread.is_alive():
            _LOGGER.warning("The core has not stopped within %d s", STOP_TIMEOUT_S)

    def _run(self, started: Future[_Core]) -> None:
        """The core's thread."""
        render = PoolRunner(RENDER_THREADS, "Resonate render")
        media = PoolRunner(MEDIA_THREADS, "Resonate media")
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(self._serve(started, render, media))
        except Exception as error:  # whatever it is, the one who waits for the start is to know
            if started.done():
                _LOGGER.exception("The core has ended")
            else:
                started.set_exception(error)
        finally:
            render.close()
            media.close()

    async def _serve(self, started: Future[_Core], render: PoolRunner, media: PoolRunner) -> None:
        server = ResonateServer(self.settings, clock=self.clock, render=render, media=media)
        core = _Core(server)
        try:
            self._prepare(server)
            await server.start()
            unsubscribe = server.subscribe(self._report)
            self._report(server.snapshot)
            if started.set_running_or_notify_cancel():
                started.set_result(core)
                await core.stopping.wait()
            unsubscribe()
        finally:
            await server.close()

    def _report(self, news: Event | ServerSnapshot) -> None:
        """Hand `news` to Home Assistant's loop. The core's thread.

        What is still to be told is told with it: a snapshot replaces the one before, events keep their order.
        """
        if isinstance(news, ServerSnapshot):
            self._snapshot = news
        else:
            self._events.put(news)
        if not self._is_told:
            self._is_told = True
            self._hass.loop.call_soon_threadsafe(self._tell)

    @callback
    def _tell(self) -> None:
        # First of all: news that come from here on make a call of their own, and are at worst told twice.
        self._is_told = False
        if self._core is None and self._thread is None:
            return
        self._on_snapshot(self._snapshot)
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return
            self._on_event(event)


class _Core:
    """What lives on the core's loop."""

    def __init__(self, server: ResonateServer) -> None:
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """Let the core end. Any thread."""
        self.loop.call_soon_threadsafe(self.stopping.set)


async def _result[T](future: Future[T]) -> T:
    """Await what the core's loop does; a core that stops meanwhile is a refusal, not our own cancellation."""
    awaited: Awaitable[T] = asyncio.wrap_future(future)
    try:
        return await awaited
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CommandRefusedError(Refusal.SERVER_STOPPED) from None
