"""An event loop on a thread of its own, for tests that wait."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread


class Background:
    """Runs coroutines while a test goes on, or until they are done."""

    def __init__(self) -> None:
        """Start the loop."""
        self._loop = asyncio.new_event_loop()
        # Its thread is there from now on: one that comes in the middle of a test counts as left behind by it.
        executor = ThreadPoolExecutor(1)
        executor.submit(lambda: None).result()
        self._loop.set_default_executor(executor)
        self._thread = Thread(target=self._loop.run_forever, name="background", daemon=True)
        self._thread.start()

    def begin[T](self, work: Coroutine[object, object, T]) -> Future[T]:
        """Have `work` done meanwhile."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run[T](self, work: Coroutine[object, object, T]) -> T:
        """Return what `work` returns."""
        return self.begin(work).result()

    def close(self) -> None:
        """End the loop; nothing may be under way any more."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
