"""What single callbacks of an event loop cost, in CPU time of its thread."""

from asyncio import events
import time
from typing import Final

LONG_NS: Final = 5_000_000
_MOST_NAMED: Final = 20


class LoopWatch:
    """Measures every callback once `install` was called. Costs a microsecond each, so not where CPU is compared."""

    def __init__(self) -> None:
        self._count = 0
        self._longest_ns = 0
        self._long: list[tuple[float, str]] = []

    def install(self) -> None:
        """Measure every callback of this process's loops from now on, for good."""
        run = events.Handle._run  # noqa: SLF001 - there is no public way to see every callback
        watch = self

        def measured(handle: events.Handle) -> None:
            begin_ns = time.thread_time_ns()
            run(handle)
            watch.add(time.thread_time_ns() - begin_ns, handle)

        setattr(events.Handle, "_run", measured)  # noqa: B010 - as a statement it would need a word to each checker

    def add(self, cost_ns: int, handle: object) -> None:
        """Take note of a callback."""
        self._count += 1
        self._longest_ns = max(self._longest_ns, cost_ns)
        if cost_ns > LONG_NS and len(self._long) < _MOST_NAMED:
            self._long.append((cost_ns / 1e6, repr(handle)))

    def take(self) -> dict[str, object]:
        """Return what was measured, and begin anew."""
        result: dict[str, object] = {
            "count": self._count,
            "longest_ms": round(self._longest_ns / 1e6, 3),
            "long": self._long,
        }
        self._count = self._longest_ns = 0
        self._long = []
        return result
