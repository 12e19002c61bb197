"""One medium in several groups at the same instant."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ..clock import Clock
from ..errors import CommandRefusedError, Refusal, ResonateError
from ..media.request import MediaRequest
from ..units import US_PER_MS, ServerTimeUs
from .group import ResonateGroup
from .item import Item

_MARGIN_US: Final = 200 * US_PER_MS
"""Beyond what players need: as long as the first step of every group may take."""


async def interject_together(
    reached: Callable[[], Sequence[ResonateGroup]], requests: Sequence[MediaRequest], *, clock: Clock
) -> None:
    """Let groups hear media in between once all have opened the first.

    `reached` says which: asked again once it is open, for somebody may have been moved. Who cannot is left out; raises
    the first of those errors when that goes for all, and CommandRefusedError when there is nobody.
    """
    first, *others = requests
    opening = reached()
    opened = await asyncio.gather(*(group.open_interjection(first) for group in opening), return_exceptions=True)
    items = [item for item in opened if isinstance(item, Item)]
    errors = [error for error in opened if isinstance(error, BaseException)]
    groups = reached()
    leads_ms = [client.lead_ms for group in groups for client in group.members.values()]
    lead_us = max(leads_ms, default=0) * US_PER_MS
    at = ServerTimeUs(clock.now() + lead_us + _MARGIN_US) if len(groups) > 1 else None
    has_begun = False
    for group in groups:
        try:
            item = items.pop() if items else await group.open_interjection(first)
            await group.interject(item, others, start_at=at)
            has_begun = True
        except ResonateError as error:
            errors.append(error)
    for item in items:  # of groups that are gone, or one by now
        await opening[0].discard(item)
    errors.sort(key=lambda error: isinstance(error, ResonateError))  # one of our own is not to be hidden
    if errors and not (has_begun and isinstance(errors[0], ResonateError)):
        raise errors[0]
    if not has_begun:
        raise CommandRefusedError(Refusal.NOT_CONNECTED)
