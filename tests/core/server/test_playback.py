"""One playing on a loop, in virtual time: media open, read, step, deliver, end."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core.errors import CommandRefusedError, MediaOpenError
from core.step import Halted, StepResult, TrackEnded, TrackStarted
from core.stream.chunk import Chunk, PlayerOutput
from core.units import ClientId, ServerTimeUs
from tests.fakes.rig import LEAD_US, PCM_48, player, ramp, topology
from tests.fakes.stage import ANN, BOB, Material, item, request, staged

SECOND = 1_000_000


async def test_a_medium_is_heard_to_its_end_and_let_go() -> None:
    async with staged() as stage:
        material = Material(ramp(100_000))
        await stage.play(item(material))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(100_000))
        assert sorted(stage.ended) == [ANN, BOB]
        assert [type(event) for _, event in stage.events] == [TrackStarted, TrackEnded]
    assert material.is_closed


async def test_media_follow_each_other_without_a_gap() -> None:
    async with staged() as stage:
        materials = [Material(ramp(10_000, at * 10_000)) for at in range(3)]
        first, *others = materials
        await stage.play(item(first, "0"), *(request(it, str(at + 1)) for at, it in enumerate(others)))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(30_000))
        assert stage.told(TrackStarted) == stage.told(TrackEnded) == ["0", "1", "2"]
    assert all(it.is_closed for it in materials)


async def test_one_that_cannot_be_opened_is_told_and_stepped_over() -> None:
    async with staged() as stage:
        bad = Material(ramp(1), open_error=MediaOpenError("not there"))
        await stage.play(item(Material(ramp(10_000))), request(bad, "bad"), request(Material(ramp(9, 10_000)), "last"))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(10_009))
        assert [(name, str(error)) for name, error in stage.failures] == [("bad", "not there")]
    assert bad.is_closed


async def test_one_that_breaks_is_heard_as_far_as_it_goes() -> None:
    async with staged() as stage:
        broken = Material(ramp(50_000), breaks_at=24_000)
        await stage.play(item(broken, "broken"), request(Material(ramp(100, 999)), "next"))
        await stage.is_finished.wait()
        kept = len(stage.pcm()) - 100
        assert 24_000 <= kept < 50_000
        assert np.array_equal(stage.pcm()[:kept], ramp(kept))
        assert [name for name, _ in stage.failures] == ["broken"]


async def test_pause_and_resume_lose_no_frame() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(10 * 48_000))))
        await stage.clock.sleep(3 * SECOND + 7)
        stage.playback.halt()
        await stage.clock.sleep(60 * SECOND)
        (halted,) = (event for _, event in stage.events if isinstance(event, Halted))
        stage.chunks.clear()
        calls = stage.render.call_count
        await stage.clock.sleep(600 * SECOND)
        assert stage.render.call_count == calls
        resumed_at = stage.clock.now()
        stage.playback.resume()
        await stage.is_finished.wait()
        first = stage.chunks[ANN][0]
        assert first.start - resumed_at <= LEAD_US + 10_000
        assert np.array_equal(stage.pcm(), ramp(10 * 48_000)[first.frame :])
        assert halted.position_us == first.frame * SECOND // 48_000


async def test_seek_goes_on_elsewhere_after_the_lead_and_the_queue_after_it() -> None:
    async with staged() as stage:
        first = item(Material(ramp(8 * 48_000)), "first")
        await stage.play(first, request(Material(ramp(500, 3)), "second"))
        await stage.clock.sleep(4 * SECOND)  # the second is open already
        asked_at = stage.clock.now()
        stage.playback.seek(first, 7 * SECOND)
        await stage.is_finished.wait()
        assert stage.chunks[ANN][0].start - asked_at <= LEAD_US + 10_000
        assert np.array_equal(stage.pcm(), np.concatenate([ramp(48_000, 7 * 48_000), ramp(500, 3)]))
        assert stage.told(TrackStarted) == ["first", "first", "second"]
        assert stage.told(TrackEnded) == ["first", "second"]


async def test_seeks_in_a_row_end_where_the_last_one_said() -> None:
    async with staged() as stage:
        it = item(Material(ramp(100 * 48_000)))
        await stage.play(it)
        await stage.clock.sleep(SECOND)
        for position in (50, 3, 70, 99):
            stage.playback.seek(it, position * SECOND)
            await asyncio.sleep(0)
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(48_000, 99 * 48_000))


async def test_what_cannot_be_sought_refuses() -> None:
    async with staged() as stage:
        it = item(Material(ramp(48_000), is_seekable=False))
        await stage.play(it)
        with pytest.raises(CommandRefusedError):
            stage.playback.seek(it, 0)


async def test_another_medium_takes_over_and_the_old_one_is_let_go() -> None:
    async with staged() as stage:
        old, waiting = Material(ramp(100 * 48_000)), Material(ramp(5))
        await stage.play(item(old, "old"), request(waiting, "never"))
        await stage.clock.sleep(SECOND)
        await stage.play(item(Material(ramp(48_000, 5)), "new"))
        await stage.is_finished.wait()
        assert np.array_equal(stage.pcm(), ramp(48_000, 5))
        assert stage.told(TrackStarted) == stage.told(TrackEnded) == ["old", "new"]
        assert old.is_closed
        assert not waiting.read_count


async def test_closing_in_the_middle_ends_streams_and_lets_go_at_once() -> None:
    material, following = Material(ramp(100 * 48_000)), Material(ramp(5))
    async with staged() as stage:
        await stage.play(item(material), request(following))
        await stage.clock.sleep(2 * SECOND)
        before = stage.clock.now()
    assert stage.clock.now() == before
    assert sorted(stage.ended) == [ANN, BOB]
    assert material.is_closed


async def test_a_player_dropped_during_a_step_gets_nothing_of_it() -> None:
    async with staged() as stage:
        await stage.play(item(Material(ramp(100 * 48_000))))
        await stage.clock.sleep(2 * SECOND)
        before = len(stage.chunks[BOB])
        step = stage.playback._renderer.step
        made: list[Chunk] = []

        def drop_meanwhile(*args: Any) -> StepResult:
            result = step(*args)
            if not made and BOB in result.outputs:
                made.extend(result.outputs[BOB].chunks)
                stage.playback.forget_player(BOB)
                stage.playback.set_topology(topology(ann=player(PCM_48)))
            return result

        stage.playback._renderer.step = drop_meanwhile  # type: ignore[assignment, method-assign]
        await stage.clock.sleep(2 * SECOND)
        assert made
        assert len(stage.chunks[BOB]) == before
        assert all(one.end == two.start for one, two in pairwise(stage.chunks[ANN]))


async def test_an_hour_at_two_rates_has_no_gap_nothing_late_and_no_error_of_a_microsecond() -> None:
    hour = 3_600 * SECOND
    first: dict[ClientId, Chunk] = {}
    last: dict[ClientId, Chunk] = {}
    late_count = 0
    async with staged() as stage:

        def check(outputs: Mapping[ClientId, PlayerOutput]) -> None:
            nonlocal late_count
            for player_id, output in outputs.items():
                for chunk in output.chunks:
                    late_count += chunk.start <= stage.clock.now()
                    origin = first.setdefault(player_id, chunk)
                    before = last.get(player_id)
                    assert before is None or (before.end, before.frame + before.frame_count) == (
                        chunk.start,
                        chunk.frame,
                    )
                    rate = {ANN: 48_000, BOB: 44_100}[player_id]
                    assert abs(chunk.start - origin.start - (chunk.frame - origin.frame) * SECOND / rate) < 1
                    last[player_id] = chunk

        stage.playback._deliver = check  # judged as it comes: an hour of chunks is more than a gigabyte
        await stage.play(item(Material(ramp(48_000), repeats=3_600)))
        await stage.is_finished.wait()
    assert late_count == 0
    for player_id, rate in ((ANN, 48_000), (BOB, 44_100)):
        assert last[player_id].end - first[player_id].start == hour
        assert last[player_id].frame + last[player_id].frame_count - first[player_id].frame == 3_600 * rate


@pytest.mark.parametrize("late_us", [0, 1_000])
async def test_one_step_for_each_batch(late_us: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers of a real loop are late by a millisecond or so: what is due by then is no step of its own."""
    async with staged() as stage:
        call_at = stage.clock.call_at
        monkeypatch.setattr(stage.clock, "call_at", lambda at, callback: call_at(ServerTimeUs(at + late_us), callback))
        await stage.play(item(Material(ramp(32_768), repeats=100)))
        await stage.clock.sleep(5 * SECOND)
        calls = stage.render.call_count
        await stage.clock.sleep(20 * SECOND)
        assert 90 <= stage.render.call_count - calls <= 102
