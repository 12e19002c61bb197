"""The traps that others fell into, by what they reported as mended; each with the tests that hold it shut.

Tests are named by their file below `tests/core`, those of this file by `::` alone; the last test here sees that all of
them exist.

play and stop race
    server/test_group.py::test_play_right_after_stop_is_heard_and_the_old_one_says_nothing_more
    server/test_group.py::test_what_an_old_playing_has_still_to_say_reaches_nobody
    server/test_group.py::test_the_latest_wish_wins_and_what_was_being_opened_is_let_go
    test_renderer_trouble.py::test_a_storm_of_pauses_loses_no_frame
    ::test_whatever_is_asked_for_at_once_the_next_play_is_heard_and_nothing_is_left
a client that comes back gets no stream/start
    server/test_group.py::test_one_that_lost_its_connection_gets_everything_again_when_it_is_back
    server/test_group.py::test_a_session_that_is_replaced_at_once_gets_its_start_and_nothing_twice
    server/test_server.py::test_lost_while_playing_comes_back_into_the_stream
a radio that starts slowly stalls or runs away
    server/test_playback_trouble.py::test_what_plays_goes_on_as_long_as_what_comes_hesitates
    test_renderer_stalls.py::test_a_live_source_that_trickles_shifts_once_and_has_something_in_hand_then
    ::test_a_radio_that_starts_slowly_neither_stalls_nor_runs_away
who comes late is silent, or skips what was sent already
    test_renderer.py::test_a_late_joiner_hears_the_same_samples_at_the_same_instants_and_costs_no_encoder
    test_renderer.py::test_a_late_joiner_of_another_format_starts_from_history_exactly_in_step
    ::test_who_comes_late_begins_with_what_others_were_sent_already
stale chunks are prepared for nobody
    test_renderer_trouble.py::test_after_a_standstill_it_goes_on_where_players_ran_dry_and_nothing_is_made_for_the_past
    test_topology_properties.py::test_a_late_joiner_costs_no_packet_that_nobody_can_play
    stream/test_streamer.py::test_nothing_is_asked_for_without_players_and_nothing_made_without_a_start
counts leak when members go
    server/test_playback_trouble.py::test_pause_after_pause_and_seek_after_seek_leave_nothing_behind
    server/test_feeds.py::test_a_feed_that_nobody_hears_any_more_is_read_no_further
    server/test_robustness.py::test_many_sessions_leave_nothing_behind
    stream/test_streamer.py::test_unused_pipelines_go_and_their_work_still_counts
    ::test_members_that_come_and_go_leave_nothing_behind
state of the old group stays after a change of group
    server/test_group.py::test_who_leaves_is_ended_and_the_others_play_on
    server/test_server.py::test_moving_makes_and_drops_groups
    ::test_who_is_moved_hears_and_is_told_of_its_new_group_alone
who joins keeps old metadata
    server/test_group.py::test_who_joins_is_told_what_is_heard_now_and_a_pause_forgets_nothing
    ::test_who_joins_forgets_what_it_was_told_elsewhere
two clients of one id
    server/test_server.py::test_the_new_connection_of_the_same_id_wins
    server/test_server.py::test_our_own_second_dial_never_takes_the_place_of_the_first
    server/test_robustness.py::test_a_storm_of_one_id_over_real_sockets
two names for one client, and addresses that lead nowhere
    server/test_dialer.py::test_two_names_for_one_client_are_dialled_once_each
    server/test_dialer.py::test_link_local_addresses_are_the_last_resort
removed while it is being dialled
    server/test_dialer.py::test_undialled_while_nobody_answers
    ::test_removed_while_it_is_being_dialled
a loop or a clip that is shorter than a block
    test_renderer_trouble.py::test_an_empty_medium_between_others_is_stepped_over_without_a_gap
    ::test_a_clip_shorter_than_a_block_is_heard_whole
    ::test_clips_shorter_than_a_block_follow_each_other_without_a_gap
    ::test_a_loop_shorter_than_a_block_is_heard_over_and_over
times of chunks cut to whole microseconds and added up: 95 ms an hour at 44.1 kHz
    server/test_an_hour.py::test_an_hour_on_the_wire_has_no_gap_nothing_late_and_no_error_of_a_microsecond
    server/test_playback.py::test_an_hour_at_two_rates_has_no_gap_nothing_late_and_no_error_of_a_microsecond
    stream/test_timeline.py::test_an_instant_is_exact_to_the_microsecond_at_any_rate
padding between media that follow each other without a gap
    test_renderer.py::test_items_follow_each_other_without_a_gap_or_padding
    server/test_playback.py::test_media_follow_each_other_without_a_gap
    ::test_there_is_no_padding_between_media_in_any_codec
a burst at the start
    test_renderer.py::test_a_buffer_is_filled_at_a_bounded_pace_after_the_first_two_seconds
    test_renderer.py::test_nothing_is_sent_further_ahead_than_the_policy_says_and_the_horizon_is_kept_full
    stream/test_player_buffer.py::test_after_the_first_burst_it_is_filled_at_a_pace
a clip over 1.0 kills the stream
    audio/test_pcm.py::test_full_scale_clips_and_what_is_no_number_is_silent
    ::test_what_is_louder_than_full_scale_or_no_number_is_heard_as_far_as_it_can_be
a stop of what never started marks it as ended
    server/test_group.py::test_stop_before_the_start_cancels_it
    ::test_what_was_stopped_before_it_was_heard_has_not_ended
a stop while idle poisons the next play
    server/test_schedule.py::test_what_is_asked_for_before_counts_instead
    ::test_a_stop_while_idle_is_of_no_consequence
a pool without a thread left
    server/test_push.py::test_one_that_is_never_fed_keeps_no_thread_and_stops_at_once
    server/test_feeds.py::test_a_feed_that_hangs_costs_the_others_half_a_second_at_most_and_closing_waits_for_it
    server/test_load.py::test_groups_share_one_thread_and_one_that_catches_up_does_not_starve_the_others
    ::test_a_read_that_hangs_in_one_group_is_not_heard_in_another
"""

import ast
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
import gc
from itertools import pairwise
from pathlib import Path
import re

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from core.errors import MediaError, MediaOpenError, ResonateError, UnknownEntryError
from core.events import LossReason, PlaybackEnded, Underrun
from core.formats import STEREO, StreamFormat
from core.media.request import MediaRequest
from core.media.source import Passage, SourceInfo
from core.queue import Repeat
from core.server.dialer import Dialer, Target
from core.server.snapshot import PlaybackState
from core.server.transport import Transport
from core.stream.chunk import PlayerOutput
from core.stream.streamer import START_MARGIN_US
from core.units import ClientId, EntryId, GroupId, ServerTimeUs
from tests.fakes.client import MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.home import Home, at_home
from tests.fakes.house import LEAD_US, House, housed, wish
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, noise, ramp
from tests.fakes.seams import watched_libraries
from tests.fakes.session import FakeSession
from tests.fakes.stage import GatedRunner, Material
from tests.fakes.transport import MemoryTransport

SECOND = 1_000_000
HORIZON_US = 2 * SECOND
KINDS = (PCM_48, PCM_44, FLAC_48, FLAC_44, OPUS_48)


# Play and stop


class Watcher:
    """Sees that a player is sent nothing late, and that what it is to play one after the other does not overlap."""

    def __init__(self, house: House, session: FakeSession) -> None:
        self._clock = house.clock
        self._heard_until: int | None = None
        self._deliver = session.deliver
        session.deliver = self.deliver  # type: ignore[method-assign]

    def deliver(self, output: PlayerOutput) -> None:
        if output.end or output.clear:
            self._heard_until = None
        for chunk in output.chunks:
            assert chunk.start > self._clock.now()
            assert self._heard_until is None or chunk.start >= self._heard_until
            self._heard_until = chunk.end
        self._deliver(output)


class Opened(Material):
    """A source that knows whether it ever was opened: whatever was must be closed in the end."""

    was_opened = False

    def open(self) -> SourceInfo:
        self.was_opened, self.is_closed = True, False
        return super().open()


class SlowRunner(GatedRunner):
    """A runner whose calls take their time: all of them, and a while more those on a source that is slow."""

    def __init__(self, clock: FakeClock, length_us: int) -> None:
        super().__init__()
        self._clock = clock
        self._length_us = length_us

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        sources = (getattr(each, "__self__", None) for each in (call, *args))
        await self._clock.sleep(self._length_us + max(getattr(source, "slow_us", 0) for source in sources))
        return await super().run(call, *args, **kwargs)


class SlowToOpen(Opened):
    """A source that every call takes a while on."""

    slow_us = 350_000


KINDS_OF_MEDIA: dict[str, Callable[[], Opened]] = {
    "long": lambda: Opened(ramp(48_000), repeats=60),
    "short": lambda: Opened(ramp(9_000)),
    "empty": lambda: Opened(ramp(1), repeats=0),
    "radio": lambda: Opened(ramp(48_000), repeats=60, is_live=True, is_seekable=False),
    "broken": lambda: Opened(ramp(48_000), breaks_at=20_000),
    "slow": lambda: SlowToOpen(ramp(48_000), repeats=60),
    "closed": lambda: Opened(ramp(48_000), open_error=MediaOpenError("closed")),
}


class Asker:
    """Asks things of a group, and keeps every medium that it was given for that."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.materials: list[Opened] = []

    def wishes(self, *kinds: str) -> list[MediaRequest]:
        return [
            # What is found late is not slow: that is for the runner to see.
            self._found(kind) if kind == "slow" else MediaRequest(media_id=kind, resolve=partial(self._found, kind))
            for kind in kinds
        ]

    def _found(self, kind: str) -> MediaRequest:
        self.materials.append(KINDS_OF_MEDIA[kind]())
        return wish(self.materials[-1], kind)

    def _change_queue(self, act: str, value: object) -> Awaitable[None] | None:
        queue, entries = self.house.group.queue, self.house.group.snapshot().queue.entries
        entry_id = entries[value].entry_id if isinstance(value, int) and value < len(entries) else EntryId(-1)
        match act, value:
            case "insert", list():
                return self.house.group.play(self.wishes(*value), keeps_queue=True)
            case (("add" | "next"), list()):
                queue.add(self.wishes(*value), is_next=act == "next")
            case "skip", _:
                return queue.skip()
            case "back", _:
                return queue.skip_back()
            case "clear", _:
                return queue.clear()
            case "jump", _:
                return queue.jump(entry_id)
            case "remove", _:
                return queue.remove([entry_id])
            case "move", int():
                with suppress(UnknownEntryError):
                    queue.move([entry_id], value // 2)
            case "repeat", Repeat():
                queue.set_repeat(value)
            case "shuffle", bool():
                queue.set_shuffle(is_shuffled=value, seed=1)
        return None

    async def _interject(self, requests: list[MediaRequest]) -> None:
        group = self.house.group
        await group.interject(await group.open_interjection(requests[0]), requests[1:])

    def ask(self, act: str, value: object) -> Awaitable[None] | None:
        group = self.house.group
        at = ServerTimeUs(self.house.clock.now() + value) if isinstance(value, int) else None
        match act, value:
            case "play", list():
                return group.play(self.wishes(*value))
            case "interject", list():
                return self._interject(self.wishes(*value))
            case "start_at", _:
                return group.play(self.wishes("slow"), start_at=at)
            case "stop", _:
                return group.stop(at=at)
            case "pause", _:
                return group.pause(at=at)
            case "resume", _:
                return group.resume()
            case "seek", int():
                return group.seek(value)
            case "join", StreamFormat() if ClientId("bob") not in group.members:
                Watcher(self.house, self.house.add("bob", value).session)  # type: ignore[arg-type]
            case "leave", _ if ClientId("bob") in group.members:
                group.company.remove(group.members[ClientId("bob")])
            case _:
                return self._change_queue(act, value)
        return None


acts = st.one_of(
    st.tuples(
        st.sampled_from(["play", "interject"]),
        st.lists(st.sampled_from(sorted(KINDS_OF_MEDIA)), min_size=1, max_size=3),
    ),
    st.tuples(st.just("start_at"), st.integers(-500_000, 2 * SECOND)),
    st.tuples(st.sampled_from(["stop", "pause"]), st.one_of(st.none(), st.integers(0, SECOND))),
    st.tuples(st.just("resume"), st.none()),
    st.tuples(st.just("seek"), st.integers(-SECOND, 70 * SECOND)),
    st.tuples(st.just("join"), st.sampled_from(KINDS)),
    st.tuples(st.just("leave"), st.none()),
    st.tuples(
        st.sampled_from(["insert", "add", "next"]), st.lists(st.sampled_from(sorted(KINDS_OF_MEDIA)), max_size=3)
    ),
    st.tuples(st.sampled_from(["skip", "back", "clear"]), st.none()),
    st.tuples(st.sampled_from(["jump", "remove", "move"]), st.integers(0, 4)),
    st.tuples(st.just("repeat"), st.sampled_from(Repeat)),
    st.tuples(st.just("shuffle"), st.booleans()),
)
pauses = st.one_of(
    st.tuples(st.just("turns"), st.integers(0, 12)),
    st.tuples(st.just("us"), st.one_of(st.integers(1, 400_000), st.sampled_from([253_000, 2 * SECOND, 6 * SECOND]))),
)


@settings(max_examples=3 * settings().max_examples)
@given(
    steps=st.lists(st.tuples(acts, pauses), min_size=1, max_size=12),
    settling_us=st.sampled_from([0, 1, 30_000, 300_000, 4 * SECOND]),
    step_us=st.sampled_from([0, 1, 20_000]),
)
def test_whatever_is_asked_for_at_once_the_next_play_is_heard_and_nothing_is_left(
    steps: list[tuple[tuple[str, object], tuple[str, int]]], settling_us: int, step_us: int
) -> None:
    async def check() -> None:
        async with housed("ann") as house:
            Watcher(house, house.sessions["ann"])
            house.group.performance._render = SlowRunner(house.clock, step_us)
            house.group._media = house.group.performance._media = SlowRunner(house.clock, 0)
            alone = asyncio.all_tasks()
            asker, asked, between = Asker(house), list[asyncio.Task[None]](), list[asyncio.Task[None]]()
            for (act, value), (unit, length) in steps:
                if (asking := asker.ask(act, value)) is not None:
                    asked.append(asyncio.create_task(_despite_errors(asking)))
                    if act == "interject":
                        between.append(asked[-1])
                if unit == "us":
                    await house.clock.sleep(length)
                for _ in range(length if unit == "turns" else 0):
                    await asyncio.sleep(0)
            await house.clock.sleep(settling_us)
            if settling_us == 4 * SECOND:  # by now it has made up its mind, and waits for nothing that will not come
                assert house.state() != PlaybackState.BUFFERING
                is_open = house.sessions["ann"].stream_format is not None
                assert is_open == (house.state() == PlaybackState.PLAYING)
            await asyncio.gather(*between)  # else it may come in between the last one
            house.group.queue.set_repeat(Repeat.OFF)
            last = Opened(ramp(30_000, 7))
            asker.materials.append(last)
            await house.group.play([wish(last, "last")])
            await house.clock.sleep(3 * SECOND)
            await asyncio.gather(*asked)
            assert house.media_told()[-2:] == [("last", "started"), ("last", "ended")]
            assert house.state() == PlaybackState.IDLE
            heard = house.sent_pcm("ann")
            assert np.array_equal(heard[-30_000:], ramp(30_000, 7))
            assert all(material.is_closed for material in asker.materials if material.was_opened)
            assert asyncio.all_tasks() == alone
            assert house.clock.pending == []

    asyncio.run(check())


async def _despite_errors(asking: Awaitable[None]) -> None:
    with suppress(ResonateError, MediaError):
        await asking


async def test_what_was_stopped_before_it_was_heard_has_not_ended() -> None:
    async with housed("ann") as house:
        far = ServerTimeUs(house.clock.now() + 60 * SECOND)
        await house.group.play([wish(Material(ramp(48_000)), "late")], start_at=far)
        await house.clock.sleep(SECOND)
        await house.group.stop()
        await house.group.play([wish(Material(ramp(48_000)), "early"), wish(Material(ramp(48_000)), "next")])
        await house.clock.sleep(LEAD_US // 2)
        await house.group.stop()
        await house.clock.sleep(100 * SECOND)
        assert house.media_told() == []
        assert not any(isinstance(event, PlaybackEnded) for event in house.events)
        await house.group.play([wish(Material(ramp(48_000)), "heard")])
        await house.clock.sleep(3 * SECOND)
        assert house.media_told() == [("heard", "started"), ("heard", "ended")]


async def test_a_stop_while_idle_is_of_no_consequence() -> None:
    async with housed("ann") as house:
        with pytest.raises(ResonateError):
            await house.group.resume()
        for _ in range(3):
            for refused in (house.group.pause(), house.group.seek(0)):
                with pytest.raises(ResonateError):
                    await refused
            await house.group.stop()
            await house.group.stop(at=ServerTimeUs(house.clock.now() + SECOND))
            await house.group.play([wish(Material(ramp(72_000)), "music")])
            await house.clock.sleep(4 * SECOND)
            assert np.array_equal(house.sent_pcm("ann")[-72_000:], ramp(72_000))
            assert house.media_told()[-2:] == [("music", "started"), ("music", "ended")]
            house.sessions["ann"].outputs.clear()


# Sources


class Radio:
    """A live source that has nothing at all for a while, and from then on no more than the clock says."""

    def __init__(self, clock: FakeClock, silent_us: int) -> None:
        self._clock = clock
        self._begins_at = clock.now() + silent_us
        self._material = Material(ramp(48_000), repeats=1_000, is_live=True, is_seekable=False)
        self.open, self.start, self.seek = self._material.open, self._material.start, self._material.seek
        self.close = self._material.close
        self._given_frames = 0

    async def wait(self, frame_count: int) -> None:
        frames = self._given_frames + frame_count
        await self._clock.sleep_until(ServerTimeUs(self._begins_at + -(-frames * SECOND // 48_000)))

    def read(self, frame_count: int) -> Passage | None:
        self._given_frames += frame_count
        assert self._given_frames * SECOND <= (self._clock.now() - self._begins_at + 1) * 48_000
        passage = self._material.read(frame_count)
        if passage is None or len(passage.block) == frame_count:
            return passage
        rest = self._material.read(frame_count - len(passage.block))
        assert rest is not None
        return Passage(np.concatenate([passage.block, rest.block]), STEREO)


@pytest.mark.parametrize("silent_s", [3, 60])
async def test_a_radio_that_starts_slowly_neither_stalls_nor_runs_away(silent_s: int) -> None:
    async with housed("ann") as house:
        house.add("bob", FLAC_44)
        Watcher(house, house.sessions["ann"])
        radio = Radio(house.clock, silent_s * SECOND)
        await house.group.play([wish(radio, "radio")])
        await house.clock.sleep((silent_s - 1) * SECOND)
        # It waits: no stream, no silence in its place, and no turning in circles.
        assert house.state() == PlaybackState.BUFFERING
        assert house.sessions["ann"].outputs == house.sessions["bob"].outputs == []
        assert house.render.call_count < 10
        await house.clock.sleep(61 * SECOND)
        assert house.state() == PlaybackState.PLAYING
        for name in ("ann", "bob"):
            session = house.sessions[name]
            assert len(session.starts) == 1
            # It goes on in real time, with no more ahead than there can be, and shifts once if at all.
            ahead_us = session.chunks[-1].end - house.clock.now()
            assert 0 < ahead_us < SECOND
        assert sum(isinstance(event, Underrun) for event in house.events) <= 1
        heard = house.pcm("ann")
        sounding = heard[np.any(heard != 0, axis=1)]
        count = len(sounding) // 47_999 * 47_999  # one frame of each second is 0 itself
        assert count > 58 * 48_000
        assert np.array_equal(sounding[:1_000], ramp(1_000, 1))


def clip(frame_count: int) -> Material:
    return Material(ramp(frame_count, 1_000))


@pytest.mark.parametrize("frame_count", [1, 2, 100, 479, 1_199, 1_200, 1_201])
async def test_a_clip_shorter_than_a_block_is_heard_whole(frame_count: int) -> None:
    async with housed("ann") as house:
        for at, stream_format in enumerate(KINDS):
            house.add(f"p{at}", stream_format)
        await house.group.play([wish(clip(frame_count), "clip")])
        await house.clock.sleep(2 * SECOND)
        assert house.media_told() == [("clip", "started"), ("clip", "ended")]
        assert np.array_equal(house.sent_pcm("ann"), ramp(frame_count, 1_000))
        for session in house.sessions.values():
            assert len(session.starts) == session.end_count == 1
            chunks = [chunk for output in session.outputs for chunk in output.chunks]
            length_us = sum(chunk.duration_us for chunk in chunks)
            # Opus ends with what it looks ahead, and with a whole packet.
            most_us = 27_000 if session.starts[0].format == OPUS_48 else 25
            assert -25 <= length_us - frame_count * SECOND // 48_000 <= most_us


@pytest.mark.parametrize("frame_count", [1, 100, 1_201])
async def test_clips_shorter_than_a_block_follow_each_other_without_a_gap(frame_count: int) -> None:
    async with housed("ann") as house:
        house.add("bob", FLAC_44)
        await house.group.play([wish(clip(frame_count), str(at)) for at in range(60)])
        await house.clock.sleep(4 * SECOND)
        assert np.array_equal(house.sent_pcm("ann"), np.tile(ramp(frame_count, 1_000), (60, 1)))
        assert [name for name, state in house.media_told() if state == "started"] == [str(at) for at in range(60)]
        assert house.sessions["ann"].end_count == house.sessions["bob"].end_count == 1


@pytest.mark.parametrize("frame_count", [1, 100])
async def test_a_loop_shorter_than_a_block_is_heard_over_and_over(frame_count: int) -> None:
    """Its source gives no more than the loop at a time."""
    async with housed("ann") as house:
        Watcher(house, house.sessions["ann"])
        repeats = 12_000 // frame_count
        loop = Material(ramp(frame_count, 1_000), repeats=repeats)
        await house.group.play([wish(loop, "loop")])
        await house.clock.sleep(4 * SECOND)
        assert np.array_equal(house.sent_pcm("ann"), np.tile(ramp(frame_count, 1_000), (repeats, 1)))
        assert not any(isinstance(event, Underrun) for event in house.events)


@pytest.mark.parametrize("stream_format", KINDS)
async def test_there_is_no_padding_between_media_in_any_codec(stream_format: StreamFormat) -> None:
    lengths = [33_333, 7, 48_000, 1_201]  # no multiples of any packet's
    async with housed() as house:
        house.add("bob", PCM_48)  # the mix is at 48 kHz whatever ann plays
        house.add("ann", stream_format)
        await house.group.play([wish(Material(noise(length)), str(length)) for length in lengths])
        await house.clock.sleep(5 * SECOND)
        session = house.sessions["ann"]
        chunks = [chunk for output in session.outputs for chunk in output.chunks]
        assert all(one.end == other.start for one, other in pairwise(chunks))
        packet_frames = chunks[0].frame_count
        assert all(chunk.frame_count == packet_frames for chunk in chunks[:-1])
        frame_count = sum(chunk.frame_count for chunk in chunks)
        expected = sum(lengths) * stream_format.sample_rate / 48_000
        # Opus gives out whole packets, and at the end what it looked ahead.
        most = 2 * packet_frames if stream_format == OPUS_48 else 2
        assert 0 <= frame_count - expected < most
        assert len(session.starts) == session.end_count == 1


async def test_what_is_louder_than_full_scale_or_no_number_is_heard_as_far_as_it_can_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loud = 4 * noise(48_000, seed=3)
    loud[20_000:20_010] = np.inf
    loud[20_010:20_020] = -np.inf
    loud[20_020:20_030] = np.nan
    async with housed("ann") as house:
        for at, stream_format in enumerate(KINDS):
            house.add(f"p{at}", stream_format)
        await house.group.play([wish(Material(loud), "loud"), wish(Material(ramp(48_000)), "usual")])
        await house.clock.sleep(5 * SECOND)
        assert house.media_told() == [(name, state) for name in ("loud", "usual") for state in ("started", "ended")]
        heard = house.sent_pcm("ann")
        assert len(heard) == 96_000
        assert np.array_equal(heard[:20_000], np.clip(loud[:20_000], -1, 32_767 / 32_768))
        assert np.all(heard[20_000:20_010] == 32_767 / 32_768)
        assert np.all(heard[20_010:20_020] == -1)
        assert np.all(heard[20_020:20_030] == 0)
        assert np.array_equal(heard[48_000:], ramp(48_000))
        # A resampler must not remember what is no number either.
        other = house.sent_pcm("p1")
        assert len(other) == 88_200
        frames = np.arange(50_000, 70_000)
        expected = (frames - 44_100) * 48_000 / 44_100 / 32_768
        assert np.allclose(other[frames, 0], expected, atol=2 / 32_768)
        for session in house.sessions.values():
            assert len(session.starts) == session.end_count == 1
    assert not caplog.records


# Members


@pytest.mark.parametrize("stream_format", [PCM_48, FLAC_48, OPUS_48])
async def test_who_comes_late_begins_with_what_others_were_sent_already(stream_format: StreamFormat) -> None:
    async with at_home() as home:
        await home.join("ann", stream_format)
        await home.join("bob", stream_format)
        group_id = await home.gather("g", "ann")
        await home.server.play(group_id, [wish(Material(noise(48_000), repeats=60))])
        await home.pass_s(10)
        ann, bob = home.clients["ann"], home.clients["bob"]
        sent_until = ann.audio[-1][0]
        await home.server.move(ClientId("bob"), group_id)
        joined_at = home.clock.now()
        await home.pass_s(5)
        begins_at = bob.audio[0][0]
        # Not silent: from the first chunk that it can play in time. Not ahead: that one had left for ann long before.
        assert 0 <= begins_at - (joined_at + LEAD_US) <= START_MARGIN_US + 25_000
        assert begins_at < sent_until - SECOND
        assert bob.audio == [(at, data) for at, data in ann.audio if at >= begins_at]
        assert len(bob.got("stream/start")) == 1


async def test_members_that_come_and_go_leave_nothing_behind() -> None:
    def counts(home: Home, seams: object) -> tuple[object, ...]:
        gc.collect()
        group = home.server._registry.groups[GroupId("g")]
        playback = group.performance._playback
        assert playback is not None
        return (
            seams.open_encoders,  # type: ignore[attr-defined]
            seams.open_resamplers,  # type: ignore[attr-defined]
            len(playback._renderer.pipelines),
            len(playback._readings._readers),
            len(playback._tasks),
            len(playback._items),
            len(playback._feeds),
            len(group.members),
            len(home.server._registry.sessions),
            len(home.server._running),
            len(asyncio.all_tasks()),
            len(home.clock.pending),
        )

    with watched_libraries() as seams:
        async with at_home() as home:
            await home.join("ann", FLAC_48)
            group_id = await home.gather("g", "ann")
            await home.server.play(group_id, [wish(Material(noise(48_000), repeats=600))])
            await home.pass_s(2.1)
            before, chunk_count = counts(home, seams), len(home.clients["ann"].audio)
            for round_ in range(12):
                guests = [f"guest{at}" for at in range(4)]
                for name, stream_format in zip(guests, (FLAC_48, FLAC_44, OPUS_48, PCM_44), strict=True):
                    await home.join(name, stream_format)
                    await home.server.move(ClientId(name), group_id)
                await home.pass_s(0.7)
                assert counts(home, seams) != before
                match round_ % 3:
                    case 0:  # they leave and go
                        for name in guests:
                            await home.server.move(ClientId(name), None)
                            home.clients[name].transport.close_by_peer()
                    case 1:  # they are lost and forgotten
                        for name in guests:
                            home.clients[name].transport.lose()
                    case _:  # they go as soon as they are replaced
                        for name in guests:
                            await home.join(name, PCM_44)
                            home.clients[name].transport.close_by_peer()
                await home.pass_s(0.1)
                for name in guests:
                    await home.server.forget(ClientId(name))
                await home.pass_s(2.2)
                assert counts(home, seams) == before
            assert set(home.server.snapshot.groups) == {group_id}
            ann = home.clients["ann"].audio
            assert len(ann) > chunk_count + 12 * 3 * 40 - 80
            assert all(abs(later - at - 25_000) <= 1 for (at, _), (later, _) in pairwise(ann))


def shown(client: MemoryClient) -> dict[str, object]:
    """Return the metadata that a client shows: what it was told last, for every message has every key."""
    told = [payload["metadata"] for payload in client.got("server/state") if "metadata" in payload]
    return {key: value for key, value in told[-1].items() if value is not None and key not in ("timestamp", "progress")}


def steady(value: int) -> Material:
    """Return a source of one value, to tell by what is heard which it is."""
    return Material(np.repeat(ramp(1, value), 48_000, axis=0), repeats=600)


async def test_who_is_moved_hears_and_is_told_of_its_new_group_alone() -> None:
    async with at_home() as home:
        mover = await home.join("mover")
        await home.join("first", FLAC_48)
        await home.join("second", FLAC_48)
        first = await home.gather("one", "first", "mover")
        second = await home.gather("two", "second")
        quiet = await home.gather("three")
        await home.server.play(first, [wish(steady(1_000), title="First", artist="A")])
        await home.server.play(second, [wish(steady(2_000), title="Second")])
        await home.pass_s(3)

        def values_since(count: int) -> set[int]:
            return {int(value) for _, data in mover.audio[count:] for value in np.frombuffer(data, "<i2")}

        assert values_since(0) == {1_000}
        assert shown(mover) == {"title": "First", "artist": "A"}
        audio, kinds = len(mover.audio), len(mover.transport.sent)
        await home.server.move(ClientId("mover"), second)
        await home.pass_s(3)
        assert values_since(audio) == {2_000}
        assert shown(mover) == {"title": "Second"}
        update = {"playback_state": "playing", "group_id": "two", "group_name": "two"}
        assert mover.got("group/update")[-1] == update
        texts = [message for message in mover.transport.sent[kinds:] if isinstance(message, str)]
        order = [kind for text in texts for kind in re.findall(r'"type":\s*"(stream/\w+)"', text)]
        assert order == ["stream/end", "stream/start"]
        audio = len(mover.audio)
        await home.server.move(ClientId("mover"), quiet)
        await home.pass_s(3)
        assert mover.audio[audio:] == []
        assert shown(mover) == {}
        update = {"playback_state": "stopped", "group_id": "three", "group_name": "three"}
        assert mover.got("group/update")[-1] == update
        assert len(mover.got("stream/end")) == 2


async def test_who_joins_forgets_what_it_was_told_elsewhere() -> None:
    async with at_home() as home:
        ann, bob = await home.join("ann"), await home.join("bob")
        group_id = await home.gather("g", "ann")
        request = wish(Material(ramp(48_000), repeats=60), title="Old", artist="Old", album="Old")
        await home.server.play(ClientId("bob"), [request])
        await home.pass_s(2)
        assert shown(bob) == {"title": "Old", "artist": "Old", "album": "Old"}
        await home.server.move(ClientId("bob"), group_id)
        await home.pass_s(1)
        assert shown(ann) == shown(bob) == {}
        await home.server.play(group_id, [wish(Material(ramp(48_000), repeats=60), title="New")])
        await home.pass_s(2)
        assert shown(ann) == shown(bob) == {"title": "New"}
        await home.server.stop(group_id)
        await home.pass_s(1)
        assert shown(ann) == shown(bob) == {}


# Dialling


@pytest.mark.parametrize("how", ["fails", "succeeds", "comes back", "closes"])
async def test_removed_while_it_is_being_dialled(how: str) -> None:
    clock = FakeClock()
    answer: asyncio.Future[Transport] = asyncio.get_running_loop().create_future()
    served: list[Target] = []
    over = asyncio.Event()

    async def connect(url: str) -> Transport:
        attempts.append(url)
        return await answer

    async def serve(transport: Transport, target: Target) -> LossReason:
        served.append(target)
        await over.wait()
        return LossReason.CONNECTION_LOST

    attempts: list[str] = []
    dialer = Dialer(clock, connect=connect, serve=serve, is_connected=lambda client_id: False)
    dialer.dial("k", ["ws://192.0.2.7/sendspin"])
    await clock.sleep(SECOND)
    dialer.undial("k")
    dialer.undial("k")
    await clock.sleep(SECOND)
    assert attempts == ["ws://192.0.2.7/sendspin"]
    match how:
        case "fails":
            answer.set_exception(ConnectionRefusedError("gone"))
        case "succeeds":  # it was there after all: who is connected stays, and is not dialled again
            answer.set_result(MemoryTransport())
            await clock.sleep(SECOND)
            assert len(served) == 1
            over.set()
        case "comes back":  # one connection, not two
            dialer.dial("k", ["ws://192.0.2.7/sendspin"])
            await clock.sleep(SECOND)
            answer.set_result(MemoryTransport())
            await clock.sleep(600 * SECOND)
            assert len(served) == len(attempts) == 1
            dialer.undial("k")
            over.set()
        case _:
            await dialer.close()
    await clock.sleep(3_600 * SECOND)
    assert len(attempts) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert clock.pending == []
    await dialer.close()


# Threads


class SmallPool(GatedRunner):
    """A pool of so many threads. A read that hangs keeps one of them until its source is closed, as real ones do."""

    def __init__(self, thread_count: int) -> None:
        super().__init__()
        self._threads = asyncio.Semaphore(thread_count)
        self._hanging: Material | None = None
        self._was_closed = asyncio.Event()

    def hang(self, source: Material) -> None:
        """Let no read of this source return from now on."""
        self._hanging = source

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._threads:
            if self._hanging is not None and self._hanging.read in (call, *args):
                await self._was_closed.wait()
            if self._hanging is not None and self._hanging.close in (call, *args):
                self._was_closed.set()
            return await super().run(call, *args, **kwargs)


async def test_a_read_that_hangs_in_one_group_is_not_heard_in_another() -> None:
    pool = SmallPool(2)
    async with at_home(media=pool) as home:
        await home.join("ann")
        await home.join("bob")
        hanging, other = Material(noise(48_000), repeats=600), Material(ramp(48_000), repeats=600)
        await home.server.play(ClientId("ann"), [wish(hanging)])
        await home.server.play(ClientId("bob"), [wish(other)])
        await home.pass_s(2)
        pool.hang(hanging)
        await home.pass_s(12)  # less than there is patience for
        ann, bob = home.clients["ann"], home.clients["bob"]
        assert not any(ann.audio[-1][1])  # silence, for want of data
        assert bob.audio[-1][0] > home.clock.now() + HORIZON_US - SECOND
        assert all(abs(later - at - 25_000) <= 1 for (at, _), (later, _) in pairwise(bob.audio))
        await home.server.play(ClientId("bob"), [wish(Material(ramp(48_000), repeats=600), "new")])
        await home.pass_s(2)
        assert bob.audio[-1][0] > home.clock.now() + HORIZON_US - SECOND
        assert len(bob.got("stream/clear")) == 1
        await home.server.stop(ClientId("ann"))
        await home.pass_s(1)
        assert len(ann.got("stream/end")) == 1
        assert hanging.is_closed


# The table


def test_every_test_of_the_table_exists_and_every_one_of_this_file_is_in_it() -> None:
    def names_in(file: Path) -> set[str]:
        tree = ast.parse(file.read_text())
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_")}

    here = Path(__file__)
    table = re.findall(r"^    (\S*)::(\S+)$", __doc__ or "", re.MULTILINE)
    traps = re.findall(r"^\S.*(?=\n    \S*::)", __doc__ or "", re.MULTILINE)
    assert len(traps) == 19
    for file, name in table:
        assert name in names_in(here.parents[1] / file if file else here), (file, name)
    assert {name for file, name in table if not file} | {
        "test_every_test_of_the_table_exists_and_every_one_of_this_file_is_in_it"
    } == names_in(here)
