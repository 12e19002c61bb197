"""Encoders, heard through PyAV's decoders."""

from itertools import accumulate, pairwise

import av
from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from core.audio.pcm import Samples, quantise, unpack
from core.codecs.base import Encoder
from core.codecs.registry import make_encoder
from core.errors import FormatError
from core.formats import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, OPUS_SAMPLE_RATES, Block, Codec, StreamFormat

FLAC_RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)


def stream_format(codec: Codec, sample_rate: int, channel_count: int = 2, bit_depth: int = 16) -> StreamFormat:
    return StreamFormat(codec=codec, sample_rate=sample_rate, channel_count=channel_count, bit_depth=bit_depth)


def music(frame_count: int, sample_rate: int, channel_count: int) -> Block:
    """Tones and noise below 3 kHz, every channel different."""
    at = np.arange(frame_count)[:, None] / sample_rate
    channel = np.arange(1, channel_count + 1)
    noise = np.random.default_rng(0).normal(0, 0.1, (frame_count + 200, channel_count))
    smooth = np.lib.stride_tricks.sliding_window_view(noise, sample_rate // 4000, axis=0)[:frame_count].mean(axis=-1)
    tones = 0.2 * np.sin(2 * np.pi * 331 * channel * at) + 0.1 * np.sin(2 * np.pi * 1009 * at)
    return np.ascontiguousarray(tones + smooth, np.float32)


def packets_of(encoder: Encoder, samples: Samples) -> list[bytes]:
    edges = [*range(0, len(samples), encoder.frame_count), len(samples)]
    packets = []
    for a, b in pairwise(edges):
        packets += encoder.encode(samples[a:b])
    return packets


def flac_frames(header: bytes | None, packets: list[bytes], bit_depth: int) -> list[np.ndarray]:
    """Decode packet by packet: what each one alone gives, as right-aligned integers."""
    assert header is not None
    decoder = av.CodecContext.create("flac", "r")
    decoder.extradata = header[8:]
    decoded = []
    for packet in packets:
        (frame,) = decoder.decode(av.Packet(packet))
        integers = frame.to_ndarray().reshape(frame.samples, -1).astype(np.int32)
        decoded.append(integers >> (8 if bit_depth == 24 else 0))
    return decoded


def opus_samples(packets: list[bytes], sample_rate: int, channel_count: int) -> Block:
    """Decode at the stream's own rate, padding included."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoder.layout = "stereo" if channel_count == 2 else "mono"
    frames = [frame.to_ndarray() for packet in packets for frame in decoder.decode(av.Packet(packet))]
    joined = np.concatenate(frames, axis=1).reshape(-1, channel_count).astype(np.float32)
    joined /= 32768
    return joined[:: 48_000 // sample_rate]


@settings(max_examples=60)
@given(
    sample_rate=st.integers(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
    channel_count=st.integers(1, 8),
    bit_depth=st.sampled_from([16, 24, 32]),
    packet_count=st.integers(0, 3),
    rest=st.integers(0, 100),
)
def test_pcm_is_the_samples(sample_rate: int, channel_count: int, bit_depth: int, packet_count: int, rest: int) -> None:
    encoder = make_encoder(stream_format(Codec.PCM, sample_rate, channel_count, bit_depth))
    assert 0.024 < encoder.frame_count / sample_rate <= 0.025
    assert (encoder.header, encoder.delay_frames, encoder.bit_depth) == (None, 0, bit_depth)
    block = music(encoder.frame_count * packet_count + rest, sample_rate, channel_count)
    samples = quantise(block, bit_depth, 0)
    packets = packets_of(encoder, samples) if len(samples) else []
    heard = unpack(b"".join(packets), bit_depth, channel_count)
    assert np.array_equal(quantise(heard, bit_depth, 0), samples)
    encoder.reset()


@pytest.mark.parametrize("sample_rate", FLAC_RATES)
@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("channel_count", [1, 2, 6])
def test_flac_is_one_frame_a_packet_and_decodes_to_the_same_samples(
    sample_rate: int, bit_depth: int, channel_count: int
) -> None:
    encoder = make_encoder(stream_format(Codec.FLAC, sample_rate, channel_count, bit_depth))
    samples = quantise(music(sample_rate // 5 + 7, sample_rate, channel_count), bit_depth, 0)
    packets = packets_of(encoder, samples)
    decoded = flac_frames(encoder.header, packets, bit_depth)
    assert [len(frame) for frame in decoded[:-1]] == [encoder.frame_count] * (len(packets) - 1)
    assert np.array_equal(np.concatenate(decoded), samples)
    assert all(packet[0] == 0xFF and packet[1] & 0xFC == 0xF8 for packet in packets)


@settings(max_examples=40)
@given(
    sample_rate=st.integers(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
    bit_depth=st.sampled_from([16, 24]),
    channel_count=st.integers(1, 8),
    data=st.data(),
)
def test_flac_carries_any_samples_of_any_length(
    sample_rate: int, bit_depth: int, channel_count: int, data: st.DataObject
) -> None:
    encoder = make_encoder(stream_format(Codec.FLAC, sample_rate, channel_count, bit_depth))
    frame_count = data.draw(st.integers(1, encoder.frame_count + 100))
    top = 1 << (bit_depth - 1)
    samples = np.random.default_rng(frame_count).integers(-top, top, (frame_count, channel_count))
    samples[: frame_count // 3] = data.draw(st.sampled_from([0, -top, top - 1]))
    fitting: Samples = samples.astype(np.int16) if bit_depth == 16 else samples.astype(np.int32)
    decoded = flac_frames(encoder.header, packets_of(encoder, fitting), bit_depth)
    assert np.array_equal(np.concatenate(decoded), samples)


def test_flac_header_says_what_comes() -> None:
    """STREAMINFO bit by bit. Source: RFC 9639, 8.2."""
    encoder = make_encoder(stream_format(Codec.FLAC, 44_100, 2, 24))
    header = encoder.header
    assert header is not None
    assert len(header) == 42
    assert header[:8] == b"fLaC\x80\x00\x00\x22"
    block_frames = int.from_bytes(header[8:10])
    assert block_frames == int.from_bytes(header[10:12]) == encoder.frame_count == 1102
    packed = int.from_bytes(header[18:26])
    assert packed >> 44 == 44_100
    assert (packed >> 41 & 7) + 1 == 2
    assert (packed >> 36 & 31) + 1 == 24


def test_flac_starts_again_after_a_short_packet() -> None:
    encoder = make_encoder(stream_format(Codec.FLAC, 48_000))
    samples = quantise(music(3000, 48_000, 2), 16, 0)
    first = packets_of(encoder, samples)
    with pytest.raises(FormatError):
        encoder.encode(samples[: encoder.frame_count])
    encoder.reset()
    assert packets_of(encoder, samples) == first


@pytest.mark.parametrize("sample_rate", sorted(OPUS_SAMPLE_RATES))
@pytest.mark.parametrize("channel_count", [1, 2])
def test_opus_is_heard_as_late_as_it_says(sample_rate: int, channel_count: int) -> None:
    encoder = make_encoder(stream_format(Codec.OPUS, sample_rate, channel_count))
    assert encoder.frame_count == sample_rate // 50
    assert encoder.delay_frames == 312 * sample_rate // 48_000
    assert encoder.header is None
    samples = quantise(music(sample_rate, sample_rate, channel_count), encoder.bit_depth, 0)
    packets = packets_of(encoder, samples)
    assert len(packets) == 50
    heard = opus_samples(packets, sample_rate, channel_count)
    assert len(heard) == sample_rate
    wanted = samples / 32768
    middle = slice(sample_rate // 4, sample_rate * 3 // 4)
    for channel in range(channel_count):
        likeness = [
            np.corrcoef(wanted[middle, channel], np.roll(heard[:, channel], -lag)[middle])[0, 1]
            for lag in range(encoder.delay_frames - 20, encoder.delay_frames + 21)
        ]
        assert abs(int(np.argmax(likeness)) - 20) <= 1
        assert max(likeness) > 0.97


def test_opus_fills_the_last_packet_with_silence() -> None:
    short, full = (make_encoder(stream_format(Codec.OPUS, 48_000)) for _ in range(2))
    samples = quantise(music(500, 48_000, 2), 16, 0)
    filled = np.concatenate([samples, np.zeros((460, 2), np.int16)])
    assert short.encode(samples) == full.encode(filled)


def test_opus_holds_its_bit_rate_roughly() -> None:
    for channel_count, bit_rate in ((1, 96_000), (2, 160_000)):
        encoder = make_encoder(stream_format(Codec.OPUS, 48_000, channel_count))
        packets = packets_of(encoder, quantise(music(96_000, 48_000, channel_count), 16, 0))
        assert sum(map(len, packets)) * 8 / 2 == pytest.approx(bit_rate, rel=0.4)


@given(codec=st.sampled_from(Codec), packet_counts=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
def test_many_packets_at_once_are_what_they_are_one_by_one(
    codec: Codec, packet_counts: list[int], data: st.DataObject
) -> None:
    together, alone = (make_encoder(stream_format(codec, 48_000)) for _ in range(2))
    rest_frames = data.draw(st.integers(0, together.frame_count - 1))
    edges = list(accumulate((count * together.frame_count for count in packet_counts), initial=0))
    edges[-1] += rest_frames
    samples = quantise(music(edges[-1], 48_000, 2), 16, 0)
    packets = []
    for a, b in pairwise(edges):
        packets += together.encode(samples[a:b])
    assert packets == packets_of(alone, samples)
    assert len(packets) == sum(packet_counts) + (rest_frames > 0)


@pytest.mark.parametrize("codec", Codec)
def test_a_reset_leaves_no_trace(codec: Codec) -> None:
    encoder = make_encoder(stream_format(codec, 48_000))
    samples = quantise(music(5000, 48_000, 2), 16, 0)
    first = packets_of(encoder, samples)
    for _ in range(2):
        encoder.reset()
        assert packets_of(encoder, samples) == first


@pytest.mark.parametrize("codec", Codec)
def test_refuses_samples_that_do_not_fit(codec: Codec) -> None:
    encoder = make_encoder(stream_format(codec, 48_000))
    wrong: list[Samples] = [
        np.zeros((encoder.frame_count, 2), np.int32),
        np.zeros((encoder.frame_count, 1), np.int16),
        np.zeros(encoder.frame_count * 2, np.int16),
        np.zeros((0, 2), np.int16),
    ]
    for samples in wrong:
        with pytest.raises(FormatError):
            encoder.encode(samples)
    assert len(encoder.encode(np.zeros((encoder.frame_count, 2), np.int16))) == 1


def test_takes_samples_that_are_not_contiguous() -> None:
    samples = quantise(music(2400, 48_000, 2), 16, 0)
    for codec in Codec:
        one, other = (make_encoder(stream_format(codec, 48_000)) for _ in range(2))
        part = samples[: one.frame_count * 2 : 2]
        assert one.encode(part) == other.encode(part.copy())


@pytest.mark.parametrize(
    "refused",
    [
        stream_format(Codec.FLAC, 48_000, bit_depth=32),
        stream_format(Codec.OPUS, 44_100),
        stream_format(Codec.OPUS, 48_000, 6),
        stream_format(Codec.PCM, 1),
        stream_format(Codec.PCM, 48_000, 0),
        stream_format(Codec.PCM, 48_000, bit_depth=8),
    ],
)
def test_refuses_formats_that_cannot_be_made(refused: StreamFormat) -> None:
    with pytest.raises(FormatError):
        make_encoder(refused)
