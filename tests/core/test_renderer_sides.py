"""Channels that hear something of their own in the place of the main mix."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, strategies as st
import numpy as np
import pytest

from core.channel import Channel, FeedId
from core.commands import Run, SetFeeds
from core.formats import MONO, Block
from core.renderer import PATIENCE_US
from core.step import TrackStarved
from core.stream.topology import PlayerConfig
from core.units import TrackId
from tests.fakes.rig import FLAC_48, LEAD_US, PCM_44, PCM_48, Heard, Rig, noise, player, ramp

SECOND = 1_000_000
NIGHT = FeedId("night")
SECONDS = 4 * 48_000


def on(feed: str, stream_format: object = PCM_48) -> PlayerConfig:
    config = player(stream_format)  # type: ignore[arg-type]
    return replace(config, channel=replace(config.channel, feed=FeedId(feed)))


def playing(main: Block, side: Block | None = None, **values: object) -> tuple[Rig, TrackId, TrackId]:
    """Return a rig that plays to one player of the main mix and to one of a feed."""
    rig = Rig()
    rig.set_players({"a": player(PCM_48), "n": on("night")})
    track_id = rig.add(main, replaces=True)
    side_id = TrackId(-1) if side is None else rig.add_side(track_id, side, "night", **values)  # type: ignore[arg-type]
    rig.tell(Run())
    return rig, track_id, side_id


def assert_unbroken(heard: Heard) -> None:
    for run in heard.runs:
        assert all(one.start + one.duration_us == other.start for one, other in pairwise(run))
        assert all(heard.sent_at[id(chunk)] < chunk.start for chunk in run)


def test_a_feed_hears_its_side_and_everybody_else_the_main_mix_in_step() -> None:
    main, side = noise(SECONDS), noise(SECONDS, seed=2)
    rig, *_ = playing(main, side)
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), main)
    assert np.array_equal(rig.heard["n"].pcm(), side)
    assert rig.heard["a"].chunks[0].start == rig.heard["n"].chunks[0].start


def test_a_feed_without_a_side_hears_the_main_mix() -> None:
    main = noise(48_000)
    rig, *_ = playing(main)
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["n"].pcm(), main)


def test_a_side_that_ends_early_is_silent_from_there_and_one_that_is_longer_is_cut() -> None:
    main = noise(SECONDS)
    for frame_count in (10_000, 2 * SECONDS):
        side = noise(frame_count, seed=2)
        rig, *_ = playing(main, side)
        rig.close_queue()
        rig.run()
        heard = rig.heard["n"].pcm()
        assert len(heard) == SECONDS
        assert np.array_equal(heard[:frame_count], side[:SECONDS])
        assert not heard[frame_count:].any()


def test_a_side_that_breaks_gives_way_to_the_main_mix_at_that_very_frame() -> None:
    main, side = noise(SECONDS), noise(30_001, seed=2)
    rig, *_ = playing(main, side, is_broken=True)
    rig.close_queue()
    rig.run()
    heard = rig.heard["n"].pcm()
    assert np.array_equal(heard[:30_001], side)
    assert np.array_equal(heard[30_001:], main[30_001:])
    assert len(rig.heard["n"].starts) == 1


def test_the_first_side_of_a_feed_counts() -> None:
    main, side = noise(48_000), noise(48_000, seed=2)
    rig, track_id, _ = playing(main, side)
    rig.add_side(track_id, noise(48_000, seed=3), "night", "other")
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["n"].pcm(), side)


def test_media_with_and_without_sides_follow_each_other_without_a_gap_or_a_new_start() -> None:
    mains = [noise(30_001, seed=number) for number in range(3)]
    side = noise(30_001, seed=9)
    rig, *_ = playing(mains[0])
    second = rig.add(mains[1])
    rig.add_side(second, side, "night")
    rig.add(mains[2])
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), np.concatenate(mains))
    assert np.array_equal(rig.heard["n"].pcm(), np.concatenate([mains[0], side, mains[2]]))
    assert len(rig.heard["n"].starts) == 1


@pytest.mark.parametrize("position_us", [0, 1_000_001, 3_999_999])
def test_a_side_that_begins_in_the_middle_of_the_medium_is_heard_from_that_very_frame(position_us: int) -> None:
    main = noise(SECONDS)
    first = -(-position_us * 48_000 // SECOND)
    side = noise(SECONDS - first, seed=2)
    rig, *_ = playing(main, side, position_us=position_us)
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["n"].pcm(), np.concatenate([main[:first], side]))


def test_a_side_counts_from_where_its_track_begins() -> None:
    main, side = noise(48_000), noise(24_000, seed=2)
    rig = Rig()
    rig.set_players({"n": on("night")})
    track_id = rig.add(main, replaces=True, position_us=10 * SECOND)
    rig.add_side(track_id, side, "night", position_us=10_500_000)
    rig.tell(Run())
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["n"].pcm(), np.concatenate([main[:24_000], side]))


def test_a_side_that_comes_while_it_plays_is_heard_in_its_place() -> None:
    main, side = noise(10 * 48_000), noise(10 * 48_000, seed=2)
    rig, track_id, _ = playing(main)
    rig.run(3 * SECOND)
    rig.add_side(track_id, side[6 * 48_000 :], "night", position_us=6 * SECOND)
    rig.close_queue()
    rig.run()
    heard = rig.heard["n"].pcm()
    assert np.array_equal(heard[: 6 * 48_000], main[: 6 * 48_000])
    assert np.array_equal(heard[6 * 48_000 :], side[6 * 48_000 :])
    assert_unbroken(rig.heard["n"])


def test_one_that_comes_to_a_feed_in_the_middle_is_in_step_with_the_main_mix() -> None:
    main = ramp(SECONDS)
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    track_id = rig.add(main, replaces=True)
    rig.tell(Run())
    rig.run(1_500_000)
    rig.add_side(track_id, -main[48_000:], "night", position_us=SECOND)
    rig.set_players({"a": player(PCM_48), "n": on("night")})
    rig.close_queue()
    rig.run()
    first = rig.heard["n"].chunks[0]
    at = next(chunk for chunk in rig.heard["a"].chunks if chunk.start <= first.start < chunk.end)
    frame = at.frame + (first.start - at.start) * 48 // 1_000
    assert np.array_equal(rig.heard["n"].pcm(), -main[first.frame :])
    assert abs(first.frame - frame) <= 1
    assert np.array_equal(rig.heard["a"].pcm(), main)


def test_silence_for_want_of_the_main_track_holds_for_its_sides() -> None:
    main, side = noise(10 * 48_000), noise(10 * 48_000, seed=2)
    rig, track_id, _ = playing(main, side)
    rig.run(200_000)
    rig.material[track_id].is_held = True
    rig.run(10 * SECOND)
    rig.material[track_id].is_held = False
    rig.close_queue()
    rig.run()
    assert any(isinstance(event, TrackStarved) for event in rig.events)
    heard, beside = rig.heard["a"].pcm(), rig.heard["n"].pcm()
    is_music = np.flatnonzero(np.hstack([main, side]).any(axis=1))
    is_loud = np.flatnonzero(np.hstack([heard, beside]).any(axis=1))
    assert np.array_equal(heard[is_loud], main[is_music])
    assert np.array_equal(beside[is_loud], side[is_music])


def test_a_side_that_hesitates_costs_nobody_else_a_byte_and_is_in_its_place_again_afterwards() -> None:
    main, side = noise(SECONDS), noise(SECONDS, seed=2)
    plain, *_ = playing(main)
    plain.close_queue()
    plain.run()
    rig, _, side_id = playing(main, side)
    rig.material[side_id].block = side
    rig.run(100_000)
    rig.material[side_id].is_held = True
    rig.run(3_700_000)
    rig.material[side_id].is_held = False
    rig.close_queue()
    rig.run()
    assert [(c.start, c.data) for c in rig.heard["a"].chunks] == [(c.start, c.data) for c in plain.heard["a"].chunks]
    heard = rig.heard["n"].pcm()
    assert len(heard) == SECONDS
    told = np.any(heard != 0, axis=1)
    assert np.array_equal(heard[told], side[told])
    assert told[:9_600].sum() > 9_000
    assert told[-4_800:].sum() > 4_000
    assert not told.all()
    assert_unbroken(rig.heard["n"])


def test_a_start_waits_for_a_side_and_no_longer_than_patience_lasts() -> None:
    rig, _, side_id = playing(ramp(SECONDS), ramp(SECONDS))
    rig.material[side_id].is_held = True
    began = rig.now
    rig.run(PATIENCE_US - 1_000)
    assert not rig.heard
    rig.run(SECOND)
    assert rig.heard["a"].chunks[0].start == pytest.approx(began + PATIENCE_US + LEAD_US, abs=10_000)
    assert_unbroken(rig.heard["a"])


def test_another_medium_that_replaces_waits_for_its_side_while_the_old_one_plays() -> None:
    rig, *_ = playing(ramp(SECONDS))
    rig.run(SECOND)
    side = noise(SECONDS, seed=2)
    track_id = rig.add(noise(SECONDS), replaces=True)
    side_id = rig.add_side(track_id, side, "night")
    rig.material[side_id].is_held = True
    rig.run(300_000)
    assert len(rig.heard["n"].runs) == 1
    rig.material[side_id].is_held = False
    rig.close_queue()
    rig.run()
    assert len(rig.heard["n"].runs) == 2
    assert np.array_equal(rig.heard["n"].pcm(), side)


def test_feeds_may_come_to_a_side_and_leave_it_and_one_without_any_goes() -> None:
    main, side = noise(SECONDS), noise(SECONDS, seed=2)
    rig, _, side_id = playing(main, side)
    rig.set_players({"a": player(PCM_48), "n": on("night"), "d": on("day")})
    rig.run(100_000)
    rig.tell(SetFeeds(track_id=side_id, feeds=frozenset({NIGHT, FeedId("day")})))
    rig.run(SECOND)
    rig.tell(SetFeeds(track_id=side_id, feeds=frozenset()))
    rig.step()
    assert rig.renderer._line.tracks[0].sides == []
    assert side_id not in rig.result.wanted
    rig.close_queue()
    rig.run()
    for name in ("n", "d"):
        heard = rig.heard[name].pcm()
        from_side = (heard == side).all(axis=1)
        assert from_side.any()
        assert np.array_equal(heard[~from_side], main[~from_side])


def test_a_pause_a_resume_and_other_formats_and_lanes_keep_to_the_side() -> None:
    main, side = noise(SECONDS), np.repeat(ramp(SECONDS)[:, :1], 2, axis=1)
    rig = Rig()
    mono = replace(on("night"), channel=Channel(feed=NIGHT, layout=MONO), format=replace(PCM_48, channel_count=1))
    rig.set_players({"n": on("night"), "flac": on("night", FLAC_48), "mono": mono, "late": on("night", PCM_44)})
    track_id = rig.add(main, replaces=True)
    rig.add_side(track_id, side, "night")
    rig.tell(Run())
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["n"].pcm(), side)
    values = np.frombuffer(b"".join(chunk.data for chunk in rig.heard["mono"].chunks), "<i2").astype(np.float32)
    assert np.allclose(values / 32_768, side[:, 0], atol=2 / 32_768)
    assert abs(sum(chunk.frame_count for chunk in rig.heard["late"].chunks) - 4 * 44_100) <= 1


def test_a_side_of_what_is_not_there_is_no_error() -> None:
    rig, *_ = playing(noise(48_000))
    rig.add_side(TrackId(99), noise(10), "night")
    rig.tell(SetFeeds(track_id=TrackId(99), feeds=frozenset()))
    rig.close_queue()
    rig.run()
    assert len(rig.heard["n"].pcm()) == 48_000


def test_history_of_sides_is_forgotten_too() -> None:
    rig = Rig()
    rig.set_players({"n": on("night")})
    track_id = rig.add(ramp(60 * 48_000), replaces=True)
    rig.add_side(track_id, ramp(60 * 48_000), "night")
    rig.tell(Run())
    rig.run(50 * SECOND)
    (side,) = rig.renderer._line.tracks[0].sides
    held = sum(len(segment.passage.block) for segment in side._history._segments)
    assert 0 < held <= 6 * 48_000


@given(
    stalls=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 900_000)), max_size=6),
    begin_us=st.integers(0, 2_000_000),
    length=st.integers(1, SECONDS),
    is_broken=st.booleans(),
)
def test_whatever_sources_do_a_feed_hears_its_side_its_track_or_silence_each_in_its_place(
    stalls: list[tuple[bool, bool, int]], begin_us: int, length: int, is_broken: bool
) -> None:
    main = ramp(SECONDS)
    first = -(-begin_us * 48_000 // SECOND)
    side = -ramp(SECONDS)[first : first + length]
    rig, track_id, side_id = playing(main, side, position_us=begin_us, is_broken=is_broken)
    for main_held, side_held, length_us in stalls:
        rig.material[track_id].is_held, rig.material[side_id].is_held = main_held, side_held
        rig.run(length_us)
    rig.material[track_id].is_held = rig.material[side_id].is_held = False
    rig.close_queue()
    rig.run()
    own, beside = rig.heard["a"], rig.heard["n"]
    assert_unbroken(own)
    assert_unbroken(beside)
    heard, feed = own.pcm()[:, 0] * 32_768, beside.pcm()[:, 0] * 32_768
    assert len(heard) == len(feed)
    # Frame 0 of every 2^15 is as silent as what is put in: left out.
    is_loud = heard != 0
    frames = np.flatnonzero(np.arange(SECONDS) % 32_768)
    assert np.array_equal(heard[is_loud], frames % 32_768)
    said = feed[is_loud]
    in_side = (frames >= first) & (frames < first + length)
    for at in np.flatnonzero(said != 0)[::97]:
        expected = -(frames[at] % 32_768) if in_side[at] else frames[at] % 32_768
        assert said[at] == expected
    if not is_broken:
        assert not said[frames >= first + length].any()
    assert (said[frames < first] != 0).all()
