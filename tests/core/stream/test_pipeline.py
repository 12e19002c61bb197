"""One channel in one format: whatever the split, the chunks are the same, without gap or padding."""

from itertools import pairwise

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.audio.resample import make_resampler
from core.channel import Channel
from core.codecs.registry import make_encoder
from core.formats import Block, StreamFormat
from core.stream.pipeline import Pipeline
from core.stream.stem import Stem
from core.stream.timeline import Timeline, convert_index
from core.stream.work import Work
from core.units import ServerTimeUs
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, PCM_48_24, noise

LINE = Timeline(anchor=ServerTimeUs(10_000_000), anchor_frame=0, mix_rate=48_000)
FRAMES = 30_000
SAMPLES = noise(FRAMES) * np.float32(0.7)
ALL = [PCM_48, PCM_48_24, PCM_44, FLAC_48, FLAC_44, OPUS_48]


class Line(Pipeline):
    """A pipeline with a stem of its own."""

    def __init__(self, stream_format: StreamFormat, mix_rate: int = 48_000) -> None:
        stem = Stem(Channel(), stream_format.sample_rate, mix_rate=mix_rate, make_resampler=make_resampler)
        super().__init__(stem, stream_format, make_encoder(stream_format))
        self.mix_rate = mix_rate

    def begin(self, frame: int) -> None:
        index = convert_index(frame, self.mix_rate, self.format.sample_rate)
        self.stem.reset(index)
        self.reset(index)

    def feed(self, samples: Block, sizes: list[int], timeline: Timeline = LINE) -> None:
        """Give it what it wants of `samples`, frame 0 first, in pieces of these sizes and then the rest."""
        for size in [*sizes, 2 * len(samples)]:
            first = self.stem.next_frame
            end = min(first + size, len(samples))
            before = np.zeros((max(0, min(end, 0) - first), 2), np.float32)
            block = np.concatenate([before, samples[max(first, 0) : max(end, 0)]])
            if len(block):
                self.stem.take(block)
                self.prepare(timeline, len(block))

    def end(self, timeline: Timeline = LINE) -> None:
        self.stem.finish()
        self.prepare(timeline, 1)
        self.finish(timeline)


@pytest.mark.parametrize("stream_format", ALL)
@given(sizes=st.lists(st.integers(1, 9_000), max_size=8))
def test_any_split_gives_the_same_chunks(stream_format: StreamFormat, sizes: list[int]) -> None:
    whole, split = Line(stream_format), Line(stream_format)
    for it, parts in ((whole, []), (split, sizes)):
        it.begin(0)
        it.feed(SAMPLES, parts)
        it.end()
    assert [(chunk.start, chunk.data) for chunk in whole.chunks] == [
        (chunk.start, chunk.data) for chunk in split.chunks
    ]
    assert whole.work.encoded_chunks == len(whole.chunks) == split.work.encoded_chunks


@pytest.mark.parametrize("stream_format", ALL)
@pytest.mark.parametrize("frame", [0, 1, 147, 4_801, 12_345])
def test_chunks_join_and_their_content_starts_where_it_was_asked_for(stream_format: StreamFormat, frame: int) -> None:
    it = Line(stream_format)
    it.begin(frame)
    assert it.stem.next_frame <= frame
    it.feed(SAMPLES, [1_000, 77])
    it.end()
    assert it.is_finished
    chunks = list(it.chunks)
    assert all(one.end == two.start for one, two in pairwise(chunks))
    assert all(one.frame + one.frame_count == two.frame for one, two in pairwise(chunks))
    assert 0 <= chunks[0].start + it.delay_us - LINE.instant(frame) <= 24
    surplus_us = chunks[-1].end - LINE.instant(FRAMES)
    assert 0 <= surplus_us <= (20_000 if stream_format == OPUS_48 else 23)
    assert all(chunk.frame_count == chunks[0].frame_count for chunk in chunks[:-1])


def test_pcm_at_the_rate_of_the_mix_is_the_samples_themselves() -> None:
    it = Line(PCM_48)
    it.begin(5)
    samples = noise(10_000)
    it.feed(samples, [7, 3_000])
    it.end()
    data = b"".join(chunk.data for chunk in it.chunks)
    assert data == (samples[5:] * 32_768).astype("<i2").tobytes()


@pytest.mark.parametrize("mix_rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("stream_format", [PCM_44, PCM_48])
def test_a_settled_start_in_the_middle_gives_what_an_unbroken_one_gives(
    mix_rate: int, stream_format: StreamFormat
) -> None:
    line = Timeline(anchor=ServerTimeUs(0), anchor_frame=0, mix_rate=mix_rate)
    seconds = np.arange(40_000) / mix_rate
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 997 * seconds)[:, np.newaxis], 2, axis=1).astype(np.float32)
    always, late = Line(stream_format, mix_rate), Line(stream_format, mix_rate)
    for it, frame in ((always, 0), (late, 20_011)):
        it.begin(frame)
        it.feed(tone, [], line)
        it.end(line)
    whole = np.frombuffer(b"".join(chunk.data for chunk in always.chunks), "<i2").reshape(-1, 2).astype(int)
    part = np.frombuffer(b"".join(chunk.data for chunk in late.chunks), "<i2").reshape(-1, 2).astype(int)
    begin = late.chunks[0].frame - always.chunks[0].frame
    assert late.chunks[0].start >= line.instant(20_011) > late.chunks[0].start - 30
    assert len(whole) - begin == len(part)
    assert np.abs(whole[begin:] - part).max() <= 2


@pytest.mark.parametrize("stream_format", ALL)
def test_it_goes_on_after_the_end_where_its_last_chunk_ended(stream_format: StreamFormat) -> None:
    it = Line(stream_format)
    it.begin(0)
    it.feed(SAMPLES[:10_001], [])
    it.end()
    ended = it.chunks[-1]
    it.stem.go_on()
    it.go_on()
    assert not it.is_finished
    it.feed(SAMPLES, [])
    it.end()
    after = next(chunk for chunk in it.chunks if chunk.frame >= ended.frame + ended.frame_count)
    assert (after.frame, after.start) == (ended.frame + ended.frame_count, ended.end)


def test_chunks_are_kept_until_they_were_heard_and_keep_their_numbers() -> None:
    it = Line(PCM_48)
    it.begin(0)
    it.feed(SAMPLES, [])
    second = it.chunks[1]
    count = it.next_number
    it.forget_before(ServerTimeUs(second.start - 1))
    assert it.first_number == 0
    it.forget_before(second.start)
    assert (it.first_number, it.chunks[0], it.next_number) == (1, second, count)
    it.forget_all()
    assert (it.first_number, it.next_number, list(it.chunks)) == (count, count, [])


def test_headers_and_delays_are_those_of_the_encoder() -> None:
    flac, opus = Line(FLAC_48), Line(OPUS_48)
    assert flac.start_payload.format == FLAC_48
    assert (flac.start_payload.codec_header or b"")[:4] == b"fLaC"
    assert opus.start_payload.codec_header is None
    assert (flac.delay_us, opus.delay_us) == (0, 6_500)


def test_nothing_in_gives_nothing_out() -> None:
    for stream_format in (PCM_48, PCM_44, FLAC_48):
        it = Line(stream_format)
        it.begin(0)
        it.end()
        assert not it.chunks


def test_work_adds_up() -> None:
    one = Work(encoded_chunks=1, resampled_blocks=2)
    assert one + one == Work(encoded_chunks=2, resampled_blocks=4)
