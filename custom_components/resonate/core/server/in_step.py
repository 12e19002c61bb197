"""One medium in several groups at the same instant."""

import asyncio
from collections.abc import Sequence
from typing import Final

from ..clock import Clock
from ..errors import ResonateError
from ..media.request import MediaRequest
from ..units import US_PER_MS, ServerTimeUs
from .group import ResonateGroup
from .item import Item

_MARGIN_US: Final = 200 * US_PER_MS
"""Beyond what players need: as long as the first step of every group may take."""


async def interject_together(
    groups: Sequence[ResonateGroup], requests: Sequence[MediaRequest], *, clock: Clock, lead_us: int
) -> None:
    """Let groups hear media in between once all have opened the first; `lead_us` is what their players need.

    Who cannot is left out; raises the first of those errors when that goes for all.
    """
    first, *others = requests
    opened = await asyncio.gather(*(group.open_interjection(first) for group in groups), return_exceptions=True)
    at = ServerTimeUs(clock.now() + lead_us + _MARGIN_US) if len(groups) > 1 else None
    errors: list[BaseException] = []
    for group, item in zip(groups, opened, strict=True):
        try:
            if not isinstance(item, Item):
                raise item
            await group.interject(item, others, start_at=at)
        except ResonateError as error:
            errors.append(error)
    if len(errors) == len(groups):
        raise errors[0]
