"""How commands end: by themselves, by a signal, or by an error, and never with anything left behind."""

import asyncio
from collections.abc import Coroutine
import signal
from typing import Final

SIGNALLED: Final = 128
"""Added to a signal's number, as shells do."""


def run(work: Coroutine[object, object, int]) -> int:
    """Run `work` and return its exit status; SIGINT and SIGTERM cancel it, once, and it cleans up after itself."""
    with asyncio.Runner() as runner:
        return runner.run(_cancelled_by_signals(work))


async def _cancelled_by_signals(work: Coroutine[object, object, int]) -> int:
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
        return SIGNALLED + received[0]
