"""Steps that are told of one after another, and what is expected of each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
import time
from typing import Final, override

from .api import ApiError
from .children import ChildError
from .page import BrowserError

FAILURES: Final = (ApiError, BrowserError, ChildError, TimeoutError, OSError)
"""What ends a step, and says why."""
_WAIT_S: Final = 30.0
_POLL_S: Final = 0.1


class StepError(Exception):
    """A step did not do what it is for; the text is for a person."""


class Journal:
    """Tells of every step, once it is done."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Tell by `say`, a line at a time."""
        self._say = say
        self._count = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Walk a step. Raises StepError, which says which one, when something of it fails."""
        self._count += 1
        began = time.monotonic()
        try:
            yield
        except (*FAILURES, StepError) as err:
            raise StepError(f"step {self._count}, {what}: {str(err) or type(err).__name__}") from err
        self._say(f"{self._count:2} {what} ({time.monotonic() - began:.1f} s)")


class About:
    """Equal to all numbers that are near enough."""

    def __init__(self, value: float, slack: float) -> None:
        """Be `value`, give or take `slack`."""
        self._value = value
        self._slack = slack

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and abs(other - self._value) <= self._slack

    __hash__ = None  # type: ignore[assignment] # equals have no hash in common

    @override
    def __repr__(self) -> str:
        return f"about {self._value:g}"


async def expect(what: str, look: Callable[[], Awaitable[object]], wanted: object, *, timeout: float = _WAIT_S) -> None:
    """Return once `look` finds what is wanted. Raises StepError after `timeout` seconds, with what it found instead."""
    give_up_at = time.monotonic() + timeout
    while (seen := await look()) != wanted:
        if time.monotonic() > give_up_at:
            raise StepError(f"{what}: {seen!r} instead of {wanted!r}")
        await asyncio.sleep(_POLL_S)
