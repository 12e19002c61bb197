"""How commands end: by themselves, by a signal, or by an error, and never with anything left behind."""

import asyncio
from collections.abc import Coroutine
import signal
from typing import Final

SIGNALLED: Final = 128
"""Added to a signal's number, as shells do."""


def run(work: Coroutine[object, object, int], *, is_endless: bool = False) -> int:
    """Run `work` and return its exit status; SIGINT and SIGTERM cancel it, once, and it cleans up after itself.

    What is `is_endless` is meant to be ended so: that is no failure.
    """
    with asyncio.Runner() as runner:
        return runner.run(_cancelled_by_signals(work, is_endless=is_endless))


async def _cancelled_by_signals(work: Coroutine[object, object, int], *, is_endless: bool) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[signal.Signals] = []

    def cancel(number: signal.Signals) -> None:
        if not received:  # a second one must not interrupt the cleaning up
            task.cancel()
        received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 0 if is_endless else SIGNALLED + received[0]
