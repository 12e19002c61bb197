"""What a group plays to whom, and what its members and the outside are told."""

import asyncio
from dataclasses import replace
from inspect import signature
import logging

import numpy as np
import pytest

from core.errors import CommandRefusedError, FormatError, MediaError, MediaOpenError, Refusal
from core.events import MediumChanged, MetadataChanged, PlaybackEnded, Underrun
from core.protocol.messages.client_state import ClientState
from core.server.client import Client
from core.server.session import Session
from core.server.snapshot import PlaybackState
from core.stream.work import Work
from core.units import ClientId, GroupId, ServerTimeUs
from tests.fakes.house import LEAD_US, housed, wish
from tests.fakes.rig import FLAC_44, FLAC_48, OPUS_48, PCM_44, PCM_48, ramp
from tests.fakes.session import FakeSession, Progress, Update, hello
from tests.fakes.stage import Material

SECOND = 1_000_000


def test_the_fake_session_is_told_things_as_the_real_one() -> None:
    for name in ("deliver", "group_update", "metadata", "show"):
        assert signature(getattr(FakeSession, name)) == signature(getattr(Session, name))
    for name in ("hello", "state", "active_roles", "preferred_format", "stream_format", "sent_bytes", "peer"):
        assert isinstance(getattr(Session, name), property)


# A life


async def test_from_idle_to_the_end_and_what_members_are_told_of_it() -> None:
    async with housed("ann", "bob") as house:
        assert house.group.snapshot().medium is None
        await house.group.play([wish(Material(ramp(48_000)), "one", title="One"), wish(Material(ramp(4_800)), "two")])
        assert house.state() == PlaybackState.BUFFERING
        assert house.group.is_playing
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        snapshot = house.group.snapshot()
        assert snapshot.medium is not None
        assert (snapshot.medium.title, snapshot.medium.is_seekable) == ("One", True)
        assert house.group.performance.work.encoded_chunks > 0
        assert set(house.group.performance.held_bytes) == {"ann", "bob"}
        await house.clock.sleep(2 * SECOND)
        assert house.state() == PlaybackState.IDLE
        assert house.media_told() == [("one", "started"), ("one", "ended"), ("two", "started"), ("two", "ended")]
        assert [it.title for it in house.events if isinstance(it, MediumChanged)] == ["One", "One", None, None]
        assert isinstance(house.events[-1], PlaybackEnded)
        assert house.group.performance.held_bytes == {}
        assert house.group.performance.work != Work()
        for session in house.sessions.values():
            assert [update.playing for update in session.updates] == [False, True, True, True, False]
            assert session.end_count == 1
            assert session.stream_format is None
        assert np.array_equal(
            house.sessions["ann"].outputs[0].chunks[0].data, house.sessions["bob"].outputs[0].chunks[0].data
        )


async def test_nothing_to_play_pause_resume_or_seek_is_refused() -> None:
    async with housed("ann") as house:
        for refused in (
            house.group.play([]),
            house.group.pause(),
            house.group.resume(),
            house.group.seek(0),
        ):
            with pytest.raises(CommandRefusedError):
                await refused
        await house.group.stop()
        assert house.state() == PlaybackState.IDLE


async def test_what_cannot_be_opened_is_told_and_what_plays_goes_on() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        with pytest.raises(MediaOpenError):
            await house.group.play([wish(Material(ramp(5), open_error=MediaOpenError("not there")), "bad")])
        assert house.media_told()[-1] == ("bad", "failed")
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        assert not any(output.clear or output.end for output in house.sessions["ann"].outputs)


async def test_pause_and_resume_and_what_is_told_of_the_position() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(10 * SECOND + LEAD_US)
        started = house.group.snapshot().position_at
        assert started is not None
        played_us = house.clock.now() - started
        await house.group.pause()
        await house.group.pause()
        assert house.sessions["ann"].told[-1].position_us == played_us
        await house.clock.sleep(SECOND)
        snapshot = house.group.snapshot()
        assert snapshot.state == PlaybackState.PAUSED
        assert snapshot.position_us == pytest.approx(played_us, abs=30)
        assert house.sessions["ann"].told[-1] == Progress(snapshot.medium, snapshot.position_us or 0, playing=False)
        assert house.sessions["ann"].end_count == 1
        await house.group.resume()
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        assert len(house.sessions["ann"].starts) == 2
        assert house.media_told() == [("music", "started")]


async def test_whoever_comes_while_it_plays_is_told_the_position_of_now() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(20 * SECOND)
        house.add("bob", FLAC_48)
        assert house.sessions["bob"].updates == [Update(True, GroupId("g"), "Kitchen")]
        assert house.sessions["bob"].told[-1].position_us == pytest.approx(20 * SECOND, abs=LEAD_US + 10_000)
        await house.clock.sleep(SECOND)
        assert [start.format for start in house.sessions["bob"].starts] == [FLAC_48]
        assert len(house.sessions["ann"].starts) == 1


async def test_pause_and_resume_before_anything_could_be_done_goes_on() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND)
        await house.group.pause()
        await house.group.resume()
        await house.clock.sleep(2 * SECOND)
        assert house.state() == PlaybackState.PLAYING
        assert house.sessions["ann"].chunks[-1].end > house.clock.now() + SECOND


async def test_a_start_that_was_made_before_the_pause_does_not_end_it() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000)), "one"), wish(Material(ramp(48_000), repeats=9), "two")])
        await house.clock.sleep(SECOND // 2)
        run = house.render.run
        is_paused = False

        async def during_a_step(call, *args):  # type: ignore[no-untyped-def]
            nonlocal is_paused
            result = await run(call, *args)
            if not is_paused and any(event.track_id == 2 for event in result.events):
                is_paused = True
                await house.group.pause()
            return result

        house.render.run = during_a_step  # type: ignore[method-assign, assignment]
        await house.clock.sleep(5 * SECOND)
        assert is_paused
        assert house.state() == PlaybackState.PAUSED
        snapshot = house.group.snapshot()
        assert snapshot.medium is not None
        assert snapshot.medium.media_id == "two"


async def test_seek_while_playing_and_while_paused() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        await house.group.seek(30 * SECOND)
        await house.clock.sleep(SECOND)
        assert house.group.snapshot().position_us == 30 * SECOND
        await house.group.pause()
        await house.group.seek(-5)
        assert house.group.snapshot().position_us == 0
        await house.clock.sleep(SECOND)
        assert (house.state(), house.group.snapshot().position_us) == (PlaybackState.PAUSED, 0)
        await house.group.resume()
        await house.clock.sleep(SECOND // 2)
        assert np.array_equal(house.pcm("ann")[:10_000], ramp(10_000))


async def test_a_seek_and_a_pause_at_once_stay_where_was_sought() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        await house.group.seek(30 * SECOND)
        await house.group.pause()
        await house.clock.sleep(SECOND)
        assert (house.state(), house.group.snapshot().position_us) == (PlaybackState.PAUSED, 30 * SECOND)


async def test_a_medium_takes_the_place_of_another_without_an_end() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "one")])
        await house.clock.sleep(3 * SECOND)
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "two")])
        assert house.state() == PlaybackState.PLAYING
        await house.clock.sleep(SECOND)
        assert house.media_told() == [("one", "started"), ("one", "ended"), ("two", "started")]
        assert house.sessions["ann"].end_count == 0
        assert PlaybackState.IDLE not in house.states[house.states.index(PlaybackState.PLAYING) :]


async def test_another_medium_while_paused_plays_and_nothing_of_the_old_one() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "one")])
        await house.clock.sleep(3 * SECOND)
        await house.group.pause()
        await house.clock.sleep(SECOND)
        slow = Material(ramp(48_000, 9), repeats=60)
        house.media.shut(slow)
        playing = asyncio.create_task(house.group.play([wish(slow, "two")]))
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PAUSED
        house.media.open()
        await playing
        assert house.state() == PlaybackState.BUFFERING
        await house.clock.sleep(SECOND)
        assert np.array_equal(house.pcm("ann")[:9_000], ramp(9_000, 9))
        assert len(house.sessions["ann"].starts) == 2


# Races


async def test_the_latest_wish_wins_and_what_was_being_opened_is_let_go() -> None:
    async with housed("ann") as house:
        slow, quick = Material(ramp(48_000)), Material(ramp(48_000), repeats=60)
        house.media.shut(slow)
        first = asyncio.create_task(house.group.play([wish(slow, "slow")]))
        await asyncio.sleep(0)
        await house.group.play([wish(quick, "quick")])
        house.media.open()
        await first
        await house.clock.sleep(SECOND)
        assert house.media_told() == [("quick", "started")]
        assert slow.is_closed


async def test_stop_before_the_start_cancels_it() -> None:
    async with housed("ann") as house:
        slow = Material(ramp(48_000))
        house.media.shut(slow)
        playing = asyncio.create_task(house.group.play([wish(slow)]))
        await asyncio.sleep(0)
        await house.group.stop()
        house.media.open()
        await playing
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.IDLE
        assert house.sessions["ann"].outputs == []
        assert slow.is_closed


@pytest.mark.parametrize("turns", range(1, 12))
async def test_play_right_after_stop_is_heard_and_the_old_one_says_nothing_more(turns: int) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "old")])
        await house.clock.sleep(2 * SECOND + 53_000)  # a step is due: 253 ms to the first sound, and nine batches
        stopping = asyncio.create_task(house.group.stop())
        for _ in range(turns):
            await asyncio.sleep(0)
        await house.group.play([wish(Material(ramp(48_000, 5), repeats=60), "new")])
        await stopping
        await house.clock.sleep(SECOND)
        snapshot = house.group.snapshot()
        assert (snapshot.state, snapshot.medium and snapshot.medium.media_id) == (PlaybackState.PLAYING, "new")
        assert house.sessions["ann"].stream_format == PCM_48
        assert np.array_equal(house.pcm("ann")[:9_000], ramp(9_000, 5))
        assert house.group.performance.work.encoded_chunks > 40


async def test_what_an_old_playing_has_still_to_say_reaches_nobody() -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "old")])
        await house.clock.sleep(2 * SECOND)
        house.render.shut()  # its last step takes longer than the beginning of the next playing
        stopping = asyncio.create_task(house.group.stop())
        await asyncio.sleep(0)
        await house.group.play([wish(Material(ramp(48_000, 5), repeats=60), "new")])
        house.render.open()
        await stopping
        await house.clock.sleep(SECOND)
        snapshot = house.group.snapshot()
        assert (snapshot.state, snapshot.medium and snapshot.medium.media_id) == (PlaybackState.PLAYING, "new")
        assert not any(isinstance(event, PlaybackEnded) for event in house.events)
        assert house.sessions["ann"].end_count == 1


@pytest.mark.parametrize("turns", range(1, 8))
async def test_play_right_after_the_pause_of_a_live_medium_is_heard(turns: int) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60, is_live=True), "radio")])
        await house.clock.sleep(2 * SECOND)
        pausing = asyncio.create_task(house.group.pause())
        for _ in range(turns):
            await asyncio.sleep(0)
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "new")])
        await pausing
        await house.clock.sleep(SECOND)
        snapshot = house.group.snapshot()
        assert (snapshot.state, snapshot.medium and snapshot.medium.media_id) == (PlaybackState.PLAYING, "new")


async def test_others_may_come_in_between_open_and_play() -> None:
    async with housed("ann") as house:

        async def gather() -> None:
            house.add("bob")

        await house.group.play([wish(Material(ramp(48_000)))], when_open=gather)
        await house.clock.sleep(SECOND // 2)
        assert house.sessions["ann"].chunks == house.sessions["bob"].chunks


async def test_what_was_opened_in_vain_is_let_go() -> None:
    async with housed("ann") as house:
        unwanted, stopped = Material(ramp(48_000)), Material(ramp(48_000))

        async def refuse() -> None:
            raise CommandRefusedError(Refusal.NOT_READY)

        with pytest.raises(CommandRefusedError):
            await house.group.play([wish(unwanted)], when_open=refuse)
        await house.group.play([wish(stopped)], when_open=house.group.stop)
        await house.clock.sleep(SECOND)
        assert unwanted.is_closed
        assert stopped.is_closed
        assert house.state() == PlaybackState.IDLE
        assert house.sessions["ann"].outputs == []


async def test_a_live_medium_goes_on_at_its_edge_after_a_pause_and_is_never_idle_in_between() -> None:
    async with housed("ann") as house:
        radio = Material(ramp(48_000), repeats=600, is_live=True)
        await house.group.play([wish(radio, "radio")])
        await house.clock.sleep(2 * SECOND)
        seen = len(house.states)
        await house.group.pause()
        assert set(house.states[seen:]) == {PlaybackState.PAUSED}
        assert radio.is_closed
        assert house.sessions["ann"].end_count == 1
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        await house.group.pause()
        await house.group.stop()
        assert house.group.snapshot().medium is None


async def test_an_error_of_our_own_ends_streams_and_the_group_can_play_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        run = house.render.run

        async def broken(*_: object) -> None:
            raise ZeroDivisionError("ours")

        house.render.run = broken  # type: ignore[method-assign, assignment]
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.IDLE
        assert house.sessions["ann"].end_count == 1
        house.render.run = run  # type: ignore[method-assign]
        await house.group.play([wish(Material(ramp(48_000)))])
        await house.clock.sleep(SECOND // 2)
        assert house.state() == PlaybackState.PLAYING
    assert "error of our own" in caplog.text


# Media that misbehave


async def test_a_medium_that_breaks_is_told_once_and_not_as_ended() -> None:
    async with housed("ann") as house:
        await house.group.play(
            [wish(Material(ramp(48_000), breaks_at=24_000), "bad"), wish(Material(ramp(4_800)), "good")]
        )
        await house.clock.sleep(3 * SECOND)
        assert house.media_told() == [("bad", "failed"), ("good", "started"), ("good", "ended")]
        (failed, *_) = house.events
        assert isinstance(failed, MediumChanged)
        assert (failed.error, failed.message) == ("MediaDecodeError", "broken")


async def test_one_in_the_queue_that_cannot_be_opened_is_told_and_stepped_over() -> None:
    async with housed("ann") as house:
        bad = Material(ramp(5), open_error=MediaOpenError("not there"))
        await house.group.play([wish(Material(ramp(48_000)), "1"), wish(bad, "2"), wish(Material(ramp(48_000)), "3")])
        await house.clock.sleep(3 * SECOND)
        assert house.media_told() == [
            ("2", "failed"),
            ("1", "started"),
            ("1", "ended"),
            ("3", "started"),
            ("3", "ended"),
        ]
        assert len(house.sessions["ann"].starts) == house.sessions["ann"].end_count == 1


async def test_silence_for_want_of_data_is_told() -> None:
    async with housed("ann") as house:
        slow = Material(ramp(48_000), repeats=60)
        await house.group.play([wish(slow, "slow")])
        await house.clock.sleep(SECOND)
        house.media.shut(slow)
        await house.clock.sleep(12 * SECOND)
        house.media.open()
        await house.clock.sleep(SECOND)
        underruns = [event for event in house.events if isinstance(event, Underrun)]
        assert underruns
        assert {event.media_id for event in underruns} == {"slow"}
        assert house.state() == PlaybackState.PLAYING
        snapshot = house.group.snapshot()
        silence_us = sum(event.length_us for event in underruns)
        started = 1_000 * SECOND + LEAD_US + 3_000
        assert snapshot.position_us is not None
        assert snapshot.position_at is not None
        assert snapshot.position_at - started - silence_us == pytest.approx(snapshot.position_us, abs=1_000)


# Tags


async def test_what_a_radio_plays_is_told_as_it_is_heard() -> None:
    async with housed("ann") as house:
        radio = Material(ramp(48_000), repeats=60, is_live=True, titles={0: "One", 3 * 48_000: "Two"})
        await house.group.play([wish(radio, "radio", title="My radio")])
        await house.clock.sleep(3 * SECOND + LEAD_US)
        medium = house.group.snapshot().medium
        assert medium is not None
        assert (medium.title, medium.album) == ("One", "My radio")
        changed_count, update_count = house.changed_count, len(house.sessions["ann"].updates)
        await house.clock.sleep(20_000)
        medium = house.group.snapshot().medium
        assert medium is not None
        assert (medium.title, medium.album) == ("Two", "My radio")
        assert house.changed_count == changed_count + 1
        assert len(house.sessions["ann"].updates) == update_count  # nothing of the group is another
        told = house.sessions["ann"].told[-1]
        assert told.medium == medium
        assert told.playing
        assert told.position_us == pytest.approx(3 * SECOND, abs=10)
        changes = [event for event in house.events if isinstance(event, MetadataChanged)]
        assert [(event.media_id, event.title, event.album) for event in changes] == [
            ("radio", "One", "My radio"),
            ("radio", "Two", "My radio"),
        ]
        assert changes[1].at - changes[0].at == 3 * SECOND


async def test_who_joins_is_told_what_is_heard_now_and_a_pause_forgets_nothing() -> None:
    async with housed("ann") as house:
        song = Material(ramp(48_000), repeats=60, titles={0: "One", 48_000: "Two", 5 * 48_000: "Three"})
        await house.group.play([wish(song, "song")])
        await house.clock.sleep(2 * SECOND)
        house.add("bob")
        assert getattr(house.sessions["bob"].told[-1].medium, "title", None) == "Two"
        await house.group.pause()
        await house.clock.sleep(SECOND)
        assert getattr(house.group.snapshot().medium, "title", None) == "Two"
        await house.group.resume()
        await house.clock.sleep(SECOND)
        assert getattr(house.group.snapshot().medium, "title", None) == "Two"
        await house.group.seek(6 * SECOND)
        await house.clock.sleep(SECOND)
        assert getattr(house.group.snapshot().medium, "title", None) == "Three"


async def test_what_the_asker_says_stays_while_a_medium_says_but_one_thing() -> None:
    async with housed("ann") as house:
        song = Material(ramp(48_000), repeats=60, titles={0: "Its own", 48_000: "Its next"})
        await house.group.play([wish(song, "song", title="Mine")])
        await house.clock.sleep(SECOND)
        assert getattr(house.group.snapshot().medium, "title", None) == "Mine"
        assert not [event for event in house.events if isinstance(event, MetadataChanged)]
        await house.clock.sleep(SECOND)
        assert getattr(house.group.snapshot().medium, "title", None) == "Its next"


# Members


async def test_who_leaves_is_ended_and_the_others_play_on() -> None:
    async with housed("ann", "bob") as house:
        bob = house.group.members[ClientId("bob")]
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND)
        house.group.company.remove(bob)
        assert house.sessions["bob"].outputs[-1].end
        before = len(house.sessions["bob"].outputs)
        await house.clock.sleep(2 * SECOND)
        assert len(house.sessions["bob"].outputs) == before
        assert house.sessions["ann"].chunks[-1].end > house.clock.now() + SECOND
        assert list(house.group.members) == ["ann"]


async def test_one_that_lost_its_connection_gets_everything_again_when_it_is_back() -> None:
    async with housed("ann", "bob") as house:
        bob = house.group.members[ClientId("bob")]
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND)
        bob.session = None
        house.group.company.session_replaced(bob)
        await house.clock.sleep(SECOND)
        house.group.company.remove(bob)
        house.group.company.add(bob)
        session = house.connect(bob, bob.hello)
        house.group.company.session_replaced(bob)
        back_at = house.clock.now()
        await house.clock.sleep(SECOND)
        assert [start.format for start in session.starts] == [PCM_48]
        assert 0 <= session.chunks[0].start - back_at - LEAD_US <= 30_000
        assert session.updates[-1].playing


async def test_a_session_that_is_replaced_at_once_gets_its_start_and_nothing_twice() -> None:
    async with housed("ann") as house:
        ann = house.group.members[ClientId("ann")]
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND)
        session = house.connect(ann, ann.hello)
        house.group.company.session_replaced(ann)
        replaced_at = house.clock.now()
        await house.clock.sleep(SECOND)
        assert len(session.starts) == 1
        assert session.chunks[0].start >= replaced_at + LEAD_US
        starts = [chunk.start for chunk in session.chunks]
        assert starts == sorted(set(starts))


async def test_one_that_is_used_by_something_else_is_left_alone_until_it_is_back() -> None:
    async with housed("ann", "bob") as house:
        session = house.sessions["bob"]
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND + 7_000)  # not while a step runs
        session.state = ClientState(is_available=False)
        house.group.company.client_changed()
        before = len(session.outputs)
        await house.clock.sleep(2 * SECOND)
        assert len(session.outputs) == before
        session.state = ClientState(min_buffer_ms=250)
        house.group.company.client_changed()
        await house.clock.sleep(SECOND)
        assert len(session.starts) == 2


async def test_a_wish_for_another_format_is_met_and_nobody_else_notices() -> None:
    async with housed("ann") as house:
        house.add("bob", PCM_48, FLAC_44, PCM_44)
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(2 * SECOND)
        house.sessions["bob"].preferred_format = FLAC_44
        house.group.company.client_changed()
        house.group.company.client_changed()
        await house.clock.sleep(3 * SECOND)
        assert [start.format for start in house.sessions["bob"].starts] == [PCM_48, FLAC_44]
        assert len(house.sessions["ann"].starts) == 1
        house.sessions["bob"].preferred_format = OPUS_48  # not on its list
        house.group.company.client_changed()
        await house.clock.sleep(3 * SECOND)
        assert house.sessions["bob"].starts[-1].format == PCM_48


async def test_the_rate_of_the_mix_is_what_the_members_are_going_to_be_sent() -> None:
    async with housed() as house:
        house.add("ann", PCM_48, PCM_44)
        house.sessions["ann"].preferred_format = PCM_44
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        assert house.sessions["ann"].starts[0].format == PCM_44
        assert house.group.performance.work.resampled_blocks == 0


async def test_lead_and_delay_come_from_what_the_player_says() -> None:
    async with housed() as house:
        house.add("ann")
        house.sessions["ann"].state = ClientState(required_lead_time_ms=400, min_buffer_ms=300, output_delay_ms=100)
        asked_at = house.clock.now()
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        assert 0 <= house.sessions["ann"].chunks[0].start - asked_at - 500_000 <= 10_000


async def test_a_scheduled_start_is_met() -> None:
    async with housed("ann") as house:
        start_at = ServerTimeUs(house.clock.now() + 5 * SECOND)
        await house.group.play([wish(Material(ramp(48_000), repeats=60))], start_at=start_at)
        await house.clock.sleep(4 * SECOND)
        assert house.state() == PlaybackState.BUFFERING
        await house.clock.sleep(2 * SECOND)
        assert house.sessions["ann"].chunks[0].start == start_at
        assert house.group.snapshot().position_at == start_at


async def test_a_buffer_too_small_for_the_first_format_takes_the_next_that_fits() -> None:
    async with housed() as house:
        house.add("small", PCM_48, OPUS_48, capacity_bytes=6_000)
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        assert house.sessions["small"].starts[0].format == OPUS_48
        assert house.sessions["small"].chunks


async def test_one_that_cannot_be_played_to_is_said_once_and_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with housed("ann") as house:
        tiny = house.add("tiny", PCM_48, capacity_bytes=5_000)
        house.add("odd", replace(PCM_48, sample_rate=1))
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        await house.clock.sleep(SECOND)
        house.group.company.client_changed()
        house.group.company.client_changed()
        await house.clock.sleep(1)
        assert house.sessions["tiny"].outputs == house.sessions["odd"].outputs == []
        assert house.sessions["ann"].chunks
        assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
        house.connect(tiny, hello("tiny", PCM_48))
        house.group.company.session_replaced(tiny)
        await house.clock.sleep(SECOND)
        assert house.sessions["tiny"].chunks
        house.connect(tiny, hello("tiny", PCM_48, capacity_bytes=5_000))
        house.group.company.session_replaced(tiny)
        await house.clock.sleep(1)
        assert len(caplog.records) == 3


async def test_that_nobody_can_be_played_to_is_said_to_whoever_asked_and_what_plays_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with housed("ann") as house:
        await house.group.play([wish(Material(ramp(48_000), repeats=60), "old")])
        await house.clock.sleep(SECOND)
        house.group.company.remove(house.group.members[ClientId("ann")])
        house.add("tiny", PCM_48, capacity_bytes=5_000)
        house.add("odd", replace(PCM_48, sample_rate=1))
        material = Material(ramp(48_000), repeats=60)
        with pytest.raises(FormatError) as caught:
            await house.group.play([wish(material, "new")])
        assert str(caught.value) == (
            "Tiny has too small a buffer: 4500 bytes hold no format that it lists; "
            "Odd lists no format that this server can make"
        )
        assert material.is_closed
        assert house.media_told() == [("old", "started")]
        assert house.state() == PlaybackState.PLAYING
        await house.clock.sleep(1)
        assert len(caplog.records) == 2  # they came while it played
        house.add("bob")
        await house.group.play([wish(material, "new")])
        await house.clock.sleep(SECOND)
        assert house.sessions["bob"].chunks
        assert len(caplog.records) == 2


async def test_who_comes_in_between_open_and_play_can_be_played_to() -> None:
    async with housed() as house:
        house.add("tiny", PCM_48, capacity_bytes=5_000)

        async def gather() -> None:
            house.add("ann")

        await house.group.play([wish(Material(ramp(48_000), repeats=60))], when_open=gather)
        await house.clock.sleep(SECOND)
        assert house.sessions["ann"].chunks


async def test_who_is_not_there_yet_may_be_played_to_later() -> None:
    async with housed() as house:
        ann = house.add("ann", replace(PCM_48, sample_rate=1))
        house.sessions["ann"].state = None
        await house.group.play([wish(Material(ramp(48_000), repeats=60))])
        house.connect(ann, hello("ann", PCM_48))
        house.group.company.session_replaced(ann)
        await house.clock.sleep(SECOND)
        assert house.sessions["ann"].chunks


async def test_without_any_player_it_plays_all_the_same() -> None:
    async with housed() as house:
        await house.group.play([wish(Material(ramp(48_000)))])
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.PLAYING
        await house.clock.sleep(SECOND)
        assert house.state() == PlaybackState.IDLE
        assert house.media_told() == [("music", "started"), ("music", "ended")]


async def test_a_member_without_a_connection_is_a_member_like_any_other() -> None:
    async with housed("ann") as house:
        gone = Client(ClientId("gone"))
        house.group.company.add(gone)
        await house.group.play([wish(Material(ramp(48_000)))])
        await house.clock.sleep(SECOND // 2)
        assert house.group.snapshot().members == ("ann", "gone")
        house.group.company.remove(gone)
        assert house.group.snapshot().members == ("ann",)


async def test_a_client_that_plays_nothing_is_told_and_not_played_to() -> None:
    async with housed("ann") as house:
        display = Client(ClientId("display"))
        its_hello = replace(hello("display"), player=None)
        session = house.connect(display, its_hello)
        house.group.company.add(display)
        await house.group.play([wish(Material(ramp(48_000)))])
        await house.clock.sleep(SECOND)
        assert session.outputs == []
        assert [progress.playing for progress in session.told] == [False, False, True]


async def test_media_errors_of_a_live_medium_that_is_resumed_reach_whoever_asked() -> None:
    async with housed("ann") as house:
        radio = Material(ramp(48_000), repeats=600, is_live=True)
        await house.group.play([wish(radio, "radio")])
        await house.clock.sleep(SECOND)
        await house.group.pause()
        radio._open_error = MediaOpenError("off the air")
        with pytest.raises(MediaError):
            await house.group.resume()
        assert house.state() == PlaybackState.PAUSED
