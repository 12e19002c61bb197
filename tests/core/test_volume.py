"""The volume of a group, and what it makes of its members'."""

from collections.abc import Mapping
from fractions import Fraction
from random import Random

from hypothesis import given, strategies as st
import pytest

from core.volume import mean_volume, spread

levels = st.integers(0, 100)
groups = st.dictionaries(st.sampled_from("abcdefghijklmnopqrst"), levels, min_size=1)


def after(volumes: Mapping[str, int], wanted: int, limits: Mapping[str, int] | None = None) -> dict[str, int]:
    return dict(volumes) | spread(volumes, wanted, limits)


@pytest.mark.parametrize(
    ("volumes", "mean"), [([], None), ([7], 7), ([50, 51], 51), ([50, 50, 51], 50), ([0, 0], 0), ([100, 100], 100)]
)
def test_the_mean_is_rounded_halves_up(volumes: list[int], mean: int | None) -> None:
    assert mean_volume(volumes) == mean


@pytest.mark.parametrize(
    ("before", "wanted", "commands"),
    [
        ([90, 50, 40], 80, {0: 100, 1: 75, 2: 65}),
        ([90, 50, 40], 100, {0: 100, 1: 100, 2: 100}),
        ([90, 50, 40], 0, {0: 0, 1: 0, 2: 0}),
        ([90, 50, 40], 60, {}),
        ([100, 60], 90, {1: 80}),
        ([0, 10], 1, {1: 2}),
        ([50, 51], 51, {}),
        ([50, 51], 50, {0: 49, 1: 50}),
        ([98, 99, 0], 99, {0: 100, 1: 100, 2: 97}),
        ([], 40, {}),
    ],
)
def test_examples(before: list[int], wanted: int, commands: dict[int, int]) -> None:
    assert spread(dict(enumerate(before)), wanted) == commands


@given(groups, levels)
def test_a_group_reads_what_it_was_set_to(volumes: dict[str, int], wanted: int) -> None:
    changed = after(volumes, wanted)
    assert mean_volume(list(changed.values())) == wanted
    assert abs(Fraction(sum(changed.values()), len(changed)) - wanted) <= Fraction(1, 2)
    assert all(0 <= level <= 100 for level in changed.values())


@given(groups, levels)
def test_differences_stay_but_for_those_at_an_end(volumes: dict[str, int], wanted: int) -> None:
    changed = after(volumes, wanted)
    moves = {changed[key] - volumes[key] for key in volumes if 0 < changed[key] < 100}
    assert len(moves) <= 1
    for key, level in changed.items():
        for move in moves:
            assert level == min(max(volumes[key] + move, 0), 100) or level in {0, 1, 99, 100}


@given(groups, levels)
def test_all_move_the_same_way_and_keep_their_order(volumes: dict[str, int], wanted: int) -> None:
    changed = after(volumes, wanted)
    assert len({changed[key] > volumes[key] for key in volumes if changed[key] != volumes[key]}) <= 1
    pairs = sorted((volumes[key], changed[key]) for key in volumes)
    assert [level for _, level in pairs] == sorted(changed.values())
    assert len(set(pairs)) == len(set(volumes.values()))


@given(groups, levels, st.randoms(use_true_random=False))
def test_the_order_of_members_is_of_no_matter(volumes: dict[str, int], wanted: int, random: Random) -> None:
    shuffled = list(volumes.items())
    random.shuffle(shuffled)
    assert spread(dict(shuffled), wanted) == spread(volumes, wanted)


@given(groups, levels)
def test_only_what_changes_is_told(volumes: dict[str, int], wanted: int) -> None:
    commands = spread(volumes, wanted)
    assert all(level != volumes[key] for key, level in commands.items())
    assert spread(after(volumes, wanted), wanted) == {}


@given(groups, groups, levels)
def test_nobody_passes_its_limit_and_the_others_make_up_for_it(
    volumes: dict[str, int], limits: dict[str, int], wanted: int
) -> None:
    changed = after(volumes, wanted, limits)
    tops = {key: limits.get(key, 100) for key in volumes}
    assert all(0 <= changed[key] <= tops[key] for key in volumes)
    if sum(tops.values()) >= wanted * len(tops):
        assert mean_volume(list(changed.values())) == wanted
    else:
        assert changed == tops


def test_limits_above_a_hundred_are_a_hundred() -> None:
    assert spread({"a": 50}, 100, {"a": 300}) == {"a": 100}
