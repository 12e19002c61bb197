"""What a player is sent: what of its list can be made, what fits, what saves resampling."""

from dataclasses import replace

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.codecs.registry import make_encoder
from core.errors import FormatError
from core.formats import (
    LAYOUT_BY_COUNT,
    MUSIC_SAMPLE_RATE,
    Codec,
    StreamFormat,
    choose_format,
    choose_mix_rate,
    playable,
)
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, PCM_48_24

anything = st.builds(
    StreamFormat,
    codec=st.sampled_from(Codec),
    sample_rate=st.one_of(st.sampled_from([1, 8_000, 16_000, 44_100, 48_000, 96_000, 2**40]), st.integers(0, 400_000)),
    channel_count=st.integers(0, 12),
    bit_depth=st.sampled_from([0, 8, 16, 20, 24, 32, 64]),
)
lists = st.lists(anything, max_size=6)


@pytest.mark.parametrize(
    ("stream_format", "is_producible"),
    [
        (PCM_48, True),
        (replace(PCM_48, bit_depth=32), True),
        (replace(PCM_48, bit_depth=8), False),
        (replace(PCM_48, channel_count=8), True),
        (replace(PCM_48, channel_count=9), False),
        (replace(PCM_48, channel_count=0), False),
        (replace(PCM_48, sample_rate=7_999), False),
        (replace(PCM_48, sample_rate=192_001), False),
        (replace(PCM_48, sample_rate=1), False),
        (replace(FLAC_48, bit_depth=24), True),
        (replace(FLAC_48, bit_depth=32), False),
        (OPUS_48, True),
        (replace(OPUS_48, sample_rate=44_100), False),
        (replace(OPUS_48, channel_count=3), False),
        (replace(OPUS_48, bit_depth=24), True),
    ],
)
def test_what_can_be_made(stream_format: StreamFormat, is_producible: bool) -> None:
    assert stream_format.is_producible is is_producible


def test_frames_on_the_wire() -> None:
    assert [PCM_48.frame_bytes, PCM_48_24.frame_bytes, replace(PCM_48, bit_depth=32).frame_bytes] == [4, 6, 8]


def test_every_count_of_lanes_has_a_layout_of_so_many_different_lanes() -> None:
    for count, layout in LAYOUT_BY_COUNT.items():
        assert len(layout) == len(set(layout)) == count


@given(listed=lists, mix_rate=st.none() | st.sampled_from([44_100, 48_000]))
def test_the_choice_is_always_an_entry_of_the_list_that_can_be_made(
    listed: list[StreamFormat], mix_rate: int | None
) -> None:
    possible = [entry for entry in listed if entry.is_producible]
    if not possible:
        with pytest.raises(FormatError):
            choose_format(listed, mix_rate=mix_rate)
        return
    chosen = choose_format(listed, mix_rate=mix_rate)
    assert chosen in possible
    assert replace(chosen, sample_rate=0) == replace(possible[0], sample_rate=0)
    assert chosen.sample_rate in {possible[0].sample_rate, mix_rate}


def test_another_rate_of_the_first_entry_is_taken_when_it_saves_resampling_and_nothing_else_changes() -> None:
    listed = [FLAC_44, PCM_48, FLAC_48]
    assert choose_format(listed, mix_rate=48_000) == FLAC_48
    assert choose_format(listed, mix_rate=44_100) == FLAC_44
    assert choose_format(listed[:2], mix_rate=48_000) == FLAC_44


@given(members=st.lists(lists, max_size=5), source_rate=st.integers(1, 400_000))
def test_the_mix_has_a_rate_that_somebody_plays_and_no_other_needs_fewer_resamplings(
    members: list[list[StreamFormat]], source_rate: int
) -> None:
    possible = [[entry for entry in listed if entry.is_producible] for listed in members]
    possible = [listed for listed in possible if listed]
    chosen = choose_mix_rate(source_rate, members)
    rates = {entry.sample_rate for listed in possible for entry in listed}
    if not rates:
        assert chosen == (source_rate if 44_100 <= source_rate <= 192_000 else 48_000)
        return

    def resamplings(rate: int) -> int:
        targets = {choose_format(listed, mix_rate=rate).sample_rate for listed in possible}
        return len(targets - {rate}) + (rate != source_rate)

    rates = {rate for rate in rates if rate >= MUSIC_SAMPLE_RATE} or rates
    assert chosen in rates
    assert resamplings(chosen) == min(map(resamplings, rates))


@pytest.mark.parametrize(
    ("source_rate", "members", "mix_rate"),
    [
        (44_100, [[PCM_48], [PCM_44]], 44_100),
        (48_000, [[PCM_44], [PCM_48]], 48_000),
        (44_100, [[PCM_48, PCM_44], [FLAC_48, FLAC_44]], 44_100),
        (96_000, [[PCM_48], [PCM_44]], 48_000),
        (16_000, [[replace(PCM_48, sample_rate=16_000)], [PCM_48]], 48_000),
        (16_000, [[replace(PCM_48, sample_rate=16_000)]], 16_000),
        (44_100, [[PCM_48], [PCM_48], [PCM_48]], 48_000),
        (44_100, [], 44_100),
        (8_000, [], 48_000),
        (384_000, [], 48_000),
    ],
)
def test_choices_of_the_mix_rate(source_rate: int, members: list[list[StreamFormat]], mix_rate: int) -> None:
    assert choose_mix_rate(source_rate, members) == mix_rate


@given(stream_format=anything, seed=st.integers(0, 2**32 - 1))
def test_whatever_can_be_made_opens_an_encoder_and_no_chunk_is_larger_than_it_says(
    stream_format: StreamFormat, seed: int
) -> None:
    if not stream_format.is_producible:
        with pytest.raises(FormatError):
            make_encoder(stream_format)
        return
    encoder = make_encoder(stream_format)
    top = 1 << (encoder.bit_depth - 1)
    size = (encoder.frame_count, stream_format.channel_count)
    samples = np.random.default_rng(seed).integers(-top, top, size)
    (packet,) = encoder.encode(samples.astype(np.int16) if encoder.bit_depth == 16 else samples.astype(np.int32))
    assert 13 < len(packet) + 13 <= stream_format.most_chunk_bytes


@given(listed=lists, capacity_bytes=st.integers(0, 200_000))
def test_playable_is_what_can_be_made_and_of_which_three_chunks_fit_in_the_same_order(
    listed: list[StreamFormat], capacity_bytes: int
) -> None:
    chosen = playable(listed, capacity_bytes)
    assert [entry for entry in listed if entry in chosen] == list(chosen)
    for entry in listed:
        assert (entry in chosen) == (entry.is_producible and 3 * entry.most_chunk_bytes <= capacity_bytes)
