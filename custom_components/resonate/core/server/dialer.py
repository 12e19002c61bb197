"""Opens connections to the clients that wait to be dialled, and knows when not to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
import ipaddress
import logging
from typing import Final
from urllib.parse import urlsplit

from ..clock import Clock
from ..events import LossReason
from ..units import US_PER_S, ClientId, ServerTimeUs
from .transport import Transport

_LOGGER = logging.getLogger(__name__)

_FIRST_BACKOFF_US: Final = 1 * US_PER_S  # protocol.md 2
_MAX_BACKOFF_US: Final = 300 * US_PER_S
_STABLE_SESSION_US: Final = 10 * US_PER_S
_CONCURRENT_RETRY_US: Final = 180 * US_PER_S  # protocol.md 4.6: "minutes"

_BACK_WHEN_SHOWN: Final = frozenset({LossReason.SHUTDOWN})
_BACK_WHEN_WANTED: Final = frozenset(
    {
        LossReason.ANOTHER_SERVER,
        LossReason.USER_REQUEST,
        LossReason.UNAUTHORIZED,
        LossReason.PAIRING_REQUIRED,
        LossReason.UNPAIRED,
    }
)


class DialPolicy:
    """When to dial one client next. Sans-IO: `now` in, `next_at` out. Source: protocol.md 2 and 4.6."""

    def __init__(self, now: ServerTimeUs) -> None:
        """Be ready to dial at once."""
        self.next_at: ServerTimeUs | None = now
        """None: not before something happens."""
        self._backoff_us = _FIRST_BACKOFF_US
        self._reason: LossReason | None = None
        self._connected_at = now

    def connected(self, now: ServerTimeUs) -> None:
        """Take note that the client is there."""
        self.next_at = None
        self._connected_at = now

    def failed(self, now: ServerTimeUs) -> None:
        """Take note that nobody answered, or nobody who speaks our language."""
        self.next_at = ServerTimeUs(now + self._backoff_us)
        self._backoff_us = min(2 * self._backoff_us, _MAX_BACKOFF_US)

    def ended(self, now: ServerTimeUs, reason: LossReason) -> None:
        """Take note that the session is over."""
        self._reason = reason
        if now - self._connected_at >= _STABLE_SESSION_US:
            self._backoff_us = _FIRST_BACKOFF_US
        if reason in _BACK_WHEN_SHOWN | _BACK_WHEN_WANTED:
            self.next_at = None
        elif reason == LossReason.CONCURRENT_ATTEMPT:
            self.next_at = ServerTimeUs(now + _CONCURRENT_RETRY_US)
        else:
            self.failed(now)

    def shown(self, now: ServerTimeUs) -> None:
        """Take note that the client is announced anew."""
        if self.next_at is None and self._reason in _BACK_WHEN_SHOWN:
            self._restart(now)

    def wanted(self, now: ServerTimeUs) -> None:
        """Take note that somebody wants to play on it: whatever it said before, it is asked again."""
        self._restart(now)

    def _restart(self, now: ServerTimeUs) -> None:
        self.next_at = now
        self._backoff_us = _FIRST_BACKOFF_US


class Target:
    """One client to dial, by the name it is announced under."""

    def __init__(self, key: str, urls: Sequence[str], policy: DialPolicy) -> None:
        """Know no client yet: who is there is told by its hello."""
        self.key = key
        self.urls = tuple(urls)
        self.policy = policy
        self.client_id: ClientId | None = None
        """Who answered there last."""
        self.is_wanted = False
        """Somebody waits to play on it."""
        self.is_listed = True
        """False: let go of when its session ends."""
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def answered_by(self, client_id: ClientId) -> None:
        """Take note of who is there."""
        self.client_id = client_id


class Dialer:
    """Keeps a connection to every client it was told of. On the loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        connect: Callable[[str], Awaitable[Transport]],
        serve: Callable[[Transport, Target], Awaitable[LossReason]],
        is_connected: Callable[[ClientId], bool],
    ) -> None:
        """`connect` opens a URL or raises OSError; `serve` holds the session until it ends and says why it did."""
        self._clock = clock
        self._connect = connect
        self._serve = serve
        self._is_connected = is_connected
        self._targets: dict[str, Target] = {}

    def dial(self, key: str, urls: Sequence[str]) -> None:
        """Keep a connection to whoever answers at the first of these; known already: from the next attempt on."""
        urls = sort_urls(urls)
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = Target(key, urls, DialPolicy(self._clock.now()))
            target.task = asyncio.get_running_loop().create_task(self._run(target), name=f"resonate dial {key}")
            return
        target.urls = urls
        was_listed, target.is_listed = target.is_listed, True
        if self._has_session(target):
            return
        if was_listed:
            target.policy.shown(self._clock.now())
        else:
            target.policy = DialPolicy(self._clock.now())
        target.wake.set()

    def undial(self, key: str) -> None:
        """Dial no more; a live session stays."""
        if (target := self._targets.get(key)) is None:
            return
        target.is_listed = False
        target.wake.set()

    def want(self, client_id: ClientId) -> None:
        """Dial a client now, to play on it, if it is not there and one knows where it was."""
        for target in self._targets.values():
            if target.client_id == client_id and not self._has_session(target):
                target.is_wanted = True
                target.policy.wanted(self._clock.now())
                target.wake.set()

    def client_lost(self, client_id: ClientId, reason: LossReason) -> None:
        """Take note that a client which had dialled us itself is gone."""
        for target in self._targets.values():
            if target.client_id == client_id and target.policy.next_at is None:
                target.policy.ended(self._clock.now(), reason)
                target.wake.set()

    async def close(self) -> None:
        """Stop; sessions must have been ended by whoever owns them."""
        tasks = [target.task for target in self._targets.values() if target.task is not None]
        self._targets.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _has_session(self, target: Target) -> bool:
        return target.client_id is not None and self._is_connected(target.client_id)

    async def _run(self, target: Target) -> None:
        while target.is_listed:
            if target.policy.next_at is None:
                await self._wait(target, None)
            elif target.policy.next_at > self._clock.now():
                await self._wait(target, target.policy.next_at)
            elif self._has_session(target):
                target.policy.connected(self._clock.now())  # it came by itself: `client_lost` tells when it goes
            else:
                await self._attempt(target)
        if self._targets.get(target.key) is target:
            del self._targets[target.key]

    async def _wait(self, target: Target, until: ServerTimeUs | None) -> None:
        timer = None if until is None else self._clock.call_at(until, target.wake.set)
        try:
            await target.wake.wait()
            target.wake.clear()
        finally:
            if timer is not None:
                timer.cancel()

    async def _attempt(self, target: Target) -> None:
        for url in target.urls:
            try:
                transport = await self._connect(url)
            except OSError as err:
                _LOGGER.debug("%s does not answer at %s: %s", target.key, url, err)
                continue
            target.policy.connected(self._clock.now())
            reason = await self._serve(transport, target)
            target.is_wanted = False
            if target.policy.next_at is None:
                target.policy.ended(self._clock.now(), reason)
            return
        target.policy.failed(self._clock.now())


def sort_urls(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the URLs worth trying: no link-local IPv4 where there is anything else (protocol.md 2)."""
    return tuple(url for url in urls if not _is_link_local(url)) or tuple(urls)


def _is_link_local(url: str) -> bool:
    try:
        address = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return address.version == 4 and address.is_link_local
