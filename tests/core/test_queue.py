"""Queues as plain data: any order of changes, against lists."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
import pytest

from core.errors import QueueError, QueueFullError, UnknownEntryError
from core.media.request import MediaRequest
from core.queue import MOST_ENTRIES, Queue, Repeat
from core.units import EntryId


def media(*names: str) -> list[MediaRequest]:
    return [MediaRequest(media_id=name) for name in names]


def filled(*names: str) -> Queue:
    return Queue().add(media(*names))


def names(queue: Queue) -> list[str]:
    return [entry.request.media_id for entry in queue.entries]


def current(queue: Queue | None) -> str | None:
    entry = None if queue is None else queue.current_entry
    return None if entry is None else entry.request.media_id


def at(queue: Queue, name: str) -> Queue:
    return queue.at(id_of(queue, name))


def id_of(queue: Queue, name: str) -> EntryId:
    return next(entry.entry_id for entry in queue.entries if entry.request.media_id == name)


def play_through(queue: Queue, count: int) -> list[str]:
    """Return what is heard of it by itself, at most so many."""
    heard: list[str] = []
    following = queue.step()
    while following is not None and len(heard) < count:
        name = current(following)
        assert name is not None
        heard.append(name)
        following = following.step()
    return heard


changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3)),
        st.tuples(st.just("next"), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 9), max_size=3)),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 9), st.integers(-1, 11))),
        st.tuples(st.just("at"), st.integers(0, 9)),
        st.tuples(st.just("skip"), st.none()),
        st.tuples(st.just("back"), st.none()),
        st.tuples(st.just("shuffle"), st.integers(0, 5)),
        st.tuples(st.just("order"), st.none()),
        st.tuples(st.just("repeat"), st.sampled_from(Repeat)),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=25,
)


def change(queue: Queue, what: str, value: Any) -> Queue:
    ids = [entry.entry_id for entry in queue.entries]
    match what:
        case "add" | "next":
            new = media(*(f"m{queue.next_id + number}" for number in range(value)))
            return queue.add(new) if what == "add" else queue.add_next(new)
        case "remove":
            return queue.remove([ids[index] for index in value if index < len(ids)])
        case "move":
            return queue.move([ids[value[0]]], value[1]) if value[0] < len(ids) else queue
        case "at":
            return queue.at(ids[value]) if value < len(ids) else queue
        case "skip":
            return queue.skip() or queue
        case "back":
            return queue.back() or queue
        case "shuffle":
            return queue.shuffled(value)
        case "order":
            return queue.in_order()
        case "repeat":
            return queue.repeated(value)
        case _:
            return queue.cleared()


@given(steps=changes)
def test_whatever_is_done_to_it_it_holds_together(steps: list[tuple[str, Any]]) -> None:
    queue = Queue()
    seen: set[EntryId] = set()
    for what, value in steps:
        before = queue
        queue = change(queue, what, value)
        ids = [entry.entry_id for entry in queue.entries]
        assert len(set(ids)) == len(ids)
        assert queue.current is None or queue.current in queue
        assert queue.unshuffled is None or sorted(queue.unshuffled) == sorted(ids)
        new = set(ids) - {entry.entry_id for entry in before.entries}
        assert not new & seen, "an id never comes back"
        seen |= set(ids)
        if what in ("shuffle", "order", "repeat", "move", "at", "skip", "back"):
            assert sorted(names(queue)) == sorted(names(before))
        if what in ("add", "next", "move", "shuffle", "order", "repeat"):
            assert queue.current == before.current
        assert queue.has_next == (queue.skip() is not None)


@given(count=st.integers(1, 12), seed=st.integers(0, 99), start=st.integers(-1, 11))
def test_shuffled_each_is_heard_once_what_is_heard_first_and_then_it_is_in_order_again(
    count: int, seed: int, start: int
) -> None:
    queue = filled(*(f"m{number}" for number in range(count)))
    if 0 <= start < count:
        queue = at(queue, f"m{start}")
    shuffled = queue.shuffled(seed)
    assert sorted(names(shuffled)) == sorted(names(queue))
    if queue.current is not None:
        assert shuffled.current_index == 0
    assert shuffled.shuffled(seed + 1) == shuffled
    assert names(shuffled.in_order()) == names(queue)
    assert shuffled.in_order().current == queue.current


@given(count=st.integers(2, 8), seed=st.integers(0, 99))
def test_shuffled_endlessly_no_round_begins_with_what_ended_the_one_before(count: int, seed: int) -> None:
    queue = filled(*(f"m{number}" for number in range(count))).shuffled(seed).repeated(Repeat.ALL)
    heard = play_through(queue, 20 * count)
    rounds = [heard[at : at + count] for at in range(0, len(heard), count)]
    assert all(sorted(once) == sorted(names(queue)) for once in rounds)
    assert all(one != other for one, other in pairwise(heard))
    if count > 3:
        assert len({tuple(once) for once in rounds}) > 1


@pytest.mark.parametrize(
    ("repeat", "heard"),
    [
        (Repeat.OFF, ["b", "c"]),
        (Repeat.ALL, ["b", "c", "a", "b", "c", "a"]),
        (Repeat.ONE, ["a"] * 6),
    ],
)
def test_what_follows_by_itself(repeat: Repeat, heard: list[str]) -> None:
    queue = at(filled("a", "b", "c"), "a").repeated(repeat)
    assert play_through(queue, 6) == heard
    following = queue.after(id_of(queue, "a"))
    assert following is not None
    assert following.request.media_id == heard[0]


def test_a_person_gets_on_even_if_one_is_repeated() -> None:
    queue = at(filled("a", "b"), "a").repeated(Repeat.ONE)
    skipped = queue.skip()
    assert current(skipped) == "b"
    assert skipped is not None
    assert current(skipped.skip()) == "a"
    assert at(filled("a", "b"), "b").skip() is None


def test_the_way_back() -> None:
    queue = at(filled("a", "b", "c"), "b")
    back = queue.back()
    assert current(back) == "a"
    assert back is not None
    assert back.back() is None
    assert current(back.repeated(Repeat.ALL).back()) == "c"
    assert filled("a").back() is None


def test_what_is_next_comes_behind_what_is_heard_and_stays_there_when_it_is_in_order_again() -> None:
    queue = at(filled("a", "b", "c", "d"), "b")
    assert names(queue.add_next(media("x", "y"))) == ["a", "b", "x", "y", "c", "d"]
    assert names(filled("a").add_next(media("x"))) == ["x", "a"]
    shuffled = queue.shuffled(3).add_next(media("x"))
    assert names(shuffled)[:2] == ["b", "x"]
    assert names(shuffled.in_order()) == ["a", "b", "x", "c", "d"]
    last = queue.shuffled(3).add(media("z"))
    assert names(last)[-1] == names(last.in_order())[-1] == "z"


def test_what_takes_the_place_of_all_is_shuffled_as_that_was() -> None:
    queue = filled("a", "b").shuffled(1).replaced(media(*"cdefghij"))
    assert queue.is_shuffled
    assert sorted(names(queue)) == list("cdefghij")
    assert names(queue.in_order()) == list("cdefghij")
    assert names(filled("a").replaced(media("b", "c"))) == ["b", "c"]


@pytest.mark.parametrize(
    ("removed", "left", "heard"),
    [("b", "acd", "c"), ("bc", "ad", "d"), ("bcd", "a", None), ("a", "bcd", "b"), ("", "abcd", "b")],
)
def test_without_what_is_heard_it_is_at_what_comes_behind(removed: str, left: str, heard: str | None) -> None:
    queue = at(filled("a", "b", "c", "d"), "b")
    without = queue.remove([id_of(queue, name) for name in removed])
    assert names(without) == list(left)
    assert current(without) == heard


@pytest.mark.parametrize(("index", "order"), [(0, "cabd"), (1, "acbd"), (3, "abdc"), (99, "abdc"), (-5, "cabd")])
def test_moving(index: int, order: str) -> None:
    queue = filled("a", "b", "c", "d")
    assert names(queue.move([id_of(queue, "c")], index)) == list(order)


class Looks:
    """A queue whose entries count how often they are looked at."""

    def __init__(self, queue: Queue) -> None:
        self.count = 0
        looks = self

        class Id(int):
            def __eq__(self, other: object) -> bool:
                looks.count += 1
                return int(self) == other

            __hash__ = int.__hash__

        entries = tuple(replace(it, entry_id=EntryId(Id(it.entry_id))) for it in queue.entries)
        self.queue = replace(queue, entries=entries)


def test_moving_many_looks_at_each_once() -> None:
    looks = Looks(filled(*"abcdefghij"))
    moved = looks.queue.move([EntryId(number) for number in range(10, 0, -1)], 0)
    assert names(moved) == list("jihgfedcba")
    assert looks.count <= 4 * len(moved.entries)


def test_where_it_is_costs_nothing_to_show() -> None:
    looks = Looks(at(filled(*"abcdefghij"), "i"))
    looks.count = 0
    queue = looks.queue
    assert (queue.current_index, queue.has_next, queue.has_previous) == (8, True, True)
    assert current(queue) == "i"
    assert looks.count <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda queue: queue.at(EntryId(99)),
        lambda queue: queue.index(EntryId(99)),
        lambda queue: queue.remove([EntryId(1), EntryId(99)]),
        lambda queue: queue.move([EntryId(99)], 0),
    ],
)
def test_an_entry_that_is_not_there(wrong: Callable[[Queue], object]) -> None:
    with pytest.raises(UnknownEntryError):
        wrong(filled("a"))
    assert filled("a").after(EntryId(99)) is None


def test_there_is_an_end_to_it() -> None:
    full = Queue().add(media("a") * MOST_ENTRIES)
    with pytest.raises(QueueFullError):
        full.add(media("b"))
    assert issubclass(QueueFullError, QueueError)
    assert len(full.shuffled(1).entries) == MOST_ENTRIES


def test_all_was_heard() -> None:
    queue = at(filled("a", "b"), "b")
    assert queue.step() is None
    assert current(queue.rewound().skip()) == "a"
    assert Queue().skip() is None
    assert Queue().back() is None
    assert filled("a", "b").cleared().entries == ()


def test_what_is_heard_by_itself_begins_the_next_round() -> None:
    queue = at(filled(*"abcd"), "a").shuffled(5).repeated(Repeat.ALL)
    queue = queue.at(queue.entries[-1].entry_id)
    following = queue.step()
    assert following is not None
    assert following.current is not None
    assert queue.moved_to(following.current) == following
    assert queue.moved_to(queue.entries[1].entry_id).entries == queue.entries
