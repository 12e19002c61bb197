"""Many calls, some in each turn of the loop."""

import asyncio

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.const import SIGNAL_CORE_EVENT
from custom_components.resonate.core.events import ClientLost, Event
from custom_components.resonate.turns import CALLS_A_TURN, Turns

from .helpers import Connect, Until, state_of


class Caller:
    """Writes down what is called, and how many at the end of each turn."""

    def __init__(self) -> None:
        self.called: list[int] = []
        self.done: list[int] = []
        self.turns = Turns(asyncio.get_running_loop(), self.called.append, lambda: self.done.append(len(self.called)))


async def test_a_few_are_called_at_once() -> None:
    caller = Caller()
    caller.turns.begin(range(CALLS_A_TURN))
    assert caller.called == list(range(CALLS_A_TURN))
    assert not caller.turns.is_busy
    assert caller.done == []


async def test_many_are_called_in_turns_and_in_their_order() -> None:
    caller = Caller()
    count = 2 * CALLS_A_TURN + 1
    caller.turns.begin(range(count))
    for called in (CALLS_A_TURN, 2 * CALLS_A_TURN, count):
        assert (len(caller.called), caller.turns.is_busy) == (called, called < count)
        await asyncio.sleep(0)
    assert caller.called == list(range(count))
    assert caller.done == [count]


async def test_who_waits_is_called_once_more_only_when_it_was_called_already() -> None:
    caller = Caller()
    keys = range(CALLS_A_TURN + 10)
    caller.turns.begin(keys)
    caller.turns.begin(keys)
    while caller.turns.is_busy:
        await asyncio.sleep(0)
    assert caller.called == [*keys, *range(CALLS_A_TURN)]
    assert caller.done == [len(caller.called)]


async def test_what_happens_is_told_when_every_entity_shows_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    clients = [await connect(f"player {number:02}") for number in range(14)]
    await until(lambda: all(state_of(hass, client) == "idle" for client in clients))
    assert len(running.runtime_data._listeners) > CALLS_A_TURN
    last = clients[-1]
    shown: asyncio.Future[str | None] = hass.loop.create_future()

    @callback  # else it is called by a thread
    def take(event: Event) -> None:
        if isinstance(event, ClientLost) and not shown.done():
            shown.set_result(state_of(hass, last))

    async_dispatcher_connect(hass, SIGNAL_CORE_EVENT, take)
    await last.close()
    async with asyncio.timeout(15):
        assert await shown == "unavailable"


async def test_one_entity_that_fails_takes_nothing_from_the_others(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    def fail() -> None:
        raise ValueError

    coordinator = running.runtime_data
    coordinator.async_add_listener(fail)
    heard: list[int] = []
    coordinator.async_add_listener(lambda: heard.append(1))
    await connect("kitchen")
    assert heard
