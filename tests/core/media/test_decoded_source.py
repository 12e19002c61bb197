"""A medium at the mix rate: the grid of its frames, what a seek and a change of format do to it."""

from itertools import groupby
from pathlib import Path

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from core.errors import MediaDecodeError, MediaError
from core.formats import MONO, STEREO, Block
from core.media.decoded_source import DecodedSource
from core.media.request import MediaLocation, MediaRequest
from core.media.source import Passage
from core.media.tags import Tags
from tests.fakes.media import BrokenStream, PiecewiseStream, encode, quantised, tones

RATES = [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (96_000, 48_000), (11_025, 44_100), (48_000, 48_000)]


def started(location: MediaLocation, mix_rate: int, position_us: int = 0) -> DecodedSource:
    source = DecodedSource(MediaRequest(location=location))
    source.open()
    source.start(mix_rate, position_us)
    return source


def read_all(source: DecodedSource, frame_count: int = 4_800) -> list[Passage]:
    return list(iter(lambda: source.read(frame_count), None))


def joined(passages: list[Passage]) -> Block:
    return np.concatenate([passage.block for passage in passages])


def wav(seconds: float, sample_rate: int, lane_count: int = 2) -> bytes:
    samples = tones(round(seconds * sample_rate), lane_count, sample_rate)
    return encode(samples, "pcm_f32le", "wav", sample_rate=sample_rate, layout="mono" if lane_count == 1 else "stereo")


@pytest.mark.parametrize(("sample_rate", "mix_rate"), RATES)
def test_frame_k_is_the_sound_at_k_by_the_mix_rate(sample_rate: int, mix_rate: int) -> None:
    heard = joined(read_all(started(wav(1, sample_rate), mix_rate)))
    assert len(heard) == mix_rate
    inner = slice(mix_rate // 10, -mix_rate // 10)
    assert np.abs(heard - tones(mix_rate, 2, mix_rate))[inner].max() < 1e-4


def test_at_its_own_rate_every_bit_is_kept() -> None:
    samples = quantised(tones(48_000), 24)
    data = encode(samples, "flac", "flac", sample_format="s32")
    assert np.array_equal(joined(read_all(started(data, 48_000))), samples)


@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_any_sizes_of_reads_give_the_same(sizes: list[int]) -> None:
    data = wav(0.5, 44_100)
    whole = joined(read_all(started(data, 48_000)))
    source = started(data, 48_000)
    read_count = 0
    for size in sizes:
        expected = whole[read_count : read_count + size]
        passage = source.read(size)
        # From memory nothing is waited for: what is wanted comes at once.
        assert np.array_equal(expected, passage.block if passage else whole[:0])
        read_count += len(expected)


def test_a_stream_is_given_as_it_comes() -> None:
    stream = PiecewiseStream(wav(2, 48_000), [512])
    source = started(lambda: stream, 48_000)
    passage = source.read(48_000)
    assert passage is not None
    assert len(passage.block) < 8_000
    assert stream.given < 100_000


@pytest.mark.parametrize(("sample_rate", "mix_rate"), RATES)
@pytest.mark.parametrize("codec", ["pcm_f32le", "libmp3lame"])
@given(position_us=st.integers(0, 1_900_000))
@settings(max_examples=8, deadline=None)
def test_what_follows_a_seek_is_what_an_unbroken_reading_gives(
    sample_rate: int, mix_rate: int, codec: str, position_us: int
) -> None:
    container = "wav" if codec == "pcm_f32le" else "mp3"
    if container == "mp3" and sample_rate > 48_000:
        return
    data = encode(tones(2 * sample_rate, 2, sample_rate), codec, container, sample_rate=sample_rate)
    whole = joined(read_all(started(data, mix_rate)))
    first = -(-position_us * mix_rate // 1_000_000)
    source = started(data, mix_rate, position_us)
    at_once = joined(read_all(source))
    assert len(at_once) == len(whole) - first
    assert np.abs(at_once - whole[first:]).max() < 10 ** (-90 / 20)
    source.seek(position_us)
    assert np.array_equal(joined(read_all(source)), at_once)


def test_beyond_the_end_there_is_nothing() -> None:
    for mix_rate in (44_100, 48_000):
        source = started(wav(1, 44_100), mix_rate, 1_000_001)
        assert source.read(4_800) is None
        source.seek(999_000)
        assert len(joined(read_all(source))) == mix_rate // 1_000


def test_a_change_of_rate_and_lanes_leaves_no_gap() -> None:
    first = encode(tones(44_100, 2, 44_100), "flac", "ogg", sample_rate=44_100, sample_format="s16")
    second = encode(tones(32_000, 1, 32_000), "flac", "ogg", sample_rate=32_000, layout="mono", sample_format="s16")
    passages = read_all(started(lambda: PiecewiseStream(first + second), 48_000))
    assert [layout for layout, _ in groupby(passage.layout for passage in passages)] == [STEREO, MONO]
    assert all(passage.block.shape[1] == len(passage.layout) for passage in passages)
    assert sum(len(passage.block) for passage in passages) == 96_000
    mono = joined([passage for passage in passages if passage.layout == MONO])
    assert np.abs(mono - tones(48_000, 1, 48_000))[2_400:-2_400].max() < 1e-3


def test_a_gathered_read_ends_where_the_lanes_change() -> None:
    first = encode(tones(10_000), "flac", "ogg", sample_format="s16")
    second = encode(tones(10_000, 1), "flac", "ogg", layout="mono", sample_format="s16")
    source = started(first + second, 48_000)
    passages = [source.read(1 << 20), source.read(1 << 20), source.read(1 << 20)]
    assert [passage and (len(passage.block), passage.layout) for passage in passages] == [
        (10_000, STEREO),
        (10_000, MONO),
        None,
    ]


@pytest.mark.parametrize("mix_rate", [48_000, 44_100])
def test_a_read_ends_where_the_tags_change(mix_rate: int) -> None:
    links = [encode(tones(10_000), "flac", "ogg", sample_format="s16", tags={"title": name}) for name in ("A", "B")]
    source = started(b"".join(links), mix_rate)
    passages = read_all(source, 1 << 20)
    assert [passage.tags for passage in passages] == [Tags("A"), Tags("B")]
    # A resampler holds a little back, which then counts as the next one's.
    assert len(passages[0].block) == pytest.approx(10_000 * mix_rate / 48_000, abs=0 if mix_rate == 48_000 else 1_200)


def test_a_broken_medium_gives_all_it_has_before_it_raises() -> None:
    data = wav(1, 44_100)
    header_bytes = data.index(b"data") + 8
    source = started(lambda: BrokenStream(data[: header_bytes + 8 * 22_050], MediaDecodeError("gone")), 48_000)
    heard = 0
    while heard < 24_000:
        passage = source.read(4_800)
        assert passage is not None
        heard += len(passage.block)
    assert heard == 24_000
    for _ in range(2):
        with pytest.raises(MediaDecodeError, match="gone"):
            source.read(4_800)


def test_a_file_by_path(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(1, 48_000))
    assert len(joined(read_all(started(path, 48_000)))) == 48_000


def test_a_seek_needs_an_open_medium() -> None:
    with pytest.raises(MediaError, match="not open"):
        DecodedSource(MediaRequest(location=b"")).start(48_000, 1)


def test_a_refused_seek_changes_nothing() -> None:
    source = started(lambda: PiecewiseStream(wav(1, 48_000)), 48_000)
    with pytest.raises(MediaError, match="cannot be sought"):
        source.seek(500_000)
    assert len(joined(read_all(source))) == 48_000


def test_after_close_nothing_is_read() -> None:
    source = started(wav(1, 48_000), 48_000)
    source.close()
    with pytest.raises(MediaError):
        source.read(4_800)
