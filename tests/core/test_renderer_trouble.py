"""What goes wrong, or comes at the wrong moment: nothing is lost or late, and nothing heard that should not be."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from core.channel import Channel
from core.commands import AddTrack, CloseQueue, Halt, Run
from core.formats import LAYOUT_BY_COUNT, MONO, STEREO, Codec, StreamFormat
from core.media.source import Passage
from core.renderer import KEPT_US
from core.step import Halted, TrackEnded, TrackInput, TrackStarted, TrackStarved
from core.stream.policy import SendPolicy
from core.units import ServerTimeUs, TrackId
from tests.fakes.rig import FLAC_44, FLAC_48, LEAD_US, OPUS_48, PCM_44, PCM_48, Rig, noise, player, ramp

SECOND = 1_000_000
FORMATS = {"a": PCM_48, "b": PCM_44, "c": FLAC_44, "d": OPUS_48}


def playing(seconds: float = 1, *, endless: bool = True, policy: SendPolicy = SendPolicy.BALANCED) -> Rig:
    """Return a rig that has played noise to a player of each format for so long."""
    rig = Rig(policy=policy)
    rig.set_players({name: player(what) for name, what in FORMATS.items()})
    rig.add(noise(48_000), replaces=True, is_endless=endless)
    rig.tell(Run())
    rig.run(int(seconds * SECOND))
    return rig


def assert_in_time(rig: Rig) -> None:
    """Nothing is sent late, nothing overlaps, every run of chunks begins after the lead."""
    for heard in rig.heard.values():
        for run in heard.runs:
            assert run[0].start - heard.sent_at[id(run[0])] >= LEAD_US
            for chunk in run:
                assert chunk.start > heard.sent_at[id(chunk)]
            for before, after in pairwise(run):
                assert before.end <= after.start


# Commands in a hurry


def test_pause_and_resume_in_one_breath_goes_on() -> None:
    rig = playing(2)
    paused_at = rig.now
    rig.tell(Halt(), Run())
    rig.run(SECOND)
    for heard in rig.heard.values():
        assert heard.ends == [paused_at]
        assert len(heard.starts) == len(heard.runs) == 2
    assert_in_time(rig)


def test_resume_and_pause_in_one_breath_stays_silent() -> None:
    rig = playing(2)
    rig.tell(Halt())
    rig.run(SECOND)
    rig.tell(Run(), Halt())
    rig.run(SECOND)
    assert all(len(heard.runs) == 1 for heard in rig.heard.values())
    assert rig.result.wake_at is None


def test_a_storm_of_pauses_loses_no_frame() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(ramp(10 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(SECOND)
    for wait_us in (1, 30_000, 200_000, 260_000, 400_000, 1):
        rig.tell(Halt())
        rig.run(wait_us)
        rig.tell(Run())
        rig.run(wait_us)
    rig.run(SECOND)
    heard = rig.heard["a"]
    expected = 0
    for run, end in zip(heard.runs, [*heard.ends, rig.now], strict=False):
        assert run[0].frame == expected
        expected += max(0, -(-(end - run[0].start) * 48_000 // SECOND))
    assert_in_time(rig)


def test_a_run_takes_back_a_halt_that_is_still_to_come() -> None:
    rig = playing()
    rig.tell(Halt(at=ServerTimeUs(rig.now + SECOND)))
    rig.run(100_000)
    rig.tell(Run())
    rig.run(2 * SECOND)
    assert not any(heard.ends for heard in rig.heard.values())


def test_a_scheduled_halt_comes_at_its_instant() -> None:
    rig = playing()
    at = ServerTimeUs(rig.now + 777_777)
    rig.tell(Halt(at=at))
    rig.run(2 * SECOND)
    assert all(heard.ends == [at] for heard in rig.heard.values())
    assert [event.at for event in rig.events if isinstance(event, Halted)] == [at]


def test_a_halt_before_the_scheduled_start_cancels_it() -> None:
    rig = Rig()
    rig.set_players({"a": player()})
    rig.add(noise(48_000), replaces=True)
    rig.tell(Run(start_at=ServerTimeUs(rig.now + 5 * SECOND)), Halt(at=ServerTimeUs(rig.now + SECOND)))
    rig.run(10 * SECOND)
    assert not rig.heard
    assert not any(isinstance(event, TrackStarted) for event in rig.events)


def test_a_halt_as_the_last_frame_has_been_heard_is_the_end() -> None:
    rig = Rig()
    rig.set_players({"a": player()})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run(SECOND // 2)
    rig.now = rig.heard["a"].chunks[-1].end
    rig.tell(Halt())
    rig.step()
    assert rig.result.is_finished
    assert rig.heard["a"].ends == [rig.now]


def test_something_more_after_the_end_is_heard_after_all() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    assert rig.result.is_finished
    rig.add(ramp(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.step()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(1), ramp(48_000))
    assert len(rig.heard["a"].starts) == len(rig.heard["a"].ends) == 2
    assert_in_time(rig)


def test_a_seek_that_comes_with_the_end_needs_no_run() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    rig.add(ramp(48_000), replaces=True)
    rig.close_queue()
    rig.step()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(1), ramp(48_000))


# Replacing


def test_a_scheduled_replacement_is_met_to_the_microsecond_and_the_old_one_plays_until_then() -> None:
    rig = playing(2)
    start_at = ServerTimeUs(rig.now + 3 * SECOND)
    rig.add(ramp(48_000), replaces=True)
    rig.tell(Run(start_at=start_at))
    rig.close_queue()
    rig.run(2_500_000)
    assert not any(heard.clears for heard in rig.heard.values())
    rig.run(SECOND)
    assert rig.heard["a"].runs[1][0].start == start_at
    assert np.array_equal(rig.heard["a"].pcm(1)[:1000], ramp(1000))
    assert [event.at for event in rig.events if isinstance(event, TrackStarted)][1:] == [start_at]
    assert_in_time(rig)


def test_a_scheduled_replacement_is_met_though_every_step_comes_late() -> None:
    rig = playing(1)
    start_at = ServerTimeUs(rig.now + SECOND)
    rig.add(ramp(48_000), replaces=True)
    rig.tell(Run(start_at=start_at))
    rig.close_queue()
    while len(rig.heard["a"].runs) < 2:
        wake_at = rig.step().wake_at
        assert wake_at is not None
        rig.now = ServerTimeUs(wake_at + 20_000)
    assert rig.heard["a"].runs[1][0].start == start_at


def test_the_old_one_may_end_before_a_scheduled_replacement() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.tell(Run())
    rig.run(SECOND // 2)
    start_at = ServerTimeUs(rig.now + 5 * SECOND)
    rig.add(ramp(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run(start_at=start_at))
    rig.run()
    assert rig.heard["a"].runs[-1][0].start == start_at
    assert np.array_equal(rig.heard["a"].pcm(), ramp(48_000))


def test_a_start_in_the_past_is_as_soon_as_can_be() -> None:
    rig = Rig()
    rig.set_players({"a": player()})
    rig.add(noise(48_000), replaces=True)
    rig.tell(Run(start_at=ServerTimeUs(rig.now - 10 * SECOND)))
    asked_at = rig.now
    rig.run(SECOND)
    assert 0 <= rig.heard["a"].chunks[0].start - asked_at - LEAD_US <= 10_000


def test_whatever_replaces_while_paused_is_all_that_is_heard_afterwards() -> None:
    rig = playing(2)
    rig.tell(Halt())
    rig.run(SECOND)
    late = rig.add(ramp(48_000), replaces=True)
    rig.material[late].is_held = True
    rig.tell(Run())
    rig.run(SECOND)
    assert all(len(heard.runs) == 1 for heard in rig.heard.values())
    rig.material[late].is_held = False
    rig.run(SECOND)
    assert np.array_equal(rig.heard["a"].pcm(1)[:1000], ramp(1000))


def test_a_seek_while_paused_tells_where_it_goes_on() -> None:
    rig = playing(2)
    rig.tell(Halt())
    rig.run(SECOND)
    sought = rig.add(ramp(48_000), replaces=True, position_us=42 * SECOND)
    rig.run(SECOND)
    halted = [event for event in rig.events if isinstance(event, Halted)]
    assert (halted[-1].track_id, halted[-1].position_us) == (sought, 42 * SECOND)
    assert not any(heard.clears for heard in rig.heard.values())
    rig.tell(Run())
    rig.run(SECOND)
    started = [event for event in rig.events if isinstance(event, TrackStarted)]
    assert (started[-1].track_id, started[-1].position_us) == (sought, 42 * SECOND)


def test_a_seek_and_a_pause_before_it_was_heard_stay_at_the_new_place() -> None:
    rig = playing(2)
    sought = rig.add(ramp(48_000), replaces=True, position_us=42 * SECOND)
    rig.run(100_000)
    rig.tell(Halt())
    rig.run(SECOND)
    halted = [event for event in rig.events if isinstance(event, Halted)]
    assert (halted[-1].track_id, halted[-1].position_us) == (sought, 42 * SECOND)


def test_replacements_in_a_row_before_the_first_sound_leave_the_last_one() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    for start in (100, 200, 300):
        rig.add(ramp(48_000, start), replaces=True)
        rig.tell(Run())
        rig.run(20_000)
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), ramp(48_000, 300))
    assert_in_time(rig)


def test_an_empty_head_of_what_replaces_lets_the_old_one_play_until_there_is_something() -> None:
    rig = playing(2)
    rig.add(ramp(0), replaces=True)
    second = rig.add(ramp(48_000))
    rig.material[second].is_held = True
    rig.run(SECOND)
    assert not any(heard.clears for heard in rig.heard.values())
    rig.material[second].is_held = False
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(1), ramp(48_000))
    assert not any(isinstance(event, TrackStarved) for event in rig.events)
    assert rig.step_count < 200


def test_nothing_but_empty_media_is_the_end() -> None:
    rig = Rig()
    rig.set_players({"a": player()})
    rig.add(ramp(0), replaces=True)
    rig.add(ramp(0))
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    assert not rig.heard
    assert len([event for event in rig.events if isinstance(event, TrackEnded)]) == 2


def test_an_empty_medium_between_others_is_stepped_over_without_a_gap() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(ramp(33_333), replaces=True)
    rig.add(ramp(0))
    rig.add(ramp(7, 33_333))
    rig.add(ramp(1_000, 33_340))
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), ramp(34_340))
    assert len([event for event in rig.events if isinstance(event, TrackEnded)]) == 4


# The machine stands still


@pytest.mark.parametrize("stall_us", [2_300_000, 10 * SECOND, 3_600 * SECOND])
@pytest.mark.parametrize("policy", list(SendPolicy))
def test_after_a_standstill_it_goes_on_where_players_ran_dry_and_nothing_is_made_for_the_past(
    policy: SendPolicy, stall_us: int
) -> None:
    rig = Rig(policy=policy)
    rig.set_players({name: player(what, capacity_bytes=10_000_000) for name, what in FORMATS.items()})
    rig.add(ramp(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(5 * SECOND)
    encoded = rig.result.work.encoded_chunks
    rig.now = ServerTimeUs(rig.now + stall_us)
    stalled_until = rig.now
    rig.run(SECOND)
    assert_in_time(rig)
    heard = rig.heard["a"]
    assert all(0 <= two.frame - one.frame - one.frame_count < 1_200 for one, two in pairwise(heard.chunks))
    assert rig.result.work.encoded_chunks - encoded < 60 * 4 * 12
    if heard.runs[0][-1].end < stalled_until:
        assert len(heard.clears) == 1
        assert [event.at + event.length_us for event in rig.events if isinstance(event, TrackStarved)] == [
            heard.runs[1][0].start
        ]


def test_a_standstill_at_the_end_still_ends_the_stream_and_sends_nothing_late() -> None:
    rig = Rig(policy=SendPolicy.RESPONSIVE)
    rig.set_players({name: player(what) for name, what in FORMATS.items()})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run(900_000)
    rig.now = ServerTimeUs(rig.now + 60 * SECOND)
    rig.run()
    for heard in rig.heard.values():
        assert len(heard.ends) == 1
    assert_in_time(rig)
    assert len(rig.heard["a"].pcm(0)) + len(rig.heard["a"].pcm(-1)) * (len(rig.heard["a"].runs) - 1) == 48_000


def test_the_last_end_is_not_lost_beside_chunks_of_the_same_step() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(10_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.step()
    rig.step()
    rig.now = ServerTimeUs(rig.now + 10 * SECOND)
    rig.run()
    assert rig.result.is_finished
    assert len(rig.heard["a"].ends) == 1


def test_a_queue_that_ran_empty_goes_on_once_there_is_something_again() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.tell(Run())
    rig.run(5 * SECOND)
    late = rig.add(ramp(48_000))
    rig.material[late].is_held = True
    rig.run(5 * SECOND)
    rig.material[late].is_held = False
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), ramp(48_000))
    assert_in_time(rig)


# The end


@pytest.mark.parametrize("wait_us", [0, 200_000, 500_000, 900_000])
@pytest.mark.parametrize("policy", [SendPolicy.BALANCED, SendPolicy.STABLE])
def test_who_joins_near_the_end_hears_the_very_last_frame(policy: SendPolicy, wait_us: int) -> None:
    rig = Rig(policy=policy)
    everyone = {"a": player(PCM_48)}
    rig.set_players(everyone)
    rig.add(noise(70_001), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run(300_000 + wait_us)
    later = {"b": player(PCM_44), "c": player(FLAC_48), "d": player(OPUS_48), "e": player(PCM_48)}
    rig.set_players(everyone | later)
    joined_at = rig.now
    rig.run()
    end = rig.heard["a"].chunks[-1].end
    for name in later:
        assert -23 <= rig.heard[name].chunks[-1].end - end <= (20_000 if name == "d" else 23), name
        assert rig.heard[name].chunks[0].start - joined_at >= LEAD_US
    assert_in_time(rig)


def test_who_joins_too_late_for_anything_is_sent_nothing() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run(1_150_000)
    rig.set_players({"a": player(PCM_48), "b": player(OPUS_48), "c": player(PCM_44)})
    rig.run()
    assert set(rig.heard) == {"a"}


def test_something_more_after_all_was_made_joins_without_gap_or_overlap() -> None:
    rig = Rig()
    rig.set_players({name: player(what) for name, what in FORMATS.items()})
    one, two = noise(48_011, seed=3), noise(24_000, seed=4)
    rig.add(one, replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run(500_000)
    rig.add(two)
    rig.close_queue()
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), np.concatenate([one, two]))
    for name, what in FORMATS.items():
        chunks = rig.heard[name].chunks
        assert all(before.end == after.start for before, after in pairwise(chunks)), name
        assert chunks[-1].end - chunks[0].start == pytest.approx(72_011 / 0.048, abs=30 if name != "d" else 30_000)
        assert len(rig.heard[name].starts) == (1 if what.codec is Codec.PCM else 2)  # a new encoder, told as such


# Players


def test_a_player_too_small_for_the_next_chunk_is_not_waited_for() -> None:
    rig = Rig()
    rig.set_players({"tiny": player(PCM_48, capacity_bytes=4_000), "a": player(PCM_48)})
    rig.add(noise(48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), noise(48_000))
    assert "tiny" not in rig.heard
    assert rig.step_count < 100


@pytest.mark.parametrize("chunks", [1, 2, 3, 5])
def test_with_room_for_a_few_chunks_nothing_is_sent_late(chunks: int) -> None:
    rig = Rig()
    rig.set_players({"small": player(PCM_48, capacity_bytes=chunks * 4809, lead_us=50_000)})
    rig.add(noise(3 * 48_000), replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    heard = rig.heard["small"]
    for chunk in heard.chunks:
        sent_at = heard.sent_at[id(chunk)]
        assert chunk.start > sent_at
        held = [c for c in heard.chunks if heard.sent_at[id(c)] <= sent_at < c.end and c.start <= chunk.start]
        assert len(held) <= chunks
    if chunks > 1:
        assert len(heard.chunks) == 120
    assert rig.step_count < 600


def test_an_output_delay_is_in_time_also_when_it_grows_while_playing() -> None:
    rig = Rig(policy=SendPolicy.RESPONSIVE)
    rig.set_players({"a": player(PCM_48, output_delay_us=100_000, lead_us=350_000)})
    rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(2 * SECOND)
    rig.set_players({"a": player(PCM_48, output_delay_us=400_000, lead_us=650_000)})
    changed_at = rig.now
    rig.run(2 * SECOND)
    heard = rig.heard["a"]
    assert len(heard.starts) == len(heard.runs) == 1
    for chunk in heard.chunks:
        sent_at = heard.sent_at[id(chunk)]
        assert chunk.start - sent_at > (100_000 if sent_at < changed_at else 400_000)
    assert heard.chunks[-1].end - rig.now >= 650_000


def test_one_that_needs_far_more_lead_makes_nobody_swallow_seconds_at_once() -> None:
    rig = Rig()
    everyone = {"a": player(PCM_48, capacity_bytes=10_000_000)}
    rig.set_players(everyone)
    rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(60 * SECOND)
    rig.set_players(everyone | {"slow": player(FLAC_48, capacity_bytes=10_000_000, lead_us=8 * SECOND)})
    joined_at = rig.now
    rig.run(10 * SECOND)
    heard = rig.heard["a"]
    at_once = sum(chunk.duration_us for chunk in heard.chunks if joined_at <= heard.sent_at[id(chunk)] < joined_at + 9)
    assert at_once <= 2 * SECOND
    assert heard.chunks[-1].end - rig.now > 8 * SECOND
    slow = rig.heard["slow"]
    assert slow.chunks[0].start - slow.sent_at[id(slow.chunks[0])] >= 8 * SECOND


def test_many_new_formats_at_once_are_in_time_and_cost_steps_of_bounded_length() -> None:
    rig = playing(3, policy=SendPolicy.STABLE)
    kinds = [
        StreamFormat(codec=codec, sample_rate=rate, channel_count=lanes, bit_depth=16)
        for codec in (Codec.PCM, Codec.FLAC)
        for rate in (16_000, 32_000, 44_100, 96_000)
        for lanes in (1, 2)
    ]
    joined_at = rig.now
    rig.set_players(
        {name: player(what) for name, what in FORMATS.items()}
        | {f"n{number}": player(what) for number, what in enumerate(kinds)}
    )
    for _ in range(5):
        before = {key: pipeline.next_index for key, pipeline in rig.renderer._streamer.pipelines.items()}
        rig.step()
        for key, pipeline in rig.renderer._streamer.pipelines.items():
            most = pipeline.format.sample_rate // 5 + 2_000  # and what the resampler held
            assert pipeline.next_index - before.get(key, pipeline.next_index) <= most
    rig.run(3 * SECOND)
    for number in range(len(kinds)):
        assert LEAD_US <= rig.heard[f"n{number}"].chunks[0].start - joined_at <= LEAD_US + 30_000
    assert_in_time(rig)


def test_players_may_come_and_go_while_halted() -> None:
    rig = playing(2)
    rig.tell(Halt())
    rig.run(SECOND)
    rig.set_players({"b": player(FLAC_48), "e": player(PCM_48)})
    rig.run(SECOND)
    rig.set_players({"e": player(PCM_48), "b": player(PCM_44)})
    rig.tell(Run())
    rig.run(SECOND)
    assert set(rig.renderer.pipelines) == {(Channel(), PCM_48), (Channel(), PCM_44)}
    assert len(rig.heard["a"].runs) == 1
    assert len(rig.heard["b"].runs) == 2
    assert_in_time(rig)


def test_a_format_in_use_is_joined_with_a_gap_of_less_than_a_chunk_and_a_new_one_with_none() -> None:
    rig = playing(3)
    everyone = {name: player(what) for name, what in FORMATS.items()}
    rig.set_players(everyone | {"a": player(FLAC_44), "b": player(FLAC_48)})
    rig.run(4 * SECOND)
    shared, new = rig.heard["a"].chunks, rig.heard["b"].chunks
    assert max(after.start - before.end for before, after in pairwise(shared)) < 25_100
    assert max(after.start - before.end for before, after in pairwise(new)) <= 23
    assert_in_time(rig)


# Lanes, feeds, delays


def test_a_source_may_change_its_lanes_at_any_passage() -> None:
    rig = Rig()
    mono = replace(PCM_48, channel_count=1)
    rig.set_players({"stereo": player(PCM_48), "mono": player(mono)})
    rig.tell(AddTrack(track_id=TrackId(7), replaces=True), CloseQueue(), Run())
    rig.renderer.step({}, rig._commands, rig.now)
    rig._commands = []
    ones = np.full((48_000, 8), 0.25, np.float32)
    passages = tuple(Passage(ones[:, : len(layout)], layout) for layout in (STEREO, LAYOUT_BY_COUNT[6], MONO))
    result = rig.renderer.step({TrackId(7): TrackInput(passages=passages, is_ended=True)}, [], rig.now)
    blocks: dict[str, list[np.ndarray]] = {"stereo": [], "mono": []}
    while not result.is_finished:
        for name, output in result.outputs.items():
            blocks[name] += [np.frombuffer(chunk.data, "<i2") for chunk in output.chunks]
        assert result.wake_at is not None
        rig.now = max(rig.now, result.wake_at)
        result = rig.renderer.step({}, [], rig.now)
    stereo = np.concatenate(blocks["stereo"]).reshape(-1, 2)
    assert len(stereo) == len(np.concatenate(blocks["mono"])) == 3 * 48_000
    for part in range(3):
        middle = stereo[part * 48_000 + 100 : (part + 1) * 48_000 - 100]
        assert np.ptp(middle) <= 2
        assert middle.mean() == pytest.approx(0.25 * 32_768, rel=0.02)


def test_a_channel_is_heard_as_late_as_it_says() -> None:
    rig = Rig()
    late = Channel(delay_frames=60_000)
    rig.set_players({"a": player(PCM_48), "late": player(PCM_48, channel=late)})
    rig.add(ramp(4 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(2 * SECOND)
    rig.set_players({"late": player(PCM_48, channel=late), "again": player(PCM_48, channel=late)})
    rig.run(SECOND)
    heard, delayed, again = rig.heard["a"], rig.heard["late"], rig.heard["again"]
    first = delayed.pcm()
    assert not first[:60_000].any()
    assert np.array_equal(first[60_000:80_000], heard.pcm()[:20_000])
    begin = again.chunks[0].frame
    assert np.array_equal(again.pcm()[:20_000], ramp(20_000, begin - 60_000))


# An hour, and longer


def test_hours_of_a_stalled_source_are_told_and_hold_no_memory() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    track_id = rig.add(ramp(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(SECOND)
    for _ in range(200):
        rig.material[track_id].is_held = True
        rig.run(4 * SECOND)
        rig.material[track_id].is_held = False
        rig.run(SECOND)
    (track,) = rig.renderer._line.tracks
    assert len(track._pads) <= 30
    assert sum(len(segment.passage.block) for segment in track._history._segments) <= 5 * 48_000
    starved = [event for event in rig.events if isinstance(event, TrackStarved)]
    padded_us = sum(event.length_us for event in starved)
    heard_us = track.end_frame / 0.048
    assert track.position_us(track.end_frame) == pytest.approx(heard_us - padded_us, abs=len(starved) + 1)


def test_history_is_kept_for_a_second_and_no_longer() -> None:
    rig = playing(60)
    (track,) = rig.renderer._line.tracks
    kept_us = (track.end_frame - track._history._segments[0].start) / 0.048
    assert kept_us <= KEPT_US + 2 * SECOND + SECOND + 2 * 500_000
    for pipeline in rig.renderer._streamer.pipelines.values():
        assert sum(chunk.duration_us for chunk in pipeline.chunks) <= 2_100_000


def test_a_scheduled_replacement_without_data_at_its_time_is_waited_for_without_turning_in_circles() -> None:
    rig = playing(3)
    track_id = rig.add(noise(48_000, seed=7), replaces=True)
    rig.material[track_id].is_held = True
    rig.tell(Run(start_at=ServerTimeUs(rig.now + 500_000)))
    steps = rig.step_count
    rig.run(5 * SECOND)
    assert rig.step_count - steps < 60
    assert rig.heard["a"].chunks[-1].end > rig.now + SECOND  # what plays goes on
    rig.material[track_id].is_held = False
    rig.run(3 * SECOND)
    assert np.array_equal(rig.heard["a"].pcm()[:48_000], noise(48_000, seed=7))
