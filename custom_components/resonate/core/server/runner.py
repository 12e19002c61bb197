"""The one place where work leaves the loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import threading
from typing import Final, Protocol

CLOSE_TIMEOUT_S: Final = 5.0


class Runner(Protocol):
    """Runs blocking calls somewhere else. Waiting (media) and working (render) never share one."""

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `call(*args, **kwargs)` returns, or raise what it raises."""
        ...


class PoolRunner:
    """Runs calls in threads of its own.

    A cancelled `run` leaves its call running to the end: who cancels must wait for it before touching what it works on.
    """

    def __init__(self, max_workers: int, name: str) -> None:
        """Start no thread yet; they come with the first calls."""
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix=name)
        self._name = name

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `call(*args, **kwargs)` returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kwargs))

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
        """Drop what has not begun, wait for what has; False when a thread is still at it after `timeout_s`.

        Blocking, so never on a loop; more than once is fine.
        """
        closer = threading.Thread(
            target=self._pool.shutdown,
            kwargs={"cancel_futures": True},
            name=f"{self._name}-close",
            daemon=True,  # the pool cannot be joined with a time-out, this thread can
        )
        closer.start()
        closer.join(timeout_s)
        return not closer.is_alive()
