"""Tasks that end with the entry, and that several may wait for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .core.errors import CommandRefusedError, Refusal

type Spawn = Callable[[Coroutine[object, object, Any], str], asyncio.Task[Any]]
"""Runs a coroutine in the background, under a name; the task is cancelled when the entry is unloaded."""


async def async_wait_for[T](task: asyncio.Task[T]) -> T:
    """Return or raise what a task does; who gives up waiting takes nothing from others who wait for it.

    Raises CommandRefusedError when the task was cancelled: everything ends.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        asker = asyncio.current_task()
        if task.cancelled() and (asker is None or not asker.cancelling()):
            raise CommandRefusedError(Refusal.SERVER_STOPPED) from None
        raise
