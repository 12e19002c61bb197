"""One step after the other, by hand: what is heard, when, and by whom."""

from itertools import pairwise

import numpy as np
import pytest

from core.commands import Halt, Run
from core.formats import Block, StreamFormat
from core.renderer import FIRST_STEP_US
from core.step import Halted, TrackEnded, TrackStarted, TrackStarved, TrackTagged
from core.stream.policy import SendPolicy
from core.stream.streamer import START_MARGIN_US
from core.units import ServerTimeUs
from tests.fakes.rig import (
    FLAC_44,
    FLAC_48,
    LEAD_US,
    OPUS_48,
    PCM_44,
    PCM_48,
    PCM_48_24,
    Heard,
    Rig,
    noise,
    player,
    ramp,
)

START = 1_000_000_000
SECOND = 1_000_000


def assert_continuous(heard: Heard, rate: int) -> None:
    """Every chunk of a run starts where the one before ended, and no start is off by a µs from its frame's instant."""
    for run in heard.runs:
        first = run[0]
        for before, after in pairwise(run):
            assert before.end == after.start
            assert before.frame + before.frame_count == after.frame
        for chunk in run:
            exact = first.start + (chunk.frame - first.frame) * SECOND / rate
            assert abs(chunk.start - exact) < 1


def started(rig: Rig) -> list[TrackStarted]:
    return [event for event in rig.events if isinstance(event, TrackStarted)]


def test_a_medium_is_heard_whole_bit_for_bit_once_and_then_the_stream_ends() -> None:
    samples = noise(100_000)
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(samples, replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    heard = rig.heard["a"]
    assert np.array_equal(heard.pcm(), samples)
    assert_continuous(heard, 48_000)
    assert [start.format for start in heard.starts] == [PCM_48]
    (track,) = started(rig)
    assert heard.chunks[0].start == track.at
    assert [event.at for event in rig.events if isinstance(event, TrackEnded)] == heard.ends == [heard.chunks[-1].end]


@pytest.mark.parametrize("stream_format", [PCM_48, PCM_44, FLAC_48, FLAC_44, OPUS_48, PCM_48_24])
@pytest.mark.parametrize("policy", list(SendPolicy))
def test_the_first_sound_comes_after_the_lead_under_each_policy(
    stream_format: StreamFormat, policy: SendPolicy
) -> None:
    rig = Rig(policy=policy)
    rig.set_players({"a": player(stream_format)})
    rig.add(noise(48_000), replaces=True)
    rig.tell(Run())
    rig.run(SECOND)
    first = rig.heard["a"].chunks[0]
    assert first.start - rig.heard["a"].sent_at[id(first)] >= LEAD_US + START_MARGIN_US
    assert started(rig)[0].at - START <= LEAD_US + 10_000


def test_the_first_step_is_short_and_what_is_left_of_a_slow_source_follows_at_once() -> None:
    rig = Rig()
    rig.set_players({"a": player()})
    track_id = rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.material[track_id].there = 9_600
    rig.tell(Run())
    while "a" not in rig.heard:
        rig.step()
    heard = rig.heard["a"]
    assert sum(chunk.duration_us for chunk in heard.chunks) == FIRST_STEP_US
    assert rig.result.wake_at is not None
    assert rig.result.wake_at <= rig.now
    rig.step()
    assert sum(chunk.duration_us for chunk in heard.chunks) == 200_000
    rig.material[track_id].there = None
    rig.run(3 * SECOND)
    assert np.array_equal(heard.pcm()[:48_000], noise(48_000))


@pytest.mark.parametrize(
    ("policy", "horizon_us"),
    [(SendPolicy.RESPONSIVE, LEAD_US + 250_000), (SendPolicy.BALANCED, 2 * SECOND), (SendPolicy.STABLE, 10 * SECOND)],
)
def test_nothing_is_sent_further_ahead_than_the_policy_says_and_the_horizon_is_kept_full(
    policy: SendPolicy, horizon_us: int
) -> None:
    rig = Rig(policy=policy)
    rig.set_players({"a": player(PCM_48, capacity_bytes=10_000_000)})
    rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(20 * SECOND)
    heard = rig.heard["a"]
    ahead = [chunk.end - heard.sent_at[id(chunk)] for chunk in heard.chunks]
    assert max(ahead) <= horizon_us + 1
    assert heard.chunks[-1].end >= rig.now + horizon_us - 225_000
    assert rig.step_count / 20 < 15


def test_a_buffer_is_filled_at_a_bounded_pace_after_the_first_two_seconds() -> None:
    rig = Rig(policy=SendPolicy.STABLE)
    rig.set_players({"a": player(PCM_48, capacity_bytes=10_000_000)})
    rig.add(noise(48_000), replaces=True, is_endless=True)
    rig.tell(Run())
    rig.run(8 * SECOND)
    heard = rig.heard["a"]
    first = heard.chunks[0]
    for chunk in heard.chunks:
        elapsed = heard.sent_at[id(chunk)] - heard.sent_at[id(first)]
        assert chunk.end - first.start <= 2 * SECOND + 4 * elapsed
    assert heard.chunks[-1].end - rig.now > 9.8 * SECOND


def test_players_of_different_formats_hear_the_same_instant() -> None:
    click = np.zeros((96_000, 2), np.float32)
    click[48_000] = 0.9
    rig = Rig()
    rig.set_players({"a": player(PCM_48), "b": player(PCM_44)})
    rig.add(click, replaces=True)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    instants = {}
    for name, rate in (("a", 48_000), ("b", 44_100)):
        heard = rig.heard[name]
        peak = float(_peak(heard.pcm()[:, 0]))
        instants[name] = heard.chunks[0].start + peak * SECOND / rate
    assert instants["a"] == pytest.approx(instants["b"], abs=1)


def _peak(lane: Block) -> float:
    """Return where the peak lies, between samples too."""
    at = int(np.argmax(lane))
    left, mid, right = (float(value) for value in lane[at - 1 : at + 2])
    return at + 0.5 * (left - right) / (left - 2 * mid + right) if left or right else float(at)


def test_pause_ends_at_once_and_resume_goes_on_at_the_first_frame_that_was_not_heard() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48), "b": player(PCM_44)})
    rig.add(ramp(20 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(3 * SECOND + 12_345)
    paused_at = rig.now
    rig.tell(Halt())
    rig.run(5 * SECOND)
    assert rig.heard["a"].ends == rig.heard["b"].ends == [paused_at]
    (halted,) = (event for event in rig.events if isinstance(event, Halted))
    first = rig.heard["a"].runs[0][0]
    unheard = -(-(paused_at - first.start) * 48_000 // SECOND)
    assert halted.position_us == unheard * SECOND // 48_000
    rig.tell(Run())
    rig.run(SECOND)
    heard = rig.heard["a"]
    assert len(heard.starts) == len(heard.runs) == 2
    again = heard.pcm(1)
    assert np.array_equal(again[:1000], ramp(1000, unheard))
    assert heard.runs[1][0].start >= paused_at + 5 * SECOND + LEAD_US
    assert started(rig)[-1].position_us == halted.position_us
    assert_continuous(heard, 48_000)
    assert_continuous(rig.heard["b"], 44_100)


def test_a_pause_before_the_first_sound_loses_nothing() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(ramp(48_000), replaces=True)
    rig.tell(Run())
    rig.run(100_000)
    rig.tell(Halt())
    rig.run(SECOND)
    rig.tell(Run())
    rig.run(SECOND)
    assert np.array_equal(rig.heard["a"].pcm(1)[:100], ramp(100))


def test_another_medium_clears_and_is_heard_after_the_lead_on_the_same_stream() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48), "b": player(FLAC_44), "c": player(OPUS_48)})
    rig.add(noise(20 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(3 * SECOND)
    asked_at = rig.now
    rig.add(ramp(48_000), replaces=True)
    rig.close_queue()
    rig.run()
    for heard in rig.heard.values():
        assert len(heard.starts) == 1
        assert heard.clears == [asked_at]
        assert 0 <= heard.runs[1][0].start - asked_at - LEAD_US <= 10_000
    assert np.array_equal(rig.heard["a"].pcm(1), ramp(48_000))
    assert [type(event) for event in rig.events] == [TrackStarted, TrackEnded, TrackStarted, TrackEnded]
    assert rig.events[1].at == asked_at


def test_a_replacement_without_data_lets_the_old_one_go_on() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(noise(10 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(SECOND)
    late = rig.add(ramp(48_000), replaces=True)
    rig.material[late].is_held = True
    rig.run(2 * SECOND)
    heard = rig.heard["a"]
    assert not heard.clears
    assert heard.chunks[-1].end >= rig.now + 1.7 * SECOND
    rig.material[late].is_held = False
    rig.run(SECOND)
    assert len(heard.clears) == 1


def test_items_follow_each_other_without_a_gap_or_padding() -> None:
    one, two = noise(33_333, seed=1), noise(22_222, seed=2)
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(one, replaces=True)
    rig.add(two)
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    assert np.array_equal(rig.heard["a"].pcm(), np.concatenate([one, two]))
    first, second = started(rig)
    assert second.at - first.at == pytest.approx(33_333 * SECOND / 48_000, abs=1)


def test_a_starving_track_is_padded_in_time_and_loses_nothing() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    track_id = rig.add(ramp(10 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(500_000)
    rig.material[track_id].is_held = True
    rig.run(6 * SECOND)
    rig.material[track_id].is_held = False
    rig.close_queue()
    rig.run()
    heard = rig.heard["a"]
    assert_continuous(heard, 48_000)
    starved = [event for event in rig.events if isinstance(event, TrackStarved)]
    assert starved
    for chunk in heard.chunks:
        assert chunk.start - heard.sent_at[id(chunk)] > 0
    everything = heard.pcm()
    kept = everything[np.flatnonzero(everything[:, 0])]
    wanted = ramp(10 * 48_000)
    assert np.array_equal(kept, wanted[np.flatnonzero(wanted[:, 0])])
    padded_us = sum(event.length_us for event in starved)
    assert len(everything) - len(wanted) == pytest.approx(padded_us * 0.048, abs=len(starved))


def test_a_late_joiner_hears_the_same_samples_at_the_same_instants_and_costs_no_encoder() -> None:
    rig = Rig()
    everyone = {"a": player(FLAC_48)}
    rig.set_players(everyone)
    rig.add(noise(10 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(3 * SECOND)
    rig.set_players(everyone | {"b": player(FLAC_48)})
    joined_at = rig.now
    rig.run(SECOND)
    early, late = rig.heard["a"], rig.heard["b"]
    first = late.chunks[0]
    assert LEAD_US <= first.start - joined_at <= LEAD_US + 30_000
    by_start = {chunk.start: chunk for chunk in early.chunks}
    assert all(by_start[chunk.start] is chunk for chunk in late.chunks)
    assert_continuous(early, 48_000)
    assert len(early.starts) == 1
    assert [start.format for start in late.starts] == [FLAC_48]


def test_a_late_joiner_of_another_format_starts_from_history_exactly_in_step() -> None:
    rig = Rig()
    everyone = {"a": player(PCM_48)}
    rig.set_players(everyone)
    samples = noise(10 * 48_000)
    rig.add(samples, replaces=True)
    rig.tell(Run())
    rig.run(3 * SECOND)
    sent = rig.heard["a"].chunks[-1]
    rig.set_players(everyone | {"b": player(PCM_48_24), "c": player(PCM_44)})
    joined_at = rig.now
    rig.run(500_000)
    first = rig.heard["b"].chunks[0]
    assert LEAD_US <= first.start - joined_at <= LEAD_US + 30_000 < sent.start - joined_at
    data = np.frombuffer(first.data, np.uint8).reshape(-1, 3)
    values = data[:, 0].astype(np.int32) << 8 | data[:, 1].astype(np.int32) << 16 | data[:, 2].astype(np.int32) << 24
    assert np.array_equal((values / 2**31).reshape(-1, 2), samples[first.frame : first.frame + first.frame_count])
    third = rig.heard["c"].chunks[0]
    assert LEAD_US <= third.start - joined_at <= LEAD_US + 30_000
    always = Rig()
    always.set_players({"c": player(PCM_44)})
    always.add(samples, replaces=True)
    always.tell(Run())
    always.run(4 * SECOND)
    reference = always.heard["c"].pcm()
    error = rig.heard["c"].pcm()[:2000] - reference[third.frame : third.frame + 2000]
    assert np.abs(error).max() <= 2 / 32_768  # dither depends on the frame alone; -100 dB of settling may round over


def test_one_that_leaves_or_changes_its_format_changes_nothing_for_the_others() -> None:
    def play(*, disturbed: bool) -> Rig:
        rig = Rig()
        everyone = {"a": player(PCM_48), "b": player(PCM_48)}
        rig.set_players(everyone)
        rig.add(noise(10 * 48_000), replaces=True)
        rig.tell(Run())
        rig.run(2 * SECOND)
        if disturbed:
            rig.set_players(everyone | {"b": player(FLAC_44)})
        rig.run(2 * SECOND)
        if disturbed:
            rig.set_players({"a": player(PCM_48)})
        rig.run(2 * SECOND)
        return rig

    disturbed, calm = play(disturbed=True), play(disturbed=False)
    assert [(c.start, c.data) for c in disturbed.heard["a"].chunks] == [
        (c.start, c.data) for c in calm.heard["a"].chunks
    ]
    assert [start.format for start in disturbed.heard["b"].starts] == [PCM_48, FLAC_44]
    changed = disturbed.heard["b"].chunks
    for before, after in pairwise(changed):
        assert 0 <= after.start - before.end <= 30


def test_a_scheduled_start_is_met_to_the_microsecond() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    rig.add(ramp(48_000), replaces=True)
    rig.tell(Run(start_at=ServerTimeUs(rig.now + 7 * SECOND)))
    rig.run(8 * SECOND)
    heard = rig.heard["a"]
    assert heard.chunks[0].start == START + 7 * SECOND
    assert heard.sent_at[id(heard.chunks[0])] >= START + 5 * SECOND


def test_equal_players_share_every_bytes_object() -> None:
    rig = Rig()
    rig.set_players({f"p{number}": player(OPUS_48) for number in range(10)})
    rig.add(noise(5 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(3 * SECOND)
    one, *others = rig.heard.values()
    assert all(mine is theirs for heard in others for mine, theirs in zip(one.chunks, heard.chunks, strict=True))
    assert rig.result.work.encoded_chunks == pytest.approx(len(one.chunks), abs=20)


def test_a_player_is_never_sent_more_than_it_holds() -> None:
    capacity = 40_000
    rig = Rig()
    rig.set_players({"small": player(PCM_48, capacity_bytes=capacity, lead_us=100_000), "big": player(PCM_48)})
    rig.add(noise(10 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(5 * SECOND)
    heard = rig.heard["small"]
    assert_continuous(heard, 48_000)
    for chunk in heard.chunks:
        sent_at = heard.sent_at[id(chunk)]
        held = [c for c in heard.chunks if heard.sent_at[id(c)] <= sent_at < c.end and c.start <= chunk.start]
        assert sum(len(c.data) + 9 for c in held) <= capacity
        assert chunk.start > sent_at
    assert rig.step_count < 400


def test_nobody_there_still_plays_and_whoever_comes_is_in_step() -> None:
    rig = Rig()
    rig.set_players({})
    rig.add(ramp(20 * 48_000), replaces=True)
    rig.tell(Run())
    rig.run(5 * SECOND)
    rig.set_players({"a": player(PCM_48)})
    rig.run(SECOND)
    first = rig.heard["a"].chunks[0]
    expected = (first.start - started(rig)[0].at) * 48_000 / SECOND
    assert first.frame == pytest.approx(expected, abs=1)
    assert np.array_equal(rig.heard["a"].pcm()[:10], ramp(10, first.frame))


# Tags


def tagged(rig: Rig) -> list[tuple[str | None, ServerTimeUs]]:
    return [(event.tags.title, event.at) for event in rig.events if isinstance(event, TrackTagged)]


def test_what_a_medium_says_of_itself_is_told_at_the_microsecond_it_becomes_audible() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    track_id = rig.add(ramp(10 * 48_000), replaces=True)
    rig.material[track_id].titles = {0: "A", 100_001: "B", 100_002: "C", 400_000: "D"}
    rig.tell(Run())
    told_at: dict[str | None, int] = {}
    while rig.now < 1_000_000_000 + 5 * SECOND:
        rig.step()
        for event in rig.result.events:
            if isinstance(event, TrackTagged):
                told_at[event.tags.title] = rig.now
        if not any(rig._has_news(track) for track in rig.result.hungry):
            assert rig.result.wake_at is not None
            rig.now = max(rig.now, rig.result.wake_at)
    began = rig.heard["a"].chunks[0].start
    wanted = [(title, began + frame * SECOND // 48_000) for title, frame in (("A", 0), ("B", 100_001), ("C", 100_002))]
    assert tagged(rig) == wanted
    assert list(told_at.items()) == wanted


def test_tags_that_were_not_heard_before_a_pause_are_told_after_it() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    track_id = rig.add(ramp(10 * 48_000), replaces=True)
    rig.material[track_id].titles = {0: "A", 48_000: "B", 72_000: "C"}
    rig.tell(Run())
    rig.run(1_600_000)
    rig.tell(Halt())
    rig.run(60 * SECOND)
    assert [title for title, _ in tagged(rig)] == ["A", "B"]
    rig.tell(Run())
    resumed_at = rig.now
    rig.run(2 * SECOND)
    (third,) = tagged(rig)[2:]
    first = rig.heard["a"].runs[1][0]
    assert third == ("C", first.start + (72_000 - first.frame) * SECOND // 48_000)
    assert third[1] > resumed_at


def test_a_medium_that_follows_says_what_it_is_as_it_begins() -> None:
    rig = Rig()
    rig.set_players({"a": player(PCM_48)})
    one, two = rig.add(ramp(48_000), replaces=True), rig.add(ramp(48_000))
    rig.material[one].titles, rig.material[two].titles = {0: "A", 47_999: "B"}, {0: "C"}
    rig.close_queue()
    rig.tell(Run())
    rig.run()
    began = rig.heard["a"].chunks[0].start
    assert tagged(rig) == [("A", began), ("B", began + 47_999 * SECOND // 48_000), ("C", began + SECOND)]
    kinds = [type(event) for event in rig.events]
    assert kinds == [TrackStarted, TrackTagged, TrackTagged, TrackEnded, TrackStarted, TrackTagged, TrackEnded]


def test_one_pipeline_catches_up_in_longer_steps_than_many() -> None:
    def steps_to_fill(formats: list[StreamFormat]) -> int:
        rig = Rig()
        rig.set_players({f"p{number}": player(it) for number, it in enumerate(formats)})
        rig.add(noise(480_000), replaces=True)
        rig.tell(Run())
        rig.run(100_000)
        return rig.step_count

    few, many = steps_to_fill([PCM_48]), steps_to_fill([PCM_48, PCM_44, FLAC_48, OPUS_48])
    assert few < 7
    assert many >= 10
