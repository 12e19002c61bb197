"""What single callbacks of an event loop cost, in CPU time of its thread."""

from asyncio import events
import gc
import threading
import time
from typing import Final

LONG_NS: Final = 5_000_000
_MOST_NAMED: Final = 20


class LoopWatch:
    """Measures every callback once `install` was called. Costs a microsecond each, so not where CPU is compared.

    A garbage collection falls into whichever callback happens to allocate next, and takes as long as the process is
    large: what it took is in the cost of that callback, and told by itself too.
    """

    def __init__(self) -> None:
        self._count = 0
        self._longest_ns = 0
        self._longest = ""
        self._longest_own_ns = 0
        self._long: list[tuple[float, str]] = []
        self._thread = 0
        self._collection_began_ns = 0
        self._collecting_ns = 0
        """In all collections on the loop's thread so far."""
        self._longest_collection_ns = 0

    def install(self) -> None:
        """Measure every callback of this process's loops from now on, for good."""
        run = events.Handle._run  # noqa: SLF001 - there is no public way to see every callback
        watch = self

        def measured(handle: events.Handle) -> None:
            begin_ns, collecting_ns = time.thread_time_ns(), watch._collecting_ns
            run(handle)
            watch.add(time.thread_time_ns() - begin_ns, handle, watch._collecting_ns - collecting_ns)

        setattr(events.Handle, "_run", measured)  # noqa: B010 - as a statement it would need a word to each checker
        self._thread = threading.get_ident()
        gc.callbacks.append(self._collecting)

    def add(self, cost_ns: int, handle: object, collecting_ns: int = 0) -> None:
        """Take note of a callback, and of how much of its cost was a garbage collection's."""
        self._count += 1
        if cost_ns > self._longest_ns:
            self._longest_ns, self._longest = cost_ns, repr(handle)
        self._longest_own_ns = max(self._longest_own_ns, cost_ns - collecting_ns)
        if cost_ns > LONG_NS and len(self._long) < _MOST_NAMED:
            self._long.append((cost_ns / 1e6, repr(handle)))

    def take(self) -> dict[str, object]:
        """Return what was measured, and begin anew."""
        result: dict[str, object] = {
            "count": self._count,
            "longest_ms": round(self._longest_ns / 1e6, 3),
            "longest": self._longest,
            "longest_without_collection_ms": round(self._longest_own_ns / 1e6, 3),
            "longest_collection_ms": round(self._longest_collection_ns / 1e6, 3),
            "long": self._long,
        }
        self._count = self._longest_ns = self._longest_own_ns = self._longest_collection_ns = 0
        self._longest = ""
        self._long = []
        return result

    def _collecting(self, phase: str, _info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._collection_began_ns = time.thread_time_ns()
        else:
            cost_ns = time.thread_time_ns() - self._collection_began_ns
            self._collecting_ns += cost_ns
            self._longest_collection_ns = max(self._longest_collection_ns, cost_ns)
