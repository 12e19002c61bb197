"""Radio that breaks off and comes back, in virtual time: opened again while the playing goes on."""

import asyncio
from collections.abc import Callable
import io
from itertools import pairwise
import wave

import numpy as np
import pytest

from core.errors import MediaDecodeError, MediaError, MediaOpenError
from core.media.request import MediaRequest
from core.server.item import Item
from core.step import Halted, TrackEnded, TrackStarted, TrackStarved
from core.units import ServerTimeUs
from tests.fakes.rig import ramp
from tests.fakes.stage import Material, Stage, item, request, staged

SECOND = 1_000_000


class Bytes(io.BytesIO):
    """A connection that gives these bytes and then breaks, or ends."""

    def __init__(self, data: bytes, error: MediaError | None) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data and self._error is not None:
            raise self._error
        return data


class Station:
    """A radio station: each connection gives so many seconds of a constant, as long as it is there."""

    def __init__(self, stage: Stage, *, error: MediaError | None = None, sample_rates: tuple[int, ...] = ()) -> None:
        self._clock = stage.clock
        self._error = error
        self._sample_rates = list(sample_rates)
        self.is_there = True
        self.is_empty = False
        self.calls: list[ServerTimeUs] = []
        self.given: list[Bytes] = []

    def connect(self) -> Bytes:
        self.calls.append(self._clock.now())
        if not self.is_there:
            raise MediaOpenError("nobody there")
        sample_rate = self._sample_rates.pop(0) if self._sample_rates else 48_000
        target = io.BytesIO()
        with wave.open(target, "wb") as writer:
            writer.setnchannels(2)
            writer.setsampwidth(2)
            writer.setframerate(sample_rate)
            writer.writeframes(b"" if self.is_empty else np.full((4 * sample_rate, 2), 8_000, "<i2").tobytes())
        self.given.append(Bytes(target.getvalue(), self._error))
        return self.given[-1]

    def item(self, *, is_live: bool = True) -> Item:
        return Item(self.request(is_live=is_live))

    def request(self, *, is_live: bool = True) -> MediaRequest:
        return MediaRequest(media_id="radio", location=self.connect, is_live=is_live)


def seconds_between(instants: list[ServerTimeUs]) -> list[int]:
    return [round((after - before) / SECOND) for before, after in pairwise(instants)]


@pytest.mark.parametrize("error", [None, MediaDecodeError("broke off")])
async def test_a_radio_that_breaks_off_comes_back_with_one_silence_and_no_stream_ends(error: MediaError | None) -> None:
    async with staged() as stage:
        station = Station(stage, error=error, sample_rates=(48_000, 44_100))
        await stage.play(station.item())
        station.is_there = False
        await stage.clock.sleep(20 * SECOND)
        assert seconds_between(station.calls) == [1, 2, 4, 8]
        station.is_there = True
        await stage.clock.sleep(20 * SECOND)
        assert stage.told(TrackStarted) == ["radio"]
        (silence,) = (event for _, event in stage.events if isinstance(event, TrackStarved))
        assert 24 * SECOND < silence.length_us < 30 * SECOND
        assert silence.position_us == pytest.approx(4 * SECOND, abs=50_000)
        assert not stage.ended
        assert not stage.failures
        pcm = stage.pcm()[:, 0]
        assert np.count_nonzero(pcm) > 10 * 48_000
        assert pcm[-48_000:] == pytest.approx(8_000 / 32_768, abs=0.001)


async def test_what_comes_back_soon_enough_is_not_missed() -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item())
        await stage.clock.sleep(60 * SECOND)
        assert 14 <= len(station.calls) <= 20  # four seconds each, read ahead by five
        assert stage.told(TrackStarted) == ["radio"]
        assert not stage.told(TrackStarved)
        assert all(connection.closed for connection in station.given[:-1])
    assert station.given[-1].closed


@pytest.mark.parametrize("is_empty", [True, False])
async def test_after_five_minutes_without_audio_it_fails_and_what_follows_is_heard(is_empty: bool) -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item(), request(Material(ramp(48_000)), "next"))
        station.is_there, station.is_empty = is_empty, is_empty
        begun_at = stage.clock.now()
        await stage.is_finished.wait()
        assert seconds_between(station.calls[1:])[:7] == [2, 4, 8, 16, 30, 30, 30]
        assert station.calls[-1] - begun_at == pytest.approx(300 * SECOND, abs=SECOND)
        ((name, error),) = stage.failures
        assert name == "radio"
        assert isinstance(error, MediaError)
        assert is_empty or str(error) == "nobody there"
        assert stage.told(TrackStarted) == ["radio", "next"]
        assert np.array_equal(stage.pcm()[-48_000:], ramp(48_000))


async def test_a_pause_while_it_is_away_acts_at_once() -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item())
        station.is_there = False
        await stage.clock.sleep(40 * SECOND)
        stage.playback.halt()
        await stage.clock.sleep(1_000)
        assert len(stage.told(Halted)) == len(stage.told(TrackStarved)) == 1
        assert sorted(stage.ended) == ["ann", "bob"]


async def test_a_stop_while_it_is_away_waits_for_nothing() -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item())
        station.is_there = False
        await stage.clock.sleep(40 * SECOND)
        asked_at, calls = stage.clock.now(), len(station.calls)
        await stage.playback.close()
        assert stage.clock.now() == asked_at
        await stage.clock.sleep(100 * SECOND)
        assert len(station.calls) == calls
        assert not stage.failures


async def test_another_medium_while_it_is_away_is_heard_at_once_and_it_is_not_called_any_more() -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item())
        station.is_there = False
        await stage.clock.sleep(40 * SECOND)
        await stage.play(item(Material(ramp(48_000)), "other"))
        asked_at, calls = stage.clock.now(), len(station.calls)
        await stage.is_finished.wait()
        assert stage.clock.now() - asked_at < 2 * SECOND
        assert len(station.calls) == calls
        assert np.array_equal(stage.pcm(), ramp(48_000))


async def test_a_stop_while_it_is_on_its_way_back_lets_go_of_it() -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(station.item())
        await stage.clock.sleep(SECOND // 2)
        stage.media.shut()
        await stage.clock.sleep(10 * SECOND)
        closing = asyncio.create_task(stage.playback.close())
        await stage.clock.sleep(1_000)
        assert not closing.done()
        stage.media.open()
        await closing
        assert all(connection.closed for connection in station.given)


def a_file(station: Station) -> Item:
    return station.item(is_live=False)


def of_bytes(station: Station) -> Item:
    return Item(MediaRequest(location=station.connect().getvalue(), is_live=True))


@pytest.mark.parametrize("make", [a_file, of_bytes])
async def test_what_is_not_live_or_cannot_change_ends_where_it_ends(make: Callable[[Station], Item]) -> None:
    async with staged() as stage:
        station = Station(stage)
        await stage.play(make(station))
        await stage.is_finished.wait()
        assert len(station.calls) == 1
        assert not stage.failures
        assert len(stage.told(TrackEnded)) == 1
        assert len(stage.pcm()) == 4 * 48_000


async def test_a_radio_that_was_never_there_fails_at_once() -> None:
    async with staged() as stage:
        station = Station(stage)
        station.is_there = False
        await stage.play(item(Material(ramp(48_000))), station.request())
        await stage.is_finished.wait()
        assert len(station.calls) == 1
        assert [str(error) for _, error in stage.failures] == ["nobody there"]
