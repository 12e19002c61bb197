"""The one place where work leaves the loop."""

from collections.abc import Callable
from typing import Protocol


class Runner(Protocol):
    """Runs blocking calls somewhere else. Waiting (media) and working (render) never share one."""

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `call(*args, **kwargs)` returns, or raise what it raises."""
        ...
