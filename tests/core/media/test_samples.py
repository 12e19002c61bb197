"""Every sample format and channel layout of FFmpeg, as blocks."""

import av
import numpy as np
import pytest

from core.formats import LAYOUT_BY_COUNT, MONO, STEREO, Lane
from core.media.samples import LaneMap, lanes_of, to_block


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("u8", np.array([0, 128, 255, 64], np.uint8), [-1, 0, 127 / 128, -0.5]),
        ("s16", np.array([-32_768, 0, 32_767, 1], np.int16), [-1, 0, 32_767 / 32_768, 2**-15]),
        ("s32", np.array([-(2**31), 0, 2**30, 256], np.int32), [-1, 0, 0.5, 2**-23]),
        ("flt", np.array([-1.5, 0, 0.25, 2**-30], np.float32), [-1.5, 0, 0.25, 2**-30]),
        ("dbl", np.array([-1.5, 0, 0.25, 2**-30], np.float64), [-1.5, 0, 0.25, 2**-30]),
    ],
)
def test_full_scale_is_one(name: str, values: np.ndarray, expected: list[float], is_planar: bool) -> None:
    samples = values.reshape(2, 2) if is_planar else values.reshape(1, 4)
    frame = av.AudioFrame.from_ndarray(samples, format=name + "p" * is_planar, layout="stereo")
    block = to_block(frame)
    assert block.dtype == np.float32
    assert block.flags.c_contiguous
    lanes = np.array(expected).reshape(2, 2)
    assert np.array_equal(block, lanes.T if is_planar else lanes)


def test_what_is_no_number_is_silent() -> None:
    samples = np.array([[np.nan, 0.5, np.inf, -np.inf]], np.float32)
    block = to_block(av.AudioFrame.from_ndarray(samples, format="flt", layout="mono"))
    assert block[:, 0].tolist() == [0, 0.5, 1, -1]


@pytest.mark.parametrize("name", ["s16", "s16p"])
def test_only_the_columns_asked_for(name: str) -> None:
    lanes = np.arange(12, dtype=np.int16).reshape(4, 3)
    samples = np.ascontiguousarray(lanes.T) if name == "s16p" else lanes.reshape(1, 12)
    frame = av.AudioFrame.from_ndarray(samples, format=name, layout="2.1")
    block = to_block(frame, (0, 2))
    assert np.array_equal(block * 32_768, lanes[:, [0, 2]])
    assert block.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mono", LaneMap(MONO, None)),
        ("stereo", LaneMap(STEREO, None)),
        ("2 channels", LaneMap(STEREO, None)),
        ("downmix", LaneMap(STEREO, None)),
        ("quad(side)", LaneMap((*STEREO, Lane.SL, Lane.SR), None)),
        ("6 channels", LaneMap(LAYOUT_BY_COUNT[6], None)),
        ("16 channels", LaneMap(LAYOUT_BY_COUNT[8], tuple(range(8)))),
        ("5.1.2", LaneMap((*STEREO, Lane.FC, Lane.LFE, Lane.SL, Lane.SR), tuple(range(6)))),
    ],
)
def test_names_and_numbers_of_lanes(name: str, expected: LaneMap) -> None:
    assert lanes_of(av.AudioLayout(name)) == expected
