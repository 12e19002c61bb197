"""The cycle of groups that a client is taken through."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from core.server.snapshot import ClientSnapshot, GroupSnapshot, PlaybackState, ServerSnapshot
from core.server.switching import next_group
from core.units import ClientId, GroupId

ME = ClientId("me")
PLAYING, IDLE, PAUSED = PlaybackState.PLAYING, PlaybackState.IDLE, PlaybackState.PAUSED
OWN = GroupId("own")


def picture(groups: dict[str, tuple[str, PlaybackState]], remotes: Iterable[str] = ()) -> ServerSnapshot:
    """Return groups by their ids, with members of one letter each; "m" is the one who switches."""
    clients, shown = {}, {}
    for group_id, (letters, state) in groups.items():
        members = tuple(ME if letter == "m" else ClientId(letter) for letter in letters)
        shown[GroupId(group_id)] = GroupSnapshot(
            group_id=GroupId(group_id), name=group_id, members=members, state=state
        )
        for letter, member in zip(letters, members, strict=True):
            clients[member] = ClientSnapshot(
                client_id=member,
                name=letter,
                group_id=GroupId(group_id),
                is_connected=True,
                is_available=True,
                is_player=letter not in remotes,
            )
    return ServerSnapshot(clients=clients, groups=shown)


def moved(before: ServerSnapshot, group_id: GroupId | None) -> ServerSnapshot:
    """Return the picture after the client has gone there."""
    here = before.clients[ME].group_id
    after = OWN if group_id is None else group_id
    groups = dict(before.groups)
    rest = tuple(member for member in groups[here].members if member != ME)
    groups[here] = replace(groups[here], members=rest)
    if not rest:
        del groups[here]
    there = groups.get(after, GroupSnapshot(group_id=after, name="own", members=()))
    groups[after] = replace(there, members=(*there.members, ME))
    return replace(before, clients={**before.clients, ME: replace(before.clients[ME], group_id=after)}, groups=groups)


def walk(start: ServerSnapshot, count: int) -> list[GroupId | None]:
    """Return where a client goes that switches so many times."""
    stops: list[GroupId | None] = []
    for _ in range(count):
        stops.append(next_group(ME, start))
        start = moved(start, stops[-1])
    return stops


def test_groups_of_several_come_before_those_of_one_and_its_own_is_the_last() -> None:
    start = picture(
        {
            "own": ("m", IDLE),
            "c": ("ab", PLAYING),
            "a": ("c", PlaybackState.BUFFERING),
            "b": ("de", PLAYING),
            "d": ("f", PLAYING),
            "e": ("gh", PAUSED),
            "f": ("i", IDLE),
            "g": ("", PLAYING),
        }
    )
    assert walk(start, 10) == ["b", "c", "a", "d", None] * 2


def test_one_that_is_no_player_has_no_group_of_its_own_to_go_to() -> None:
    start = picture({"own": ("m", IDLE), "b": ("ab", PLAYING), "a": ("c", PLAYING), "r": ("d", PLAYING)}, "md")
    assert walk(start, 4) == ["b", "a"] * 2


def test_in_a_group_with_others_the_next_one_comes_after_that() -> None:
    assert walk(picture({"a": ("ab", PLAYING), "b": ("mc", PLAYING), "c": ("de", PLAYING)}), 3) == [None, "a", "c"]
    assert walk(picture({"a": ("ab", PLAYING), "b": ("mcd", PLAYING), "c": ("ef", PLAYING)}), 4) == [
        "c",
        None,
        "a",
        "b",
    ]
    assert walk(picture({"b": ("mc", PAUSED), "c": ("ef", PLAYING)}), 2) == ["c", None]


@pytest.mark.parametrize(
    ("groups", "remotes"),
    [
        ({"own": ("m", IDLE), "a": ("b", IDLE), "b": ("cd", PAUSED)}, ""),
        ({"own": ("mr", PLAYING)}, "r"),
        ({"own": ("m", IDLE), "a": ("b", IDLE)}, "m"),
        ({"own": ("mrs", PLAYING)}, "rs"),
    ],
)
def test_without_another_one_it_stays(groups: dict[str, tuple[str, PlaybackState]], remotes: str) -> None:
    assert next_group(ME, picture(groups, remotes)) == "own"


def test_back_to_the_group_it_stepped_aside_from_while_it_is_alone() -> None:
    start = picture({"own": ("m", IDLE), "a": ("bc", PLAYING), "z": ("d", IDLE)})
    assert next_group(ME, start, GroupId("z")) == "z"
    assert next_group(ME, start, GroupId("gone")) == "a"
    together = picture({"own": ("mb", PLAYING), "a": ("cd", PLAYING), "z": ("e", IDLE)})
    assert next_group(ME, together, GroupId("z")) is None


@given(
    st.dictionaries(
        st.sampled_from("123456789"),
        st.tuples(st.integers(0, 3), st.sampled_from([PLAYING, PLAYING, IDLE, PAUSED])),
        max_size=9,
    ),
    st.booleans(),
    st.sets(st.sampled_from("abcdefghijklmnopqrstuvwxyz")),
)
def test_all_come_and_then_all_again_in_the_same_order(
    groups: dict[str, tuple[int, PlaybackState]], is_player: bool, remotes: set[str]
) -> None:
    letters = iter("abcdefghijklnopqrstuvwxyzABCDEF")
    others = {key: ("".join(next(letters) for _ in range(count)), state) for key, (count, state) in groups.items()}
    start = picture({"own": ("m", IDLE), **others}, {*remotes - {"m"}, *(() if is_player else "m")})
    expected = {
        key
        for key, (members, state) in others.items()
        if state == PLAYING and (len(members) > 1 or (members and members not in remotes))
    }
    count = len(expected) + is_player
    stops = walk(start, 2 * count)
    assert {stop for stop in stops if stop not in {None, OWN}} == expected
    assert stops[:count] == stops[count:]
    assert len(set(stops[:count])) == count
