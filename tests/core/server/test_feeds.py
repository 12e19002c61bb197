"""Media that bring a sound of their own for some players."""

from collections.abc import Mapping

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.channel import MAIN_FEED, FeedId
from core.errors import MediaOpenError
from core.formats import Block, StreamFormat
from core.media.media_stream import FeedChoice, MediaStream, PlayerChannel
from core.media.request import MediaRequest
from core.server.feeds import assign_feeds, feeds_by_side
from core.server.item import Item
from core.units import ClientId, TrackId
from tests.fakes.rig import FLAC_48, LEAD_US, PCM_48, noise, player, topology
from tests.fakes.stage import ANN, BOB, GatedRunner, Material, Stage, staged

SECOND = 1_000_000
NIGHT, DAY = FeedId("night"), FeedId("day")
CAT = ClientId("cat")

players = st.sampled_from([ClientId(name) for name in "abcdef"])
sides = st.frozensets(st.integers(1, 4).map(TrackId), max_size=2)


@given(st.lists(st.dictionaries(players, sides), min_size=1, max_size=8))
def test_players_share_a_feed_only_if_they_hear_the_same_and_keep_theirs_where_that_can_be(
    rounds: list[dict[ClientId, frozenset[TrackId]]],
) -> None:
    before: dict[ClientId, FeedId] = {}
    for heard in rounds:
        feeds = assign_feeds(heard, before)
        assert feeds.keys() == heard.keys()
        for one in heard:
            for other in heard:
                if feeds[one] == feeds[other]:
                    assert heard[one] == heard[other]
                elif heard[one] == heard[other]:
                    assert one in before or other in before
            if feeds[one] == MAIN_FEED:
                assert not heard[one]
        assert assign_feeds(heard, feeds) == feeds
        by_side = feeds_by_side(heard, feeds)
        assert {(side, feed) for side, names in by_side.items() for feed in names} == {
            (side, feeds[name]) for name in heard for side in heard[name]
        }
        before = feeds


def test_who_hears_nothing_of_its_own_reads_the_main_feed_and_all_who_are_new_share() -> None:
    own = frozenset({TrackId(7)})
    feeds = assign_feeds({ANN: frozenset(), BOB: own, CAT: own}, {})
    assert feeds[ANN] == MAIN_FEED
    assert feeds[BOB] == feeds[CAT] != MAIN_FEED


def brings(
    main: Block, feeds: Mapping[FeedId, Material], player_channel: PlayerChannel | None, *, repeats: int = 1
) -> MediaRequest:
    stream = MediaStream(main=Material(main, repeats=repeats), feeds=feeds, player_channel=player_channel)
    return MediaRequest(media_id="music", stream=stream)


def bob_hears(feed: FeedId) -> PlayerChannel:
    def choose(player_id: ClientId, stream_format: StreamFormat, position_us: int) -> FeedChoice | None:
        return FeedChoice(feed, position_us) if player_id == BOB else None

    return choose


def two(stage: Stage) -> None:
    stage.playback.set_topology(topology(ann=player(PCM_48), bob=player(PCM_48)))


async def test_one_hears_its_own_and_the_other_the_main_mix_in_step() -> None:
    main, side = noise(100_000), noise(100_000, seed=2)
    night, day = Material(side), Material(side)
    async with staged() as stage:
        two(stage)
        await stage.play(Item(brings(main, {NIGHT: night, DAY: day}, bob_hears(NIGHT))))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), main)
        assert np.array_equal(stage.pcm(BOB), side)
        assert stage.chunks[ANN][0].start == stage.chunks[BOB][0].start
    assert night.is_closed
    assert day.read_count == 0


async def test_it_is_asked_with_what_the_player_is_sent_and_where_it_begins() -> None:
    asked: list[tuple[ClientId, StreamFormat, int]] = []

    def choose(player_id: ClientId, stream_format: StreamFormat, position_us: int) -> None:
        asked.append((player_id, stream_format, position_us))

    async with staged() as stage:
        two(stage)
        await stage.play(Item(brings(noise(48_000), {}, choose, repeats=60)))
        assert asked == [(ANN, PCM_48, 0), (BOB, PCM_48, 0)]
        await stage.clock.sleep(4 * SECOND + LEAD_US + 3_000)
        stage.playback.set_topology(topology(ann=player(PCM_48), bob=player(PCM_48), cat=player(FLAC_48)))
        assert asked[2][:2] == (CAT, FLAC_48)
        assert asked[2][2] == pytest.approx(4 * SECOND + LEAD_US, abs=5_000)
        (it,) = stage.playback._items
        stage.playback.seek(it, 30 * SECOND)
        assert asked[3:] == [(ANN, PCM_48, 30 * SECOND), (BOB, PCM_48, 30 * SECOND), (CAT, FLAC_48, 30 * SECOND)]


async def test_one_that_fails_when_it_is_asked_or_names_what_is_not_there_means_the_main_mix(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def choose(player_id: ClientId, stream_format: StreamFormat, position_us: int) -> FeedChoice:
        if player_id == ANN:
            raise RuntimeError("no idea")
        return FeedChoice(FeedId("nowhere"), 0)

    main = noise(48_000)
    async with staged() as stage:
        two(stage)
        await stage.play(Item(brings(main, {}, choose)))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), main)
        assert np.array_equal(stage.pcm(BOB), main)
    assert "no idea" in caplog.text
    assert "nowhere" in caplog.text


async def test_a_feed_that_cannot_be_opened_or_breaks_gives_way_to_the_main_mix(
    caplog: pytest.LogCaptureFixture,
) -> None:
    main, side = noise(100_000), noise(50_000, seed=2)
    for material, own in (
        (Material(side, open_error=MediaOpenError("not there")), 0),
        (Material(side, breaks_at=24_000), 24_000),
    ):
        async with staged() as stage:
            two(stage)
            await stage.play(Item(brings(main, {NIGHT: material}, bob_hears(NIGHT))))
            await stage.is_finished.wait()
            assert np.array_equal(stage.pcm(ANN), main)
            heard = stage.pcm(BOB)
            assert len(heard) == len(main)
            at = int(np.argmin(np.all(heard[: len(side)] == side, axis=1)))
            assert at >= own
            assert np.array_equal(heard[at:], main[at:])
            assert stage.failures == []
        assert material.is_closed
        assert "broke" in caplog.text
        caplog.clear()


async def test_what_follows_brings_its_own_or_not_without_a_gap() -> None:
    mains = [noise(50_000, seed=seed) for seed in range(3)]
    side = noise(50_000, seed=9)
    first, second, third = (
        brings(mains[0], {}, None),
        brings(mains[1], {NIGHT: Material(side)}, bob_hears(NIGHT)),
        brings(mains[2], {}, None),
    )
    async with staged() as stage:
        two(stage)
        await stage.play(Item(first), second, third)
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), np.concatenate(mains))
        assert np.array_equal(stage.pcm(BOB), np.concatenate([mains[0], side, mains[2]]))


async def test_a_seek_takes_the_feed_along() -> None:
    main, side = noise(10 * 48_000), noise(10 * 48_000, seed=2)
    async with staged() as stage:
        two(stage)
        it = Item(brings(main, {NIGHT: Material(side)}, bob_hears(NIGHT)))
        await stage.play(it)
        await stage.clock.sleep(3 * SECOND)
        stage.playback.seek(it, 8 * SECOND)
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), main[8 * 48_000 :])
        assert np.array_equal(stage.pcm(BOB), side[8 * 48_000 :])


async def test_who_comes_later_hears_its_own_from_the_place_of_the_others() -> None:
    main, side = noise(10 * 48_000), noise(10 * 48_000, seed=2)
    async with staged() as stage:
        stage.playback.set_topology(topology(ann=player(PCM_48)))
        await stage.play(Item(brings(main, {NIGHT: Material(side)}, bob_hears(NIGHT))))
        await stage.clock.sleep(3 * SECOND)
        two(stage)
        await stage.is_finished.wait()
        first = stage.chunks[BOB][0]
        heard = stage.pcm(BOB)
        assert np.array_equal(stage.pcm(ANN), main)
        from_side = np.all(heard == side[first.frame :], axis=1)
        # What its own source gives begins a little after the first chunk: until then it hears the main mix.
        assert np.array_equal(heard[~from_side], main[first.frame :][~from_side])
        assert np.count_nonzero(~from_side) < 1_200
        assert from_side[1_200:].all()


async def test_asked_anew_it_may_say_otherwise_and_only_that_player_is_told_a_new_start() -> None:
    main, side = noise(10 * 48_000), noise(10 * 48_000, seed=2)
    chosen: list[FeedId | None] = [None]

    def choose(player_id: ClientId, stream_format: StreamFormat, position_us: int) -> FeedChoice | None:
        return None if player_id == ANN or chosen[-1] is None else FeedChoice(chosen[-1], position_us)

    night = Material(side)
    async with staged() as stage:
        two(stage)
        await stage.play(Item(brings(main, {NIGHT: night}, choose)))
        await stage.clock.sleep(2 * SECOND)
        stage.playback.choose_anew()
        assert night.read_count == 0
        chosen.append(NIGHT)
        stage.playback.choose_anew()
        await stage.clock.sleep(3 * SECOND)
        chosen.append(None)
        stage.playback.choose_anew()
        reads = night.read_count
        await stage.is_finished.wait()
        assert night.read_count <= reads + 1
        assert np.array_equal(stage.pcm(ANN), main)
        heard = stage.pcm(BOB)
        assert len(heard) == len(main)
        from_side = np.all(heard == side, axis=1)
        assert 2 * 48_000 < np.count_nonzero(from_side) < 5 * 48_000
        assert np.array_equal(heard[~from_side], main[~from_side])


async def test_a_feed_that_nobody_hears_any_more_is_read_no_further() -> None:
    night = Material(noise(48_000), repeats=600)
    async with staged() as stage:
        two(stage)
        await stage.play(Item(brings(noise(48_000), {NIGHT: night}, bob_hears(NIGHT), repeats=600)))
        await stage.clock.sleep(3 * SECOND)
        stage.playback.set_topology(topology(ann=player(PCM_48)))
        await stage.clock.sleep(SECOND)
        reads = night.read_count
        await stage.clock.sleep(60 * SECOND)
        assert night.read_count == reads
        assert len(stage.playback._readings._readers) == 1
        two(stage)
        await stage.clock.sleep(60 * SECOND)
        assert night.read_count > reads + 50


async def test_a_feed_that_hangs_costs_the_others_half_a_second_at_most_and_closing_waits_for_it() -> None:
    night = Material(noise(100_000, seed=2))
    main = noise(200_000)
    async with staged() as stage:
        assert isinstance(stage.media, GatedRunner)
        two(stage)
        it = Item(brings(main, {NIGHT: night}, bob_hears(NIGHT)))
        await it.open(stage.media, stage.clock)
        stage.media.shut(night)
        began = stage.clock.now()
        stage.playback.play(it)
        await stage.clock.sleep(2 * SECOND)
        assert stage.chunks[ANN][0].start - began <= 500_000 + LEAD_US + 10_000
        stage.media.open()
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(ANN), main)
        assert len(stage.pcm(BOB)) == len(main)
    assert night.is_closed
