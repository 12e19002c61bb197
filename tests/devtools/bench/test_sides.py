"""What runs in the server's process of the bench."""

import asyncio
from collections.abc import AsyncIterator
import gc
from typing import cast

import numpy as np
import pytest

from core.formats import STEREO, Block, Codec, StreamFormat
from core.stream.policy import SendPolicy
from core.units import ClientId
from devtools.bench.loop_watch import LoopWatch
from devtools.bench.music import RATE, SECONDS, feed_index, make_music
from devtools.bench.ours import MusicSource, make_stream
from devtools.bench.players import Offset, Tally, summary
from devtools.bench.unpaced import lift_limits

_FORMAT = StreamFormat(codec=Codec.PCM, sample_rate=RATE, channel_count=2)


def _music() -> Block:
    return np.arange(10, dtype=np.float32).reshape(5, 2)


def test_music_is_the_same_every_time() -> None:
    music = make_music()
    assert music.shape == (RATE * SECONDS, 2)
    assert np.array_equal(music, make_music())
    assert not np.array_equal(music, make_music(2))
    assert 0.02 < np.abs(music).mean() / 32768 < 0.5
    assert not np.array_equal(music[:, 0], music[:, 1])


def test_the_source_goes_round_without_a_gap() -> None:
    source = MusicSource(_music())
    source.start(source.open().sample_rate, 0)
    frames: list[float] = []
    while len(frames) < 12:
        passage = source.read(3)
        assert passage is not None
        assert passage.layout == STEREO
        assert 1 <= len(passage.block) <= 3
        frames += passage.block[:, 0].tolist()
    assert frames[:12] == [0, 2, 4, 6, 8, 0, 2, 4, 6, 8, 0, 2]


def test_the_source_of_a_burst_ends() -> None:
    source = MusicSource(_music(), seconds=7 / RATE)
    source.start(RATE, 0)
    lengths = []
    while (passage := source.read(4)) is not None:
        lengths.append(len(passage.block))
    assert lengths == [4, 1, 2]


def test_players_go_round_the_feeds() -> None:
    assert [feed_index(f"bench-{number:03}", 4) for number in (0, 1, 3, 4, 31)] == [0, 1, 3, 0, 3]
    stream = make_stream(_music(), [_music()] * 4)
    assert stream.player_channel is not None
    choices = [stream.player_channel(ClientId(f"bench-{n:03}"), _FORMAT, 7) for n in range(5)]
    assert choices == [(f"feed-{number}", 7) for number in (0, 1, 2, 3, 0)]
    assert list(stream.feeds) == [f"feed-{number}" for number in range(4)]


def test_without_feeds_all_hear_the_same() -> None:
    stream = make_stream(_music(), [])
    assert (stream.player_channel, stream.feeds) == (None, {})


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopWatch]:
    monkeypatch.setattr(asyncio.events.Handle, "_run", asyncio.events.Handle._run)  # undone at the end
    watch = LoopWatch()
    watch.install()
    yield watch
    gc.callbacks.pop()


async def test_long_callbacks_are_named(watch: LoopWatch) -> None:
    await asyncio.sleep(0)
    watch.take()
    watch.add(6_000_000, "of six", 5_000_000)
    watch.add(4_000_000, "of four")
    taken = watch.take()
    assert (taken["count"], taken["longest_ms"], taken["long"]) == (2, 6.0, [(6.0, "'of six'")])
    assert (taken["longest"], taken["longest_without_collection_ms"]) == ("'of six'", 4.0)
    await asyncio.sleep(0)
    assert watch.take()["count"] != 0


async def test_what_a_collection_takes_is_told_by_itself(watch: LoopWatch) -> None:
    await asyncio.sleep(0)
    watch.take()
    asyncio.get_running_loop().call_soon(gc.collect)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taken = watch.take()
    longest, own, collection = (
        cast(float, taken[key]) for key in ("longest_ms", "longest_without_collection_ms", "longest_collection_ms")
    )
    assert longest >= collection > own
    await asyncio.to_thread(gc.collect)  # on another thread it is no part of a callback
    assert watch.take()["longest_collection_ms"] == 0


def test_limits_are_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.server import outbox
    from core.stream import player_buffer

    monkeypatch.setattr(SendPolicy, "horizon_us", SendPolicy.horizon_us)
    monkeypatch.setattr(player_buffer, "BURST_US", player_buffer.BURST_US)
    monkeypatch.setattr(outbox, "MAX_QUEUED_US", outbox.MAX_QUEUED_US)
    lift_limits()
    hour_us = 3_600_000_000
    assert SendPolicy.BALANCED.horizon_us(50_000) == player_buffer.BURST_US == outbox.MAX_QUEUED_US == hour_us


def test_clock_errors_are_against_the_fastest_exchange() -> None:
    tally = Tally(exchanges=[(1000, 50), (1010, 60), (1400, 900)])
    assert summary(tally)["error_us"] == {"p50": 10, "p99": 400, "max": 400}
    assert "error_us" not in summary(Tally())


def test_the_offset_is_that_of_the_fastest_exchange() -> None:
    offset = Offset()
    for sample_us, round_trip_us in ((500, 80), (450, 30), (900, 70)):
        offset.add(sample_us, round_trip_us)
    assert offset.us == 450
