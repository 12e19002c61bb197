"""Quantising, packing and unpacking."""

from itertools import pairwise

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from core.audio.pcm import DITHER_PERIOD, pack, quantise, unpack
from core.errors import FormatError
from core.formats import Block

DEPTHS = (16, 24, 32)


def integers(bit_depth: int) -> st.SearchStrategy[np.ndarray]:
    top = 1 << (bit_depth - 1)
    return hnp.arrays(
        np.int16 if bit_depth == 16 else np.int32,
        st.tuples(st.integers(0, 40), st.integers(1, 8)),
        elements=st.integers(-top, top - 1),
    )


def noise(frame_count: int, lane_count: int = 2, peak: float = 0.9) -> Block:
    return np.random.default_rng(1).uniform(-peak, peak, (frame_count, lane_count)).astype(np.float32)


@settings(max_examples=50)
@given(samples=integers(16), frame=st.integers(-(2**40), 2**40), bit_depth=st.sampled_from([16, 24]))
def test_16_bits_pass_bit_exact_at_every_frame(samples: np.ndarray, frame: int, bit_depth: int) -> None:
    block = samples.astype(np.float32) / np.float32(2**15)
    assert np.array_equal(quantise(block, bit_depth, frame), samples.astype(np.int32) << (bit_depth - 16))


@settings(max_examples=50)
@given(samples=integers(24), frame=st.integers(-(2**40), 2**40))
def test_24_bits_pass_bit_exact_at_every_frame(samples: np.ndarray, frame: int) -> None:
    block = samples.astype(np.float32) / np.float32(2**23)
    quantised = quantise(block, 24, frame)
    assert quantised.dtype == np.int32
    assert np.array_equal(quantised, samples)
    assert np.array_equal(quantise(block, 32, frame), samples << 8)


@settings(max_examples=50)
@given(
    bit_depth=st.sampled_from(DEPTHS),
    cuts=st.lists(st.integers(0, 500), max_size=5).map(sorted),
    first=st.one_of(st.integers(0, 10**12), st.integers(DITHER_PERIOD - 500, DITHER_PERIOD)),
    on_grid=st.lists(st.booleans(), min_size=500, max_size=500),
)
def test_any_split_gives_the_same_integers(bit_depth: int, cuts: list[int], first: int, on_grid: list[bool]) -> None:
    block = noise(500)
    block[on_grid] = np.round(block[on_grid] * 1000) / np.float32(32768)
    whole = quantise(block, bit_depth, first)
    edges = [0, *cuts, 500]
    parts = [quantise(block[a:b], bit_depth, first + a) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_samples_on_the_grid_pass_beside_others() -> None:
    block = noise(1000)
    block[::2, 0] = np.float32(-77 / 32768)
    assert (quantise(block, 16, 5)[::2, 0] == -77).all()


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("value", [0.5, 0.125, -3.75, 1000.25])
def test_dither_is_triangular(bit_depth: int, value: float) -> None:
    """Whatever the value: no mean error, and a noise power of 1/6 (the dither) + 1/12 (the rounding) of a step²."""
    block = np.full((200_000, 2), value / 2 ** (bit_depth - 1), np.float32)
    error = quantise(block, bit_depth, 0) - value
    assert np.abs(error).max() < 1.5
    assert np.abs(error.mean(axis=0)).max() < 0.005
    assert error.var(axis=0) == pytest.approx(0.25, rel=0.02)


def test_dither_is_exact_where_a_float_has_few_bits_left() -> None:
    """Half a step at 24 bits near -6 dB: the sum of value and noise has no room in a float32."""
    value = 2**22 - 100 + 0.5
    error = quantise(np.full((200_000, 1), value / 2**23, np.float32), 24, 0) - value
    assert abs(error.mean()) < 0.005
    assert error.var() == pytest.approx(0.25, rel=0.02)


def test_error_is_white_without_dc_and_differs_between_lanes() -> None:
    block = noise(DITHER_PERIOD, 8)
    error = quantise(block, 16, 0) - block.astype(np.float64) * 32768
    assert np.abs(error.mean(axis=0)).max() < 0.005
    spectrum = np.abs(np.fft.rfft(error[:, 0])[1:]) ** 2
    bands = spectrum[: len(spectrum) // 32 * 32].reshape(32, -1).mean(axis=1)
    assert 10 * np.log10(bands / spectrum.mean()) == pytest.approx(np.zeros(32), abs=0.3)
    correlation = np.corrcoef(error.T) - np.eye(8)
    assert np.abs(correlation).max() < 0.01


def test_silence_stays_silent() -> None:
    assert not quantise(np.zeros((100, 2), np.float32), 16, 7).any()


@pytest.mark.parametrize(("bit_depth", "highest"), [(16, 32767), (24, 2**23 - 1), (32, 2**31 - 128)])
def test_full_scale_clips_and_what_is_no_number_is_silent(bit_depth: int, highest: int) -> None:
    block = np.array([[2, 1, np.inf, np.nan], [-2, -1, -np.inf, np.nan]], np.float32)
    lowest = -(1 << (bit_depth - 1))
    assert quantise(block, bit_depth, 0).tolist() == [[highest] * 3 + [0], [lowest] * 3 + [0]]


def test_dither_never_wraps_at_full_scale() -> None:
    block = np.full((10_000, 1), 32766.7 / 32768, np.float32)
    assert quantise(block, 16, 0).min() > 32000
    assert quantise(-block, 16, 0).max() < -32000


def test_32_bits_carry_a_float_without_noise() -> None:
    block = noise(1000)
    assert np.array_equal(quantise(block, 32, 0), np.rint(block.astype(np.float64) * 2**31))


def test_the_block_is_left_alone() -> None:
    block = noise(100)
    before = block.copy()
    for bit_depth in DEPTHS:
        quantise(block, bit_depth, 0)
    assert np.array_equal(block, before)


def test_packs_little_endian() -> None:
    assert pack(np.array([[1, -2]], np.int16), 16) == bytes.fromhex("0100 feff")
    assert pack(np.array([[0x123456, -2]], np.int32), 24) == bytes.fromhex("563412 feffff")
    assert pack(np.array([[0x12345678, -2]], np.int32), 32) == bytes.fromhex("78563412 feffffff")


@settings(max_examples=50)
@given(data=st.data(), bit_depth=st.sampled_from([16, 24]))
def test_unpack_undoes_pack(data: st.DataObject, bit_depth: int) -> None:
    samples = data.draw(integers(bit_depth))
    packed = pack(samples, bit_depth)
    assert len(packed) == samples.size * bit_depth // 8
    block = unpack(packed, bit_depth, samples.shape[1])
    assert block.dtype == np.float32
    assert block.flags.c_contiguous
    assert np.array_equal(quantise(block, bit_depth, 3), samples)


def test_unpacks_32_bits_to_the_nearest_float() -> None:
    samples = np.array([[2**31 - 1, -(2**31), 3 << 20]], np.int32)
    assert unpack(pack(samples, 32), 32, 3).tolist() == [[1.0, -1.0, 3 / 2048]]


def test_packs_a_view_of_every_other_frame() -> None:
    samples = np.arange(20, dtype=np.int32).reshape(10, 2)
    for bit_depth in (24, 32):
        assert pack(samples[::2], bit_depth) == pack(samples[::2].copy(), bit_depth)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(FormatError):
        quantise(noise(1), 20, 0)
    with pytest.raises(FormatError):
        pack(np.zeros((1, 2), np.int16), 24)
    with pytest.raises(FormatError):
        pack(np.zeros((1, 2), np.int32), 16)
    with pytest.raises(FormatError):
        pack(np.zeros((1, 2), np.int32), 8)
    with pytest.raises(FormatError):
        unpack(b"12345", 16, 2)
    with pytest.raises(FormatError):
        unpack(b"", 16, 0)
