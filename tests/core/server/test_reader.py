"""Reading ahead: as far as there is room, and no further."""

import asyncio

import numpy as np
import pytest

from core.errors import MediaDecodeError
from core.formats import STEREO
from core.server.reader import AHEAD_US, FIRST_READ_US, READ_US, Reader
from core.units import us_to_frames
from tests.fakes.rig import ramp
from tests.fakes.runner import InlineRunner
from tests.fakes.stage import Material

AHEAD = AHEAD_US * 48_000 // 1_000_000
PIECE = READ_US * 48_000 // 1_000_000


class Desk:
    """A reader of a material, and how often it said that there is something."""

    def __init__(self, material: Material) -> None:
        self.news_count = 0
        self.media = InlineRunner()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.reader = Reader(
            material, mix_rate=48_000, media=self.media, on_data=self._news, wait_for_turn=self.may_read.wait
        )

    def _news(self) -> None:
        self.news_count += 1


async def turn(count: int = 100) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_it_reads_no_further_than_there_is_room_and_on_when_something_was_taken() -> None:
    material = Material(ramp(48_000), repeats=1_000)
    desk = Desk(material)
    reading = asyncio.create_task(desk.reader.run())
    await turn()
    held = sum(len(passage.block) for passage in desk.reader._passages)
    assert AHEAD <= held < AHEAD + PIECE
    calls = desk.media.call_count
    await turn()
    assert desk.media.call_count == calls
    taken = desk.reader.take(PIECE)
    assert sum(len(passage.block) for passage in taken.passages) >= PIECE
    await turn()
    assert AHEAD <= sum(len(passage.block) for passage in desk.reader._passages) < AHEAD + PIECE
    desk.reader.stop()
    await reading


async def test_it_waits_for_its_turn_before_each_read() -> None:
    desk = Desk(Material(ramp(48_000), repeats=1_000))
    desk.may_read.clear()
    reading = asyncio.create_task(desk.reader.run())
    await turn()
    assert desk.media.call_count == 0
    desk.may_read.set()
    await turn()
    calls = desk.media.call_count
    assert calls > 0
    desk.may_read.clear()
    desk.reader.take(PIECE)
    await turn()
    assert desk.media.call_count == calls
    desk.reader.stop()
    desk.may_read.set()
    await reading
    assert desk.media.call_count <= calls + 1


async def test_the_first_piece_is_short_and_everything_comes_in_order() -> None:
    desk = Desk(Material(ramp(100_000)))
    await desk.reader.run()
    desk.reader.end()
    (first,) = desk.reader.take(1).passages
    assert len(first.block) == us_to_frames(FIRST_READ_US, 48_000) < PIECE
    rest = desk.reader.take(10**9)
    assert rest.is_ended
    whole = np.concatenate([first.block, *(passage.block for passage in rest.passages)])
    assert np.array_equal(whole, ramp(100_000))
    assert all(passage.layout == STEREO for passage in rest.passages)


async def test_the_end_is_told_once_with_the_last_of_it() -> None:
    desk = Desk(Material(ramp(10_000)))
    await desk.reader.run()
    before = desk.news_count
    desk.reader.end()
    assert desk.news_count == before + 1
    told = [
        (desk.reader.take(1).is_ended, desk.reader.has_news),
        (desk.reader.take(10_000).is_ended, desk.reader.has_news),
    ]
    assert told == [(False, True), (True, False)]


async def test_an_empty_source_is_news_too() -> None:
    desk = Desk(Material(ramp(10), repeats=0))
    await desk.reader.run()
    before = desk.reader.has_news
    desk.reader.end()
    assert (before, desk.reader.has_news) == (False, True)
    assert desk.reader.take(1).is_ended


async def test_stopped_it_reads_and_says_no_more_but_gives_what_is_there() -> None:
    desk = Desk(Material(ramp(48_000), repeats=100))
    reading = asyncio.create_task(desk.reader.run())
    await turn(4)
    desk.reader.stop()
    await reading
    calls, news = desk.media.call_count, desk.news_count
    desk.reader.end()
    await turn()
    assert (desk.media.call_count, desk.news_count) == (calls, news)
    assert desk.reader.has_news
    assert not desk.reader.take(10**9).is_ended
    await desk.reader.run()
    assert desk.media.call_count == calls


async def test_stopped_during_a_read_it_drops_what_that_gave() -> None:
    desk = Desk(Material(ramp(48_000)))
    reading = asyncio.create_task(desk.reader.run())
    await asyncio.sleep(0)
    desk.reader.stop()
    await reading
    assert not desk.reader.has_news


async def test_a_source_that_breaks_says_so_and_what_came_before_can_be_taken() -> None:
    desk = Desk(Material(ramp(48_000), breaks_at=24_000))
    with pytest.raises(MediaDecodeError):
        await desk.reader.run()
    assert sum(len(passage.block) for passage in desk.reader.take(10**9).passages) >= 24_000
