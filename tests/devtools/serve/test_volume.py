"""Group volume by protocol.md 9.4."""

from hypothesis import given, strategies as st
import pytest

from devtools.serve.volume import spread_volume

volume = st.integers(0, 100)


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ([90, 50, 40], 80, [100, 75, 65]),
        ([90, 50, 40], 100, [100, 100, 100]),
        ([90, 50, 40], 0, [0, 0, 0]),
        ([20, 60], 50, [30, 70]),
        ([50], 20, [20]),
        ([0, 100], 50, [0, 100]),
        ([0, 10], 0, [0, 0]),
        ([0, 100], 75, [50, 100]),
    ],
)
def test_examples(before: list[int], wanted: int, after: list[int]) -> None:
    assert list(spread_volume(dict(enumerate(before)), wanted).values()) == after


def test_nobody() -> None:
    assert spread_volume({}, 50) == {}


@given(st.lists(volume, min_size=1, max_size=8), volume)
def test_the_mean_is_what_was_wanted_and_the_order_stays(volumes: list[int], wanted: int) -> None:
    after = spread_volume(dict(enumerate(volumes)), wanted)
    assert sum(after.values()) / len(volumes) == pytest.approx(wanted, abs=0.51)
    assert all(0 <= value <= 100 for value in after.values())
    for one, first in enumerate(volumes):
        for other, second in enumerate(volumes):
            assert (first <= second) <= (after[one] <= after[other])


@given(st.lists(volume, min_size=1, max_size=8), volume)
def test_differences_stay_where_nobody_is_at_an_end(volumes: list[int], wanted: int) -> None:
    after = spread_volume(dict(enumerate(volumes)), wanted)
    if all(0 < value < 100 for value in after.values()):
        shifts = [after[index] - before for index, before in enumerate(volumes)]
        assert max(shifts) - min(shifts) <= 1
