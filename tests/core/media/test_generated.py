"""Sources that make their audio, the opener, and what is being played."""

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.channel import FeedId
from core.formats import MONO, STEREO
from core.media.decoded_source import DecodedSource
from core.media.generated import SilenceSource, ToneSource
from core.media.media_stream import MediaStream
from core.media.opener import open_stream
from core.media.request import MediaRequest
from core.media.source import Source


def read_all(source: Source, frame_count: int = 1_000) -> np.ndarray:
    return np.concatenate([passage.block for passage in iter(lambda: source.read(frame_count), None)])


def test_silence_ends() -> None:
    source = SilenceSource(duration_us=100_001)
    assert source.open().duration_us == 100_001
    source.start(48_000, 0)
    heard = read_all(source)
    assert heard.shape == (4_801, 2)
    assert not heard.any()
    assert heard.dtype == np.float32
    source.close()


def test_without_a_length_there_is_no_end() -> None:
    source = SilenceSource(layout=MONO)
    assert source.open().duration_us is None
    source.start(48_000, 10**12)
    passage = source.read(4_800)
    assert passage is not None
    assert (len(passage.block), passage.layout) == (4_800, MONO)


def test_a_tone_is_what_was_asked_for() -> None:
    source = ToneSource(1_000, gain_db=-20, layout=STEREO, duration_us=1_000_000)
    source.open()
    source.start(44_100, 0)
    heard = read_all(source)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    assert np.abs(heard).max() == pytest.approx(0.1, rel=1e-3)
    spectrum = np.abs(np.fft.rfft(heard[:, 0]))
    assert np.argmax(spectrum) == 1_000


@given(position_us=st.integers(0, 990_000), sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=5))
def test_a_tone_is_the_same_wherever_reading_began(position_us: int, sizes: list[int]) -> None:
    whole, part = ToneSource(duration_us=1_000_000), ToneSource(duration_us=1_000_000)
    whole.start(48_000, 0)
    part.start(48_000, position_us)
    expected = read_all(whole)[-(-position_us * 48_000 // 1_000_000) :]
    for size in sizes:
        if passage := part.read(size):
            assert np.array_equal(passage.block, expected[: len(passage.block)])
            expected = expected[len(passage.block) :]


def test_a_request_is_opened_by_ffmpeg() -> None:
    assert isinstance(open_stream(MediaRequest(location=b"")).main, DecodedSource)


def test_a_request_that_brings_its_source() -> None:
    main = SilenceSource()
    assert open_stream(MediaRequest(stream=MediaStream(main=main))).main is main


def test_a_stream_has_no_feeds_of_its_own_unless_told() -> None:
    main, sub = SilenceSource(), SilenceSource()
    assert MediaStream(main=main).feeds == {}
    assert MediaStream(main=main, feeds={FeedId("sub"): sub}).feeds[FeedId("sub")] is sub
