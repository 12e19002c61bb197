"""A group plays its queue, whatever is done to that meanwhile; heard by what players are sent."""

import asyncio

import numpy as np
import pytest

from core.errors import CommandRefusedError, MediaOpenError, Refusal, UnknownEntryError
from core.events import MediumState, PlaybackEnded
from core.formats import Block
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.queue import Queue, Repeat
from core.server.snapshot import PlaybackState
from core.units import US_PER_S, EntryId
from tests.fakes.house import House, housed
from tests.fakes.rig import ramp
from tests.fakes.stage import Material

SECOND = US_PER_S
RATE = 48_000


class Shelf:
    """Media that can be opened as often as is liked, each one known by its samples."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.blocks: dict[str, Block] = {}

    def put(self, name: str, seconds: float = 4.0) -> MediaRequest:
        """Return a request for a medium of this length."""
        self.blocks[name] = ramp(round(seconds * RATE), 977 * len(self.blocks))
        return self.missing(name)

    def missing(self, name: str) -> MediaRequest:
        """Return a request for one that cannot be opened, unless it is put there."""

        def resolve() -> MediaRequest:
            self.opened.append(name)
            if name not in self.blocks:
                raise MediaOpenError(f"no {name}")
            return MediaRequest(stream=MediaStream(main=Material(self.blocks[name])))

        return MediaRequest(media_id=name, resolve=resolve)

    def joined(self, *names: str) -> Block:
        return np.concatenate([self.blocks[name] for name in names])


def queued(house: House) -> list[str]:
    return [entry.request.media_id for entry in house.group.snapshot().queue.entries]


def heard(house: House) -> str | None:
    medium = house.group.snapshot().medium
    return None if medium is None else medium.media_id


def started(house: House) -> list[str]:
    return [name for name, state in house.media_told() if state == MediumState.STARTED]


def failed(house: House) -> list[str]:
    return [name for name, state in house.media_told() if state == MediumState.FAILED]


def entry(house: House, name: str) -> EntryId:
    entries = house.group.snapshot().queue.entries
    return next(entry.entry_id for entry in entries if entry.request.media_id == name)


async def test_a_queue_is_heard_without_a_gap_and_each_is_opened_when_its_turn_comes() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 9), shelf.put("b", 9), shelf.put("c", 2.5)])
        await house.clock.sleep(SECOND)
        assert shelf.opened == ["a"]
        await house.clock.sleep(24 * SECOND)
        assert shelf.opened == ["a", "b", "c"]
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "b", "c"))
        assert started(house) == ["a", "b", "c"]
        assert house.state() == PlaybackState.IDLE
        assert queued(house) == ["a", "b", "c"]
        assert house.group.snapshot().queue.current is None


async def test_what_comes_next_is_changed_while_it_is_on_its_way() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 7), shelf.put("b")])
        await house.clock.sleep(4 * SECOND)
        assert shelf.opened == ["a", "b"], "read ahead"
        house.group.queue.add([shelf.put("x")], is_next=True)
        house.group.queue.add([shelf.put("z")])
        await house.clock.sleep(20 * SECOND)
        assert queued(house) == ["a", "x", "b", "z"]
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "x", "b", "z"))


async def test_what_is_added_while_the_last_one_ends_still_follows_without_a_gap() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 5)])
        await house.clock.sleep(3 * SECOND)
        house.group.queue.add([shelf.put("b")])
        await house.clock.sleep(10 * SECOND)
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "b"))
        assert started(house) == ["a", "b"]


async def test_what_is_taken_out_is_not_heard() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 7), shelf.put("b"), shelf.put("c")])
        await house.clock.sleep(4 * SECOND)
        await house.group.queue.remove([entry(house, "b")])
        await house.clock.sleep(12 * SECOND)
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "c"))
        assert started(house) == ["a", "c"]


async def test_what_was_on_the_wire_when_it_was_taken_out_is_left_as_it_starts() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 5), shelf.put("b", 30), shelf.put("c")])
        await house.clock.sleep(4 * SECOND + SECOND // 2)
        await house.group.queue.remove([entry(house, "b")])
        await house.clock.sleep(2 * SECOND)
        assert heard(house) == "c"
        assert queued(house) == ["a", "c"]
        await house.clock.sleep(5 * SECOND)
        assert house.state() == PlaybackState.IDLE


async def test_who_stops_as_it_starts_hears_nothing_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 5), shelf.put("b", 30), shelf.put("c")])
        await house.clock.sleep(4 * SECOND + SECOND // 2)
        await house.group.queue.remove([entry(house, "b")])
        stopping: list[asyncio.Task[None]] = []

        def metadata(*_: object, **__: object) -> None:
            if not stopping and heard(house) == "b":
                stopping.append(asyncio.get_running_loop().create_task(house.group.stop()))

        monkeypatch.setattr(house.sessions["ann"], "metadata", metadata)
        await house.clock.sleep(2 * SECOND)
        assert [task.done() for task in stopping] == [True]
        assert house.state() == PlaybackState.IDLE


@pytest.mark.parametrize(("removed", "then"), [("a", "b"), ("ab", "c"), ("abc", None)])
async def test_without_what_is_heard_the_next_one_plays(removed: str, then: str | None) -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), shelf.put("b"), shelf.put("c")])
        await house.clock.sleep(SECOND)
        await house.group.queue.remove([entry(house, name) for name in removed])
        await house.clock.sleep(SECOND)
        assert heard(house) == then
        assert house.state() == (PlaybackState.IDLE if then is None else PlaybackState.PLAYING)


async def test_forth_and_back() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put(name, 20) for name in "abc"])
        await house.clock.sleep(SECOND)
        await house.group.queue.skip()
        await house.group.queue.skip()
        await house.clock.sleep(SECOND)
        assert heard(house) == "c"
        with pytest.raises(CommandRefusedError) as refused:
            await house.group.queue.skip()
        assert refused.value.refusal is Refusal.NO_NEXT
        assert house.state() == PlaybackState.PLAYING
        await house.group.queue.skip_back()
        await house.clock.sleep(SECOND)
        assert heard(house) == "b"
        await house.clock.sleep(4 * SECOND)
        await house.group.queue.skip_back()
        await house.clock.sleep(SECOND)
        assert heard(house) == "b", "it was too far on"
        assert house.group.position_us < 2 * SECOND
        await house.group.queue.jump(entry(house, "a"))
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"
        await house.group.queue.skip_back()
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"
        assert np.array_equal(house.pcm("ann")[:RATE], shelf.blocks["a"][:RATE])


async def test_one_that_cannot_be_opened_is_passed_over_with_an_event() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.missing("-"), shelf.put("a"), shelf.missing("="), shelf.put("b")])
        await house.clock.sleep(12 * SECOND)
        assert failed(house) == ["-", "="]
        assert started(house) == ["a", "b"]
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "b"))


async def test_of_what_is_asked_for_nothing_else_is_played_instead() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20), shelf.put("b", 20)])
        await house.clock.sleep(SECOND)
        with pytest.raises(MediaOpenError, match="no -"):
            await house.group.play([shelf.missing("-")], keeps_queue=True)
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"
        assert queued(house) == ["a", "b"]


async def test_on_the_way_back_what_cannot_be_opened_is_passed_over_too() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), shelf.missing("-"), shelf.put("b")])
        await house.group.queue.jump(entry(house, "b"))
        await house.clock.sleep(SECOND)
        await house.group.queue.skip_back()
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"


async def test_when_nothing_can_be_opened_what_plays_goes_on_and_so_does_its_queue() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20), shelf.put("b")])
        await house.clock.sleep(SECOND)
        with pytest.raises(MediaOpenError, match="no -"):
            await house.group.play([shelf.missing("-"), shelf.missing("=")])
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"
        assert queued(house) == ["a", "b"]
        house.group.queue.add([shelf.put("c")])
        assert queued(house) == ["a", "b", "c"]


async def test_a_round_of_nothing_but_what_cannot_be_opened_comes_to_an_end() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), *(shelf.missing(f"-{number}") for number in range(7))])
        house.group.queue.set_repeat(Repeat.ALL)
        await house.clock.sleep(20 * SECOND)
        assert house.state() == PlaybackState.PLAYING
        shelf.blocks.clear()
        await house.clock.sleep(60 * SECOND)
        assert house.state() == PlaybackState.IDLE
        assert len(set(failed(house))) == 8
        assert len(failed(house)) < 80, "each round once"


async def test_what_is_gone_is_not_repeated_for_ever() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), shelf.put("b")])
        house.group.queue.set_repeat(Repeat.ONE)
        await house.clock.sleep(9 * SECOND)
        assert started(house) == ["a", "a", "a"]
        shelf.blocks.clear()
        await house.clock.sleep(60 * SECOND)
        assert house.state() == PlaybackState.IDLE
        assert failed(house) == ["a", "a"]


async def test_what_is_heard_is_taken_out_and_ends_even_if_nothing_else_can_be_opened() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20), shelf.missing("-")])
        await house.clock.sleep(SECOND)
        with pytest.raises(MediaOpenError):
            await house.group.queue.remove([entry(house, "a")])
        assert house.state() == PlaybackState.IDLE
        assert queued(house) == ["-"]


async def test_an_empty_medium_is_passed_over_with_an_event() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), shelf.put("empty", 0), shelf.put("b")])
        await house.clock.sleep(12 * SECOND)
        assert failed(house) == ["empty"]
        assert started(house) == ["a", "b"]
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined("a", "b"))


@pytest.mark.parametrize("seconds", [0.005, 0.4])
async def test_one_that_is_repeated_goes_on_without_a_gap_and_is_not_opened_ahead_for_ever(seconds: float) -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", seconds)])
        house.group.queue.set_repeat(Repeat.ONE)
        await house.clock.sleep(4 * SECOND)
        pcm = house.pcm("ann")
        frame_count = len(shelf.blocks["a"])
        rounds = len(pcm) // frame_count
        assert rounds * seconds > 3
        assert np.array_equal(pcm[: rounds * frame_count], np.tile(shelf.blocks["a"], (rounds, 1)))
        assert len(shelf.opened) <= rounds + 70
        assert house.state() == PlaybackState.PLAYING
        house.group.queue.set_repeat(Repeat.OFF)
        await house.clock.sleep(20 * SECOND)
        assert house.state() == PlaybackState.IDLE


async def test_all_are_repeated() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 2), shelf.put("b", 3)])
        house.group.queue.set_repeat(Repeat.ALL)
        await house.clock.sleep(11 * SECOND)
        assert started(house) == ["a", "b", "a", "b", "a"]
        assert np.array_equal(house.pcm("ann")[: 10 * RATE], shelf.joined("a", "b", "a", "b"))


async def test_shuffled_while_it_plays_what_is_heard_goes_on() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put(name, 3) for name in "abcdef"])
        await house.clock.sleep(SECOND)
        house.group.queue.set_shuffle(is_shuffled=True, seed=7)
        order = queued(house)
        assert order[0] == "a"
        assert order != list("abcdef")
        await house.clock.sleep(20 * SECOND)
        assert started(house) == order
        assert np.array_equal(house.sent_pcm("ann"), shelf.joined(*order))
        house.group.queue.set_shuffle(is_shuffled=False, seed=0)
        assert queued(house) == list("abcdef")


async def test_moved_it_comes_where_it_is_moved_to() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put(name, 3) for name in "abc"])
        await house.clock.sleep(SECOND // 2)
        house.group.queue.move([entry(house, "c")], 1)
        await house.clock.sleep(12 * SECOND)
        assert started(house) == ["a", "c", "b"]
        with pytest.raises(UnknownEntryError):
            house.group.queue.move([EntryId(99)], 0)


async def test_played_at_once_the_rest_of_the_queue_stays_behind_it() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20), shelf.put("b", 2)])
        await house.clock.sleep(SECOND)
        await house.group.play([shelf.put("x", 2)], keeps_queue=True)
        await house.clock.sleep(6 * SECOND)
        assert queued(house) == ["a", "x", "b"]
        assert started(house) == ["a", "x", "b"]
        assert np.array_equal(house.sent_pcm("ann")[-4 * RATE :], shelf.joined("x", "b"))


async def test_nothing_begins_by_being_added() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        house.group.queue.add([shelf.put("a"), shelf.put("b")])
        house.group.queue.add([shelf.put("x")], is_next=True)
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.IDLE
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert heard(house) == "x"


async def test_stopped_it_begins_what_was_heard_from_its_start_and_ended_from_the_first() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 3), shelf.put("b", 3)])
        await house.clock.sleep(5 * SECOND)
        await house.group.stop()
        assert house.group.snapshot().medium is None
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert heard(house) == "b"
        assert np.array_equal(house.pcm("ann")[:RATE], shelf.blocks["b"][:RATE])
        await house.clock.sleep(5 * SECOND)
        assert house.state() == PlaybackState.IDLE
        assert any(isinstance(event, PlaybackEnded) for event in house.events)
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"


async def test_cleared_it_is_silent_and_empty() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a"), shelf.put("b")])
        await house.clock.sleep(SECOND)
        await house.group.queue.clear()
        assert house.state() == PlaybackState.IDLE
        assert queued(house) == []
        with pytest.raises(CommandRefusedError):
            await house.group.resume()


async def test_what_is_added_while_another_queue_is_being_opened_is_not_lost() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20)])
        await house.clock.sleep(SECOND)

        async def meanwhile() -> None:
            house.group.queue.add([shelf.put("z", 2)])

        await house.group.play([shelf.put("b", 2)], when_open=meanwhile)
        await house.clock.sleep(6 * SECOND)
        assert queued(house) == ["b", "z"]
        assert started(house) == ["a", "b", "z"]


async def test_what_is_added_while_another_queue_fails_to_open_is_not_lost() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        await house.group.play([shelf.put("a", 20)])
        await house.clock.sleep(SECOND)

        async def meanwhile() -> None:
            house.group.queue.add([shelf.put("z", 2)])
            raise MediaOpenError("too late")

        with pytest.raises(MediaOpenError, match="too late"):
            await house.group.play([shelf.put("b", 2)], when_open=meanwhile)
        assert queued(house) == ["a", "z"]


async def test_a_restored_queue_is_paused_where_it_was() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        queue = Queue().add([shelf.put("a"), shelf.put("b", 10), shelf.put("c")])
        queue = queue.at(queue.entries[1].entry_id)
        assert house.group.restore(queue, position_us=6 * SECOND)
        assert house.state() == PlaybackState.PAUSED
        assert (heard(house), house.group.position_us) == ("b", 6 * SECOND)
        assert not house.group.restore(Queue(), position_us=None)
        await house.clock.sleep(SECOND)
        assert shelf.opened == []
        await house.group.resume()
        await house.clock.sleep(2 * SECOND)
        assert np.array_equal(house.pcm("ann")[:RATE], shelf.blocks["b"][6 * RATE : 7 * RATE])
        assert queued(house) == ["a", "b", "c"]


async def test_a_restored_queue_need_not_be_at_anything() -> None:
    async with housed("ann") as house:
        shelf = Shelf()
        assert house.group.restore(Queue().add([shelf.put("a")]), position_us=None)
        assert house.state() == PlaybackState.IDLE
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert heard(house) == "a"
        assert not house.group.restore(Queue(), position_us=None), "it plays"
