"""When clients are dialled, in virtual time."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given, settings, strategies as st
import pytest

from core.events import LossReason
from core.server.dialer import Dialer, DialPolicy, Target, sort_urls
from core.server.transport import Transport
from core.units import US_PER_S, ClientId, ServerTimeUs
from tests.fakes.clock import FakeClock
from tests.fakes.transport import MemoryTransport

KITCHEN = ClientId("kitchen")
URL = "ws://192.0.2.7:8928/sendspin"


def at(seconds: float) -> ServerTimeUs:
    return ServerTimeUs(round(seconds * US_PER_S))


# Policy


def test_backs_off_doubling_up_to_five_minutes() -> None:
    policy = DialPolicy(at(0))
    assert policy.next_at == at(0)
    waits = []
    for _ in range(11):
        policy.failed(at(100))
        assert policy.next_at is not None
        waits.append((policy.next_at - at(100)) // US_PER_S)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize(("length_s", "wait_s"), [(9.9, 8), (10, 1)])
def test_a_session_of_ten_seconds_resets_the_back_off(length_s: float, wait_s: int) -> None:
    policy = DialPolicy(at(0))
    for _ in range(3):
        policy.failed(at(0))
    policy.connected(at(100))
    assert policy.next_at is None
    policy.ended(at(100 + length_s), LossReason.CONNECTION_LOST)
    assert policy.next_at == at(100 + length_s + wait_s)


@pytest.mark.parametrize(
    ("reason", "wait_s"),
    [
        (LossReason.RESTART, 1),
        (LossReason.CONNECTION_LOST, 1),
        (LossReason.PROTOCOL_ERROR, 1),
        (LossReason.TOO_SLOW, 1),
        (LossReason.REPLACED, 1),
        (LossReason.CONCURRENT_ATTEMPT, 180),
        (LossReason.ANOTHER_SERVER, None),
        (LossReason.SHUTDOWN, None),
        (LossReason.USER_REQUEST, None),
        (LossReason.UNAUTHORIZED, None),
        (LossReason.PAIRING_REQUIRED, None),
        (LossReason.UNPAIRED, None),
    ],
)
def test_what_each_goodbye_means(reason: LossReason, wait_s: int | None) -> None:
    policy = DialPolicy(at(0))
    policy.connected(at(0))
    policy.ended(at(60), reason)
    assert policy.next_at == (None if wait_s is None else at(60 + wait_s))
    policy.shown(at(70))
    if reason == LossReason.SHUTDOWN:
        assert policy.next_at == at(70)
    elif wait_s is None:
        assert policy.next_at is None
    policy.wanted(at(80))
    assert policy.next_at == at(80)


@given(steps=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["fail", "connect", *LossReason])), max_size=40))
@settings(max_examples=50)
def test_never_sooner_than_a_second_after_a_failure_unless_somebody_asks(steps: list[tuple[int, str]]) -> None:
    policy = DialPolicy(at(0))
    now = 0
    for wait_s, step in steps:
        now += wait_s
        if step == "connect":
            policy.connected(at(now))
            assert policy.next_at is None
            continue
        if step == "fail":
            policy.failed(at(now))
        else:
            policy.ended(at(now), LossReason(step))
        assert policy.next_at is None or at(now + 1) <= policy.next_at <= at(now + 300)


def test_link_local_addresses_are_the_last_resort() -> None:
    local, name = "ws://169.254.3.4:8928/sendspin", "ws://kitchen.local:8928/sendspin"
    assert sort_urls([local, URL, name]) == (URL, name)
    assert sort_urls([local]) == (local,)
    assert sort_urls(["ws://[fe80::1]:8928/x", local]) == ("ws://[fe80::1]:8928/x",)


# Dialer


class House:
    """Devices at addresses, some of them there; what was tried and how sessions went."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.client_by_url: dict[str, ClientId] = {}
        self.attempts: list[tuple[float, str]] = []
        self.sessions: list[tuple[ClientId, bool]] = []
        self.connected: dict[ClientId, asyncio.Future[LossReason]] = {}
        self.dialer = Dialer(
            clock, connect=self.connect, serve=self.serve, is_connected=lambda client_id: client_id in self.connected
        )

    @property
    def now_s(self) -> float:
        return self.clock.now() / US_PER_S

    async def connect(self, url: str) -> Transport:
        self.attempts.append((self.now_s, url))
        await asyncio.sleep(0)
        if url not in self.client_by_url:
            raise ConnectionRefusedError(url)
        return MemoryTransport(peer=url)

    async def serve(self, transport: Transport, target: Target) -> LossReason:
        client_id = self.client_by_url[transport.peer]
        target.client_id = client_id
        if client_id in self.connected:
            return LossReason.REPLACED
        self.sessions.append((client_id, target.is_wanted))
        ended: asyncio.Future[LossReason] = asyncio.get_running_loop().create_future()
        self.connected[client_id] = ended
        return await ended

    def lose(self, client_id: ClientId, reason: LossReason) -> None:
        self.connected.pop(client_id).set_result(reason)
        self.dialer.client_lost(client_id, reason)

    async def pass_s(self, seconds: float) -> None:
        await self.clock.sleep(round(seconds * US_PER_S))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(FakeClock(0))
    yield house
    await house.dialer.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("resonate")]


async def test_dials_at_once_and_again_after_a_loss(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(20)
    assert house.attempts == [(0, URL)]
    house.lose(KITCHEN, LossReason.CONNECTION_LOST)
    await house.pass_s(2)
    assert house.attempts == [(0, URL), (21, URL)]
    assert house.sessions == [(KITCHEN, False)] * 2


async def test_repeated_announcements_change_nothing_but_the_next_addresses(house: House) -> None:
    house.client_by_url = {URL: KITCHEN, "ws://new/": KITCHEN}
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    for _ in range(20):
        house.dialer.dial("k", ["ws://new/"])
        await house.pass_s(1)
    assert len(house.attempts) == 1
    house.lose(KITCHEN, LossReason.RESTART)
    await house.pass_s(2)
    assert [url for _, url in house.attempts] == [URL, "ws://new/"]


async def test_tries_the_addresses_in_order_then_waits(house: House) -> None:
    house.dialer.dial("k", ["ws://a/", "ws://b/"])
    await house.pass_s(4)
    assert house.attempts == [(t, url) for t in (0, 1, 3) for url in ("ws://a/", "ws://b/")]


async def test_never_dials_a_client_that_came_by_itself(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(20)
    house.lose(KITCHEN, LossReason.CONNECTION_LOST)
    house.connected[KITCHEN] = asyncio.get_running_loop().create_future()
    await house.pass_s(500)
    assert len(house.attempts) == 1
    house.lose(KITCHEN, LossReason.CONNECTION_LOST)
    await house.pass_s(2)
    assert house.attempts[1:] == [(521, URL)]


async def test_two_names_for_one_client_are_dialled_once_each(house: House) -> None:
    house.client_by_url = {URL: KITCHEN, "ws://manual/": KITCHEN}
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.dialer.dial("manual:1", ["ws://manual/"])
    await house.pass_s(3_600)
    assert [url for _, url in house.attempts] == [URL, "ws://manual/"]
    assert len(house.sessions) == 1


async def test_another_server_is_left_alone_until_somebody_plays(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.lose(KITCHEN, LossReason.ANOTHER_SERVER)
    house.dialer.dial("k", [URL])
    await house.pass_s(3_600)
    assert len(house.sessions) == 1
    house.dialer.want(KITCHEN)
    await house.pass_s(1)
    assert house.sessions[1:] == [(KITCHEN, True)]
    house.lose(KITCHEN, LossReason.RESTART)
    await house.pass_s(3)
    assert house.sessions[2:] == [(KITCHEN, False)]


async def test_shut_down_comes_back_when_it_is_announced(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.lose(KITCHEN, LossReason.SHUTDOWN)
    await house.pass_s(3_600)
    assert len(house.sessions) == 1
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    assert len(house.sessions) == 2


async def test_gone_and_announced_again_is_a_new_start(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.lose(KITCHEN, LossReason.USER_REQUEST)
    house.dialer.undial("k")
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    assert len(house.sessions) == 2


async def test_no_longer_announced_keeps_its_session_and_is_not_dialled_again(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.dialer.undial("k")
    house.dialer.undial("unknown")
    await house.pass_s(60)
    assert KITCHEN in house.connected
    house.lose(KITCHEN, LossReason.CONNECTION_LOST)
    await house.pass_s(600)
    assert len(house.attempts) == 1


async def test_undialled_while_nobody_answers(house: House) -> None:
    house.dialer.dial("k", [URL])
    await house.pass_s(10)
    house.dialer.undial("k")
    tried = len(house.attempts)
    await house.pass_s(600)
    assert len(house.attempts) == tried
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    assert house.sessions == [(KITCHEN, False)]


async def test_wanting_a_client_that_is_there_or_unknown_does_nothing(house: House) -> None:
    house.client_by_url[URL] = KITCHEN
    house.dialer.dial("k", [URL])
    await house.pass_s(1)
    house.dialer.want(KITCHEN)
    house.dialer.want(ClientId("unknown"))
    await house.pass_s(60)
    assert len(house.attempts) == 1
