"""Mapping lanes."""

from itertools import permutations

import av
from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from core.audio.lanes import AV_LAYOUT_BY_COUNT, remap
from core.formats import LAYOUT_BY_COUNT, MONO, STEREO, Lane, Layout

SURROUND = LAYOUT_BY_COUNT[6]
layouts = st.lists(st.sampled_from(Lane), min_size=1, max_size=8, unique=True).map(tuple)


def gains(source: Layout, target: Layout) -> dict[Lane, list[float]]:
    """Return what each lane of `source` alone, at full scale, gives on the lanes of `target`."""
    mapped = remap(np.eye(len(source), dtype=np.float32), source, target)
    return dict(zip(source, mapped.tolist(), strict=True))


@given(layout=layouts)
def test_equal_lanes_pass_as_the_same_array(layout: Layout) -> None:
    block = np.ones((3, len(layout)), np.float32)
    assert remap(block, layout, layout) is block


@settings(max_examples=100)
@given(source=layouts, target=layouts)
def test_full_scale_never_clips(source: Layout, target: Layout) -> None:
    mapped = remap(np.ones((5, len(source)), np.float32), source, target)
    assert mapped.shape == (5, len(target))
    assert mapped.dtype == np.float32
    assert mapped.flags.c_contiguous
    assert mapped.max() <= 1 + 1e-6
    assert mapped.min() >= 0


@settings(max_examples=100)
@given(source=layouts, target=layouts)
def test_lanes_that_both_have_stay_alone_and_alike(source: Layout, target: Layout) -> None:
    """A lane that needs no mapping goes to its own place only, and all such lanes keep their balance."""
    levels = set()
    for lane, row in gains(source, target).items():
        if lane in target:
            levels.add(row.pop(target.index(lane)))
            assert not any(row)
    assert len(levels) <= 1
    assert 0 not in levels


def test_reordered_lanes_are_bit_exact() -> None:
    block = np.random.default_rng(0).uniform(-1, 1, (50, 3)).astype(np.float32)
    source = (Lane.FL, Lane.FR, Lane.FC)
    for order in permutations(range(3)):
        target = tuple(source[lane] for lane in order)
        assert np.array_equal(remap(block, source, target), block[:, order])


def test_mono_keeps_its_level_on_both_sides() -> None:
    assert gains(MONO, STEREO) == {Lane.FC: [1, 1]}
    assert gains(MONO, LAYOUT_BY_COUNT[4]) == {Lane.FC: [1, 1, 0, 0]}
    assert gains(MONO, SURROUND) == {Lane.FC: [0, 0, 1, 0, 0, 0]}


def test_stereo_is_averaged_to_mono() -> None:
    assert gains(STEREO, MONO) == {Lane.FL: [0.5], Lane.FR: [0.5]}


def test_one_side_alone_keeps_its_lane() -> None:
    assert gains(STEREO, (Lane.FR,)) == {Lane.FL: [0], Lane.FR: [1]}


def test_surround_to_stereo_follows_bs_775() -> None:
    """Front 0 dB, centre and surround -3 dB, no LFE; all lower by what could clip."""
    share = 1 / (1 + 2 * 0.5**0.5)
    three_db_less = share * 0.5**0.5
    expected = {
        Lane.FL: [share, 0],
        Lane.FR: [0, share],
        Lane.FC: [three_db_less, three_db_less],
        Lane.LFE: [0, 0],
        Lane.BL: [three_db_less, 0],
        Lane.BR: [0, three_db_less],
    }
    actual = gains(SURROUND, STEREO)
    for lane, row in expected.items():
        assert actual[lane] == pytest.approx(row)


def test_surround_to_mono_follows_bs_775() -> None:
    """Centre 0 dB, front -3 dB, surround -6 dB."""
    share = 1 / (1 + 2 * 0.5**0.5 + 2 * 0.5)
    actual = gains(SURROUND, MONO)
    assert actual[Lane.FC] == pytest.approx([share])
    assert actual[Lane.FL] == actual[Lane.FR] == pytest.approx([share * 0.5**0.5])
    assert actual[Lane.BL] == actual[Lane.BR] == pytest.approx([share / 2])
    assert actual[Lane.LFE] == [0]


def test_side_and_back_stand_in_for_each_other() -> None:
    side = (Lane.FL, Lane.FR, Lane.FC, Lane.LFE, Lane.SL, Lane.SR)
    block = np.random.default_rng(0).uniform(-1, 1, (50, 6)).astype(np.float32)
    assert np.array_equal(remap(block, side, SURROUND), block)
    assert np.array_equal(remap(block, SURROUND, side), block)


def test_a_back_centre_is_split() -> None:
    source = (*STEREO, Lane.BC)
    row = gains(source, LAYOUT_BY_COUNT[4])[Lane.BC]
    assert row[:2] == [0, 0]
    assert row[2] == row[3] == pytest.approx(0.5**0.5)


def test_more_lanes_leave_the_new_ones_silent() -> None:
    assert gains(STEREO, SURROUND) == {Lane.FL: [1, 0, 0, 0, 0, 0], Lane.FR: [0, 1, 0, 0, 0, 0]}


def test_ffmpeg_names_have_as_many_lanes() -> None:
    assert {count: av.AudioLayout(name).nb_channels for count, name in AV_LAYOUT_BY_COUNT.items()} == {
        count: count for count in LAYOUT_BY_COUNT
    }
