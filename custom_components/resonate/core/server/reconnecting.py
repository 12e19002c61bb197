"""Radio that breaks off: opened again and again, while the playing goes on."""

from collections.abc import Awaitable
import logging
from typing import Final, Protocol

from ..clock import Clock
from ..errors import MediaDecodeError, MediaError
from ..media.source import Source
from ..units import US_PER_S, ServerTimeUs
from .reader import Reader
from .runner import Runner

FIRST_WAIT_US: Final = US_PER_S
"""Before it is opened again for the first time; twice as long each time after, while nothing comes."""
LONGEST_WAIT_US: Final = 30 * US_PER_S
GIVE_UP_US: Final = 300 * US_PER_S
"""How long it may give nothing."""

_LOGGER = logging.getLogger(__name__)


class Reopenable(Protocol):
    """A way to a source that may be opened anew."""

    @property
    def can_come_back(self) -> bool:
        """Whether that is worth trying."""
        ...

    async def open_again(self, media: Runner, clock: Clock, mix_rate: int) -> Source:
        """Return the source, ready to be read. Raises MediaError."""
        ...


async def read_on(access: Reopenable, reader: Reader, *, mix_rate: int, clock: Clock, media: Runner) -> None:
    """Read to the end; what is live is opened again when it ends or breaks, until nobody wants more of it.

    Raises MediaError where the medium breaks, or did not come back for `GIVE_UP_US`.
    """

    async def go_on() -> None:
        await reader.go_on_with(await access.open_again(media, clock, mix_rate))

    error = await _error_of(reader.run())
    wait_us, give_up_at, read_count = FIRST_WAIT_US, ServerTimeUs(clock.now() + GIVE_UP_US), reader.read_count
    while access.can_come_back and not reader.is_stopped and clock.now() < give_up_at:
        _LOGGER.info("A live medium %s: opened again in %d s", error or "ended", wait_us // US_PER_S)
        if not await reader.rest(clock, ServerTimeUs(min(clock.now() + wait_us, give_up_at))):
            return
        wait_us = min(2 * wait_us, LONGEST_WAIT_US)
        error = await _error_of(go_on())
        if reader.read_count > read_count:
            wait_us, give_up_at, read_count = FIRST_WAIT_US, ServerTimeUs(clock.now() + GIVE_UP_US), reader.read_count
    if access.can_come_back and error is None:
        error = MediaDecodeError("it ended, and gave nothing when it was opened again")
    if error is not None:
        raise error


async def _error_of(reading: Awaitable[None]) -> MediaError | None:
    try:
        await reading
    except MediaError as error:
        return error
    return None
