"""What Home Assistant is told of queues: what was done to them, once for all that is done together."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from homeassistant.core import Event, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.resonate import queue_news
from custom_components.resonate.const import EVENT_QUEUE_CHANGED
from custom_components.resonate.core.media.request import MediaRequest
from custom_components.resonate.core.queue import Queue, Repeat
from custom_components.resonate.core.server.server import ResonateServer
from custom_components.resonate.core.units import ClientId, EntryId
from custom_components.resonate.queue_news import QueueChangeReason, reason_of

from .helpers import LONG, SONG, Connect, Until, act, attribute_of, play, state_of, unload
from .named import add_group, group_entity, play_on
from .test_memberships import restart
from .test_queue_store import pass_time

pytestmark = pytest.mark.usefixtures("songs")

HOUR_S = 3_600.0
KITCHEN = "media_player.kitchen"
ONE = [MediaRequest(media_id="1")]
THREE = Queue().add([MediaRequest(media_id=name) for name in "123"])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be told before a test says so."""
    monkeypatch.setattr(queue_news, "SETTLE_S", HOUR_S)


async def told(hass: HomeAssistant, news: list[Event], until: Until) -> tuple[object, ...]:
    """Let time pass, and return what the one event says that has come since."""
    await pass_time(hass, HOUR_S + 1)
    await until(lambda: news)
    (event,) = news
    news.clear()
    data = event.data
    return data["entity_id"], data["reason"], data["queue_position"], data["queue_size"]


@pytest.mark.usefixtures("patient")
async def test_what_is_done_to_a_queue(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    news = async_capture_events(hass, EVENT_QUEUE_CHANGED)
    await play(hass, LONG, kitchen)
    await until(lambda: attribute_of(hass, kitchen, "queue_position") == 1)
    assert await told(hass, news, until) == ([KITCHEN], "added", 1, 1)
    await play(hass, LONG, kitchen, enqueue="add")
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 2)
    assert await told(hass, news, until) == ([KITCHEN], "added", 1, 2)
    await act(hass, "media_next_track", kitchen)  # no change
    await until(lambda: attribute_of(hass, kitchen, "queue_position") == 2)
    await act(hass, "repeat_set", kitchen, repeat="all")
    await until(lambda: attribute_of(hass, kitchen, "repeat") == "all")
    assert await told(hass, news, until) == ([KITCHEN], "repeat", 2, 2)
    await play(hass, SONG, kitchen)
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 1)
    assert await told(hass, news, until) == ([KITCHEN], "replaced", 1, 1)
    await act(hass, "clear_playlist", kitchen)
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 0)
    assert await told(hass, news, until) == ([KITCHEN], "cleared", None, 0)
    await pass_time(hass, 2 * HOUR_S)
    assert news == []


@pytest.mark.usefixtures("patient")
async def test_ten_thousand_entries_are_one_event(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await connect("bath")
    news = async_capture_events(hass, EVENT_QUEUE_CHANGED)
    requests = [MediaRequest(media_id=str(number)) for number in range(500)]

    def add(server: ResonateServer) -> None:
        server.queue(ClientId("kitchen")).add(requests)

    for turn in range(20):
        await running.runtime_data.bridge.async_call(add)
        size = 500 * (turn + 1)
        await until(partial(lambda size: attribute_of(hass, kitchen, "queue_size") == size, size))
    assert news == []
    assert await told(hass, news, until) == ([KITCHEN], "added", None, 10_000)


@pytest.mark.usefixtures("patient")
async def test_it_is_told_of_a_named_group_and_all_in_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group = group_entity(hass, await add_group(hass, running, "Downstairs", kitchen, bath))
    news = async_capture_events(hass, EVENT_QUEUE_CHANGED)
    await play_on(hass, LONG, group)
    await until(lambda: state_of(hass, bath) == "playing")
    assert await told(hass, news, until) == (["media_player.bath", group, KITCHEN], "added", 1, 1)


async def test_what_comes_back_after_a_restart_is_no_change(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group = group_entity(hass, await add_group(hass, running, "Upstairs", bath))
    await play_on(hass, LONG, group)
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    news = async_capture_events(hass, EVENT_QUEUE_CHANGED)
    await until(lambda: len(news) == 2)
    news.clear()
    await restart(hass, running, until, kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await pass_time(hass, 2)
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await pass_time(hass, 4)
    assert news == []
    await play(hass, SONG, kitchen, enqueue="add")
    await until(lambda: news)
    assert [event.data["reason"] for event in news] == ["added"]


@pytest.mark.usefixtures("patient")
async def test_nothing_is_told_once_it_is_unloaded(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    news = async_capture_events(hass, EVENT_QUEUE_CHANGED)
    await play(hass, LONG, kitchen)
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 1)
    await play(hass, LONG, kitchen, enqueue="add")
    await until(lambda: attribute_of(hass, kitchen, "queue_size") == 2)
    await unload(hass, running)
    await pass_time(hass, HOUR_S + 1)
    assert news == []


def _nothing(queue: Queue) -> Queue:
    return replace(queue, entries=tuple(queue.entries))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_nothing, None),
        (lambda queue: queue.at(EntryId(2)), None),
        (lambda queue: queue.add(ONE), QueueChangeReason.ADDED),
        (lambda queue: queue.add_next(ONE).repeated(Repeat.ALL), QueueChangeReason.ADDED),
        (lambda queue: queue.remove([EntryId(2)]), QueueChangeReason.REMOVED),
        (lambda queue: queue.remove([EntryId(2)]).add(ONE), QueueChangeReason.REPLACED),
        (lambda queue: queue.replaced(ONE), QueueChangeReason.REPLACED),
        (lambda _: Queue().add(ONE), QueueChangeReason.REPLACED),  # of the same ids, but others
        (lambda queue: queue.cleared(), QueueChangeReason.CLEARED),
        (lambda queue: queue.move([EntryId(3)], 0), QueueChangeReason.MOVED),
        (lambda queue: queue.shuffled(7), QueueChangeReason.SHUFFLED),
        (lambda queue: queue.repeated(Repeat.ONE), QueueChangeReason.REPEAT),
    ],
)
def test_why_a_queue_is_another(change: Callable[[Queue], Queue], reason: QueueChangeReason | None) -> None:
    assert reason_of(THREE, change(THREE)) is reason


def test_a_new_round_of_a_shuffled_queue_is_shuffled_anew() -> None:
    last = THREE.shuffled(7).repeated(Repeat.ALL)
    last = last.at(last.entries[-1].entry_id)
    anew = last.skip()
    assert anew is not None
    assert reason_of(last, anew) is QueueChangeReason.SHUFFLED
    assert reason_of(last, last.in_order()) is QueueChangeReason.SHUFFLED
