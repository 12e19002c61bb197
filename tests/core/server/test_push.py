"""Audio that is fed by hand."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.audio.pcm import pack, quantise
from core.channel import MAIN_FEED, FeedId
from core.errors import FormatError, MediaError, MediaOpenError
from core.formats import AudioFormat, Block, StreamFormat
from core.media.media_stream import FeedChoice
from core.server.item import Item
from core.server.push import CAPACITY_US, PushSession
from core.units import ClientId
from tests.fakes.rig import PCM_48, noise, player, topology
from tests.fakes.stage import ANN, BOB, Stage, staged

SECOND = 1_000_000
NIGHT = FeedId("night")
S16 = AudioFormat(sample_rate=48_000)


def as_bytes(block: Block, bit_depth: int = 16) -> bytes:
    return pack(quantise(block, bit_depth, 0), bit_depth)


def two(stage: Stage) -> None:
    stage.playback.set_topology(topology(ann=player(PCM_48), bob=player(PCM_48)))


def bob_hears_night(player_id: ClientId, stream_format: StreamFormat, position_us: int) -> FeedChoice | None:
    return FeedChoice(NIGHT, position_us) if player_id == BOB else None


async def feed(session: PushSession, blocks: dict[FeedId, Block], sizes: int = 1_200) -> None:
    for at in range(0, len(blocks[MAIN_FEED]), sizes):
        await session.push({name: as_bytes(block[at : at + sizes]) for name, block in blocks.items()})
    session.end()


@pytest.mark.parametrize("is_live", [False, True])
async def test_what_is_pushed_is_heard_to_the_bit_and_then_it_ends(is_live: bool) -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(S16, is_live=is_live, title="Intercom")
        main = noise(200_000)
        feeding = asyncio.create_task(feed(session, {MAIN_FEED: main}))
        it = Item(session.request)
        await stage.play(it)
        assert it.snapshot().title == "Intercom"
        await stage.is_finished.wait()
        await feeding
        assert np.array_equal(stage.pcm(ANN), main)
        assert np.array_equal(stage.pcm(BOB), main)


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
async def test_every_depth_passes(bit_depth: int) -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(AudioFormat(sample_rate=48_000, bit_depth=bit_depth))
        main = noise(20_000)
        await session.push({MAIN_FEED: as_bytes(main, bit_depth)})
        session.end()
        await stage.play(Item(session.request))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), main)


async def test_channels_of_their_own_are_heard_in_step() -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(S16, {NIGHT: S16}, player_channel=bob_hears_night)
        main, night = noise(300_000), noise(300_000, seed=2)
        feeding = asyncio.create_task(feed(session, {MAIN_FEED: main, NIGHT: night}))
        await stage.play(Item(session.request))
        await stage.is_finished.wait()
        await feeding
        assert np.array_equal(stage.pcm(ANN), main)
        assert np.array_equal(stage.pcm(BOB), night)


async def test_a_channel_that_is_chosen_later_is_heard_from_that_place_and_nobody_waited_for_it_before() -> None:
    async with staged() as stage:
        stage.playback.set_topology(topology(ann=player(PCM_48)))
        session = PushSession(S16, {NIGHT: S16}, player_channel=bob_hears_night)
        main, night = noise(20 * 48_000), noise(20 * 48_000, seed=2)
        feeding = asyncio.create_task(feed(session, {MAIN_FEED: main, NIGHT: night}))
        await stage.play(Item(session.request))
        await stage.clock.sleep(6 * SECOND)
        two(stage)
        await stage.is_finished.wait()
        await feeding
        assert np.array_equal(stage.pcm(ANN), main)
        heard, first = stage.pcm(BOB), stage.chunks[BOB][0].frame
        assert first > 5 * 48_000
        assert np.array_equal(heard[2_400:], night[first:][2_400:])


async def test_a_push_waits_for_room_and_no_more_than_so_much_waits() -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(S16)
        second = as_bytes(noise(48_000))
        for _ in range(CAPACITY_US // SECOND):
            await session.push({MAIN_FEED: second})
        more = asyncio.create_task(session.push({MAIN_FEED: second}))
        await stage.clock.sleep(60 * SECOND)
        assert not more.done()
        await stage.play(Item(session.request))
        await stage.clock.sleep(SECOND)
        assert more.done()
        session.end()
        await stage.is_finished.wait()
        assert len(stage.pcm(ANN)) == 48_000 * (CAPACITY_US // SECOND + 1)


async def test_a_place_that_is_told_is_met_and_there_is_silence_up_to_it() -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(S16, is_live=False)
        one, other = noise(10_000), noise(10_000, seed=2)
        await session.push({MAIN_FEED: as_bytes(one)})
        await session.push({MAIN_FEED: as_bytes(other)}, at_us=SECOND)
        assert session.end_us == SECOND + 10_000 * SECOND // 48_000
        with pytest.raises(FormatError, match="before"):
            await session.push({MAIN_FEED: as_bytes(other)}, at_us=SECOND)
        session.end()
        await stage.play(Item(session.request))
        await stage.is_finished.wait()
        heard = stage.pcm(ANN)
        assert np.array_equal(heard[:10_000], one)
        assert not heard[10_000:48_000].any()
        assert np.array_equal(heard[48_000:], other)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ({MAIN_FEED: bytes(4)}, "night is missing"),
        ({MAIN_FEED: bytes(4), NIGHT: bytes(4), FeedId("day"): bytes(4)}, "day is unknown"),
        ({MAIN_FEED: bytes(4), NIGHT: bytes(5)}, "night: 5 bytes are no whole frames"),
        ({MAIN_FEED: bytes(5), NIGHT: bytes(4)}, "main: 5 bytes are no whole frames"),
        ({MAIN_FEED: bytes(4_000), NIGHT: bytes(4_004)}, "night ends at frame 1001"),
    ],
)
async def test_sizes_that_do_not_fit_name_the_channel_and_nothing_is_taken(pieces: Any, message: str) -> None:
    session = PushSession(S16, {NIGHT: S16})
    with pytest.raises(FormatError, match=message):
        await session.push(pieces)
    assert session.end_us == 0


async def test_unknown_formats_are_refused() -> None:
    for unknown in (AudioFormat(sample_rate=1), AudioFormat(sample_rate=48_000, bit_depth=8)):
        with pytest.raises(FormatError, match="not known"):
            PushSession(unknown)


async def test_once_it_is_over_a_push_says_so_and_it_cannot_be_played_again() -> None:
    async with staged() as stage:
        two(stage)
        session = PushSession(S16)
        await stage.play(Item(session.request))
        pushing = asyncio.create_task(feed(session, {MAIN_FEED: noise(20 * 48_000)}))
        await stage.clock.sleep(SECOND)
        await stage.playback.close()
        with pytest.raises(MediaError, match="any more"):
            await pushing
        with pytest.raises(MediaOpenError):
            await Item(session.request).open(stage.media, stage.clock)
    ended = PushSession(S16)
    ended.end()
    with pytest.raises(MediaError):
        await ended.push({MAIN_FEED: bytes(4)})


async def test_one_that_is_never_fed_keeps_no_thread_and_stops_at_once() -> None:
    async with staged() as stage:
        two(stage)
        calls = stage.media.call_count
        await stage.play(Item(PushSession(S16).request))
        await stage.clock.sleep(3_600 * SECOND)
        assert stage.media.call_count - calls <= 3
    assert stage.is_finished.is_set()


@given(
    rates=st.tuples(st.sampled_from([44_100, 48_000, 16_000]), st.sampled_from([44_100, 48_000, 96_000])),
    sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=20),
)
def test_channels_of_any_rates_and_any_split_stay_aligned_by_duration(rates: tuple[int, int], sizes: list[int]) -> None:
    async def check() -> None:
        main_rate, night_rate = rates
        async with staged() as stage:
            two(stage)
            session = PushSession(
                AudioFormat(sample_rate=main_rate, channel_count=1),
                {NIGHT: AudioFormat(sample_rate=night_rate, channel_count=1)},
                player_channel=bob_hears_night,
                is_live=False,
            )
            total = sum(sizes)
            ends = [0, *np.cumsum(sizes)]
            night_ends = [int(end) * night_rate // main_rate for end in ends]
            tones = [
                (0.4 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype(np.float32)[:, np.newaxis]
                for count, rate in ((total, main_rate), (night_ends[-1], night_rate))
            ]

            async def feed_both() -> None:
                for (begin, end), (night_begin, night_end) in zip(pairwise(ends), pairwise(night_ends), strict=True):
                    main, night = tones[0][begin:end], tones[1][night_begin:night_end]
                    await session.push({MAIN_FEED: as_bytes(main), NIGHT: as_bytes(night)})
                session.end()

            feeding = asyncio.create_task(feed_both())
            await stage.play(Item(session.request))
            await stage.is_finished.wait()
            await feeding
            heard, beside = stage.pcm(ANN), stage.pcm(BOB)
            assert len(heard) == len(beside) == -(-total * 48_000 // main_rate)
            if total * 48_000 // main_rate > 2_000:
                middle = slice(400, len(heard) - 800)
                assert np.allclose(heard[middle], beside[middle], atol=0.004)

    asyncio.run(check())
