"""Runs everything right here."""

import asyncio
from collections.abc import Callable


class InlineRunner:
    """A `Runner` without threads: takes no virtual time, but others run first, as they may with the real one."""

    def __init__(self) -> None:
        self.call_count = 0

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        await asyncio.sleep(0)
        self.call_count += 1
        return call(*args, **kwargs)
