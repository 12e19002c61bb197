"""What is heard in between, and how everything is again as it was; heard by what players are sent."""

import asyncio

import numpy as np
import pytest

from core.errors import CommandRefusedError, FormatError, MediaOpenError, QueueFullError
from core.events import MediumChanged, MediumState, PlaybackEnded
from core.formats import Block
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.server.interjections import MOST_WAITING
from core.server.snapshot import PlaybackState
from core.units import US_PER_S
from tests.fakes.house import House, housed
from tests.fakes.stage import Material

SECOND = US_PER_S
RATE = 48_000
CHIME = -0.5


def numbered(frame_count: int) -> Block:
    """Return music of which every frame tells its own number."""
    numbers = np.arange(frame_count)
    return np.stack([numbers % 32_768, numbers // 32_768], axis=1).astype(np.float32) / np.float32(32_768)


def music(name: str = "music", seconds: float = 30.0, *, is_live: bool = False) -> MediaRequest:
    block = numbered(round(seconds * RATE))

    def resolve() -> MediaRequest:
        return MediaRequest(stream=MediaStream(main=Material(block, is_live=is_live, is_seekable=not is_live)))

    return MediaRequest(media_id=name, resolve=resolve)


def chime(
    name: str = "chime", seconds: float = 1.0, *, opens: bool = True, breaks_at: int | None = None
) -> MediaRequest:
    block = np.full((round(seconds * RATE), 2), CHIME, np.float32)

    def resolve() -> MediaRequest:
        if not opens:
            raise MediaOpenError("no chime")
        return MediaRequest(stream=MediaStream(main=Material(block, breaks_at=breaks_at)))

    return MediaRequest(media_id=name, resolve=resolve)


async def interject(house: House, first: MediaRequest, *others: MediaRequest) -> None:
    await house.group.interject(await house.group.open_interjection(first), others)


def started_at(house: House, name: str) -> int:
    told = (event for event in house.events if isinstance(event, MediumChanged))
    return next(event.at for event in told if (event.media_id, event.state) == (name, MediumState.STARTED))


def chime_frames(heard: Block) -> int:
    return int(np.count_nonzero(heard[:, 0] < 0))


def numbers(heard: Block) -> list[int]:
    """Return the frames of music that are heard, as ranges: first, last, first, last."""
    scaled = np.rint(heard[heard[:, 0] >= 0] * 32_768).astype(int)
    found = scaled[:, 0] + 32_768 * scaled[:, 1]
    breaks = np.flatnonzero(np.diff(found) != 1)
    return [int(found[index]) for at in breaks for index in (at, at + 1)] if len(breaks) else [int(found[0])]


async def test_music_goes_on_at_the_frame_where_it_was_interrupted() -> None:
    async with housed("ann") as house:
        await house.group.play([music(), music("next")])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime())
        await house.clock.sleep(SECOND // 2)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.state) == ("chime", PlaybackState.PLAYING)
        assert [entry.request.media_id for entry in shown.queue.entries] == ["music", "next"]
        assert shown.queue.current_index == 0
        await house.clock.sleep(3 * SECOND)
        heard = house.pcm("ann")
        assert chime_frames(heard) == RATE
        assert np.all(heard[:RATE, 0] < 0), "the chime first, in one piece"
        heard_us = started_at(house, "chime") - started_at(house, "music")
        assert abs(numbers(heard)[0] - heard_us * RATE / SECOND) <= 1
        assert house.state() == PlaybackState.PLAYING
        assert house.media_told() == [("music", "started"), ("chime", "started"), ("chime", "ended")]
        after = house.group.snapshot()
        assert after.interrupted is None
        assert after.position_at is not None
        expected_us = heard_us + (after.position_at - (started_at(house, "chime") + SECOND))
        assert abs((after.position_us or 0) - expected_us) < 1_000
        await house.clock.sleep(60 * SECOND)
        assert house.media_told()[3:] == [("music", "ended"), ("next", "started"), ("next", "ended")]


async def test_what_is_paused_stays_paused_at_its_place() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await house.group.pause()
        before = house.group.snapshot()
        await interject(house, chime())
        await house.clock.sleep(SECOND // 2)
        assert house.state() == PlaybackState.PLAYING
        await house.clock.sleep(5 * SECOND)
        after = house.group.snapshot()
        assert (after.state, after.position_us) == (PlaybackState.PAUSED, before.position_us)
        assert after.medium is not None
        assert after.medium.media_id == "music"
        await house.group.resume()
        await house.clock.sleep(2 * SECOND)
        assert abs(numbers(house.pcm("ann"))[0] - (before.position_us or 0) * RATE / SECOND) <= 1


async def test_what_is_idle_is_idle_again_and_the_queue_is_where_it_was() -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two", 60)])
        await house.clock.sleep(40 * SECOND)
        await house.group.stop()
        await interject(house, chime())
        await house.clock.sleep(5 * SECOND)
        shown = house.group.snapshot()
        assert (shown.state, shown.medium, shown.queue.current_index) == (PlaybackState.IDLE, None, 1)
        assert not any(isinstance(event, PlaybackEnded) for event in house.events)
        assert house.sessions["ann"].end_count == 2


async def test_they_come_one_after_another_also_while_one_is_heard() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime("a"), chime("b"))
        await house.clock.sleep(SECOND // 2)
        await interject(house, chime("c"))
        await house.clock.sleep(6 * SECOND)
        heard = house.sent_pcm("ann")
        assert chime_frames(heard) == 3 * RATE
        first = np.flatnonzero(heard[:, 0] < 0)[0]
        assert np.all(heard[first : first + 2 * RATE, 0] < 0), "without a gap"
        told = [name for name, state in house.media_told() if state == MediumState.STARTED]
        assert told == ["music", "a", "b", "c"]
        assert house.state() == PlaybackState.PLAYING


async def test_what_cannot_be_opened_changes_nothing() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        with pytest.raises(MediaOpenError):
            await interject(house, chime(opens=False))
        await house.clock.sleep(5 * SECOND)
        assert numbers(house.sent_pcm("ann")) == [0]
        assert house.group.snapshot().interrupted is None


async def test_one_that_cannot_be_opened_when_its_turn_comes_is_passed_over() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime("a"), chime("b", opens=False), chime("c"))
        await house.clock.sleep(6 * SECOND)
        assert chime_frames(house.pcm("ann")) == 2 * RATE
        assert house.state() == PlaybackState.PLAYING
        assert ("b", "failed") in house.media_told()


@pytest.mark.parametrize("breaks_at", [0, RATE // 2])
async def test_one_that_breaks_gives_way_to_the_music(breaks_at: int) -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(breaks_at=breaks_at))
        await house.clock.sleep(6 * SECOND)
        assert house.state() == PlaybackState.PLAYING
        assert ("chime", "failed") in house.media_told()
        assert house.group.snapshot().interrupted is None
        position_us = house.group.position_us
        assert 7 * SECOND < position_us < 11 * SECOND


async def test_a_live_source_goes_on_at_its_edge() -> None:
    async with housed("ann") as house:
        await house.group.play([music("radio", 120, is_live=True)])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime())
        await house.clock.sleep(6 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.state) == ("radio", PlaybackState.PLAYING)


async def test_who_comes_while_it_is_heard_hears_it_and_the_music_behind() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(seconds=4))
        await house.clock.sleep(2 * SECOND)
        house.add("bob")
        await house.clock.sleep(6 * SECOND)
        heard = house.pcm("bob")
        assert RATE < chime_frames(heard) < 4 * RATE
        assert numbers(heard) == numbers(house.pcm("ann"))


@pytest.mark.parametrize("after_us", [0, SECOND])
async def test_a_pause_ends_it_and_leaves_the_music_paused_where_it_was(after_us: int) -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(seconds=4), chime("never"))
        await house.clock.sleep(after_us)
        assert house.group.interrupted is not None
        heard_us = house.group.interrupted.position_us
        await house.group.pause()
        shown = house.group.snapshot()
        assert (shown.state, shown.interrupted) == (PlaybackState.PAUSED, None)
        assert shown.position_us == heard_us
        await interject(house, chime("later"))
        await house.clock.sleep(5 * SECOND)
        assert house.state() == PlaybackState.PAUSED
        await house.group.resume()
        await house.clock.sleep(2 * SECOND)
        assert abs(numbers(house.pcm("ann"))[0] - heard_us * RATE / SECOND) <= 1
        told = [name for name, state in house.media_told() if state == MediumState.STARTED]
        assert told == ["music", *(["chime"] if after_us else []), "later", "music"]


@pytest.mark.parametrize("is_live", [False, True])
async def test_over_nothing_a_pause_leaves_nothing(is_live: bool) -> None:
    async with housed("ann") as house:
        await interject(house, music("radio", 60, is_live=True) if is_live else chime(seconds=4))
        await house.clock.sleep(2 * SECOND)
        await house.group.pause()
        shown = house.group.snapshot()
        assert (shown.state, shown.interrupted, shown.medium) == (PlaybackState.IDLE, None, None)


async def test_a_live_one_is_replaced_by_the_next() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, music("radio", 600, is_live=True))
        await house.clock.sleep(20 * SECOND)
        await interject(house, chime())
        await house.clock.sleep(5 * SECOND)
        told = [name for name, state in house.media_told() if state == MediumState.STARTED]
        assert told == ["music", "radio", "chime"]
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.state, shown.interrupted) == ("music", PlaybackState.PLAYING, None)
        assert (shown.position_us or 0) < 10 * SECOND


async def test_no_more_wait_than_there_is_room_for() -> None:
    async with housed("ann") as house:
        await interject(house, chime("first", 10), *[chime(str(number)) for number in range(MOST_WAITING)])
        with pytest.raises(QueueFullError):
            await interject(house, chime("one too many"))


async def test_what_was_asked_for_before_it_and_is_open_later_goes_on_behind_it() -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two")])
        await house.clock.sleep(5 * SECOND)
        item = await house.group.open_interjection(chime(seconds=3))
        house.media.shut()
        skipping = asyncio.create_task(house.group.queue.skip())
        await asyncio.sleep(0)
        await house.group.interject(item)
        house.media.open()
        await skipping
        await house.clock.sleep(2 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.queue.current_index) == ("chime", 1)
        await house.clock.sleep(4 * SECOND)
        assert chime_frames(house.pcm("ann")) == 3 * RATE
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.interrupted) == ("two", None)
        assert numbers(house.pcm("ann"))[0] == 0
        assert house.media_told()[-1] == ("two", "started")


@pytest.mark.parametrize("is_idle", [False, True])
async def test_play_meanwhile_has_the_music_go_on_behind_it(is_idle: bool) -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two")])
        await house.clock.sleep(5 * SECOND)
        await (house.group.stop() if is_idle else house.group.pause())
        await interject(house, chime(seconds=3))
        await house.clock.sleep(SECOND)
        await house.group.resume()
        await house.clock.sleep(4 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.state) == ("one", PlaybackState.PLAYING)
        first = numbers(house.pcm("ann"))[0]
        assert first == 0 if is_idle else abs(first - 5 * RATE) < RATE


async def test_play_meanwhile_with_an_empty_queue_is_refused() -> None:
    async with housed("ann") as house:
        await interject(house, chime(seconds=3))
        await house.clock.sleep(SECOND)
        with pytest.raises(CommandRefusedError):
            await house.group.resume()


@pytest.mark.parametrize(("heard_s", "expected"), [(2, "one"), (10, "two")])
async def test_back_meanwhile_goes_by_the_music(heard_s: int, expected: str) -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two")])
        await house.clock.sleep(SECOND)
        await house.group.queue.skip()
        await house.clock.sleep(heard_s * SECOND)
        await interject(house, chime(seconds=8))
        await house.clock.sleep(4 * SECOND)
        await house.group.queue.skip_back()
        await house.clock.sleep(SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.interrupted) == (expected, None)
        assert (shown.position_us or 0) < 2 * SECOND


async def test_when_nothing_can_follow_it_is_paused_where_it_was() -> None:
    async with housed("ann") as house:
        opens = [True]

        def resolve() -> MediaRequest:
            if not opens[0]:
                raise MediaOpenError("gone")
            return MediaRequest(stream=MediaStream(main=Material(numbered(30 * RATE))))

        await house.group.play([MediaRequest(media_id="gone", resolve=resolve)])
        await house.clock.sleep(5 * SECOND)
        opens[0] = False
        await interject(house, chime(breaks_at=0))
        await house.clock.sleep(5 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.state, shown.medium.media_id) == (PlaybackState.PAUSED, "gone")
        opens[0] = True
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        assert 4 * SECOND < house.group.position_us < 8 * SECOND


async def test_a_stop_ends_all_of_it() -> None:
    async with housed("ann") as house:
        await house.group.play([music()])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(), chime("b"))
        await house.clock.sleep(SECOND // 2)
        await house.group.stop()
        await house.clock.sleep(5 * SECOND)
        shown = house.group.snapshot()
        assert (shown.state, shown.interrupted) == (PlaybackState.IDLE, None)
        assert ("b", "started") not in house.media_told()


async def test_what_is_asked_for_meanwhile_counts_instead() -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two")])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(seconds=3))
        await house.clock.sleep(SECOND // 2)
        await house.group.queue.skip()
        await house.clock.sleep(6 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert (shown.medium.media_id, shown.interrupted) == ("two", None)


@pytest.mark.parametrize("after_us", range(0, 3 * SECOND, SECOND // 4))
async def test_what_was_taken_out_meanwhile_does_not_go_on(after_us: int) -> None:
    async with housed("ann") as house:
        await house.group.play([music("one"), music("two")])
        await house.clock.sleep(5 * SECOND)
        await interject(house, chime(seconds=3))
        await house.clock.sleep(after_us)
        [one, _] = house.group.snapshot().queue.entries
        await house.group.queue.remove([one.entry_id])
        await house.clock.sleep(6 * SECOND)
        shown = house.group.snapshot()
        assert shown.medium is not None
        assert shown.medium.media_id == "two"
        assert (shown.position_us or 0) < 6 * SECOND, "from its beginning"


async def test_nobody_can_hear_it() -> None:
    async with housed() as house:
        house.add("odd", *[])
        client = house.group.members[next(iter(house.group.members))]
        assert client.hello is not None
        client.hello = type(client.hello)(
            client_id=client.client_id, name="odd", supported_roles=client.hello.supported_roles
        )
        with pytest.raises(FormatError):
            await interject(house, chime())
        assert house.state() == PlaybackState.IDLE
        assert house.group.snapshot().interrupted is None


async def test_a_group_that_is_gone_by_the_time_it_is_open() -> None:
    async with housed("ann") as house:
        item = await house.group.open_interjection(chime())
        await house.group.close()
        await house.group.interject(item)
        await house.clock.sleep(5 * SECOND)
        assert house.media_told() == []
        with pytest.raises(CommandRefusedError):
            await house.group.resume()
