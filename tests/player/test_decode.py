"""Chunks as the strictest players take them."""

import base64

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest

from tests.fakes.player import PlayerFormat
from tests.fakes.player.decode import ChunkError, make_decoder, pack_pcm, to_channels, unpack_pcm

from .ideal import FLAC_44_24, FLAC_48, OPUS, PCM_44, encode

NOISE = np.random.default_rng(2).uniform(-0.9, 0.9, (4800, 2)).astype(np.float32)


def on_grid(block: npt.NDArray[np.float32], bit_depth: int) -> npt.NDArray[np.float32]:
    scale = np.float32(1 << bit_depth - 1)
    return np.asarray(np.rint(block * scale) / scale, dtype=np.float32)


@settings(max_examples=50)
@given(st.data(), st.sampled_from([16, 24]), st.integers(1, 8))
def test_pcm_there_and_back(data: st.DataObject, bit_depth: int, channel_count: int) -> None:
    samples = data.draw(
        hnp.arrays(np.int64, (5, channel_count), elements=st.integers(-(1 << bit_depth - 1), (1 << bit_depth - 1) - 1))
    )
    block = (samples / (1 << bit_depth - 1)).astype(np.float32)
    wire = pack_pcm(block, bit_depth)
    assert wire == b"".join(int(sample).to_bytes(bit_depth // 8, "little", signed=True) for sample in samples.flat)
    np.testing.assert_array_equal(unpack_pcm(wire, bit_depth, channel_count), block)


def test_pcm_of_32_bit() -> None:
    wire = np.array([[1 << 30, -(1 << 31)]], "<i4").tobytes()
    block = unpack_pcm(wire, 32, 2)
    np.testing.assert_array_equal(block, [[0.5, -1.0]])
    assert pack_pcm(block, 32) == wire


@pytest.mark.parametrize("stream", [FLAC_48, FLAC_44_24])
def test_flac_is_exact(stream: PlayerFormat) -> None:
    encoded = encode(NOISE, stream, 1000)
    decoder = make_decoder(stream, encoded.header)
    blocks = [decoder.decode(data) for _, data in encoded.chunks]
    assert [len(block) for block in blocks] == [1000, 1000, 1000, 1000, 800]
    np.testing.assert_array_equal(np.concatenate(blocks), on_grid(NOISE, stream.bit_depth))


def test_opus_is_as_late_as_its_encoder() -> None:
    encoded = encode(NOISE, OPUS)
    decoder = make_decoder(OPUS, None)
    heard = np.concatenate([decoder.decode(data) for _, data in encoded.chunks])
    assert len(heard) == 4800
    mono, source = heard[:, 0] + heard[:, 1], NOISE[:, 0] + NOISE[:, 1]
    fits = np.correlate(mono[1000:4000], source[400:3400], "full")
    assert int(np.argmax(fits)) - 2999 + 600 == 312


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "proper"),
        ("!", "base64"),
        (base64.b64encode(bytes(42)).decode(), "proper"),
        (encode(NOISE[:100], FLAC_44_24).header, "disagree"),
    ],
)
def test_flac_header_is_checked(header: str | None, words: str) -> None:
    with pytest.raises(ChunkError, match=words):
        make_decoder(FLAC_48, header)


def test_flac_chunk_is_one_frame_of_the_announced_size() -> None:
    encoded = encode(NOISE, FLAC_48, 960)
    longer = encode(NOISE, FLAC_48, 2000)
    decoder = make_decoder(FLAC_48, encoded.header)
    for data in (longer.chunks[0][1], b"\x00" * 50, encoded.chunks[0][1] + encoded.chunks[1][1]):
        with pytest.raises(ChunkError):
            decoder.decode(data)
    for _, data in encoded.chunks:
        assert len(decoder.decode(data)) == 960


def test_chunks_of_another_kind_are_refused() -> None:
    mono = PlayerFormat.parse("flac:48000:16:1")
    encoded = encode(NOISE, FLAC_48)
    header = bytearray(base64.b64decode(encoded.header or ""))
    header[20] &= 0xF1  # one channel
    with pytest.raises(ChunkError, match="another rate or channel count"):
        make_decoder(mono, base64.b64encode(header).decode()).decode(encoded.chunks[0][1])
    with pytest.raises(ChunkError, match="whole frames"):
        make_decoder(PCM_44, None).decode(b"\x00" * 7)


def test_channels_are_repeated_or_dropped() -> None:
    block = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    np.testing.assert_array_equal(to_channels(block, 2), [[1, 2], [4, 5]])
    np.testing.assert_array_equal(to_channels(block[:, :1], 2), [[1, 1], [4, 4]])
    assert to_channels(block, 3) is block
