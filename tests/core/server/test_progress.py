"""What displays are told of what plays: at the moment it is heard, and only when something is another."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import SourceInfo
from core.units import US_PER_MS, US_PER_S, ClientId
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home, at_home
from tests.fakes.rig import noise
from tests.fakes.stage import Material

KITCHEN = ClientId("kitchen")
EXACT_US = 2 * US_PER_MS
"""Positions are told in whole ms, and what is due happens on the loop's next turn."""


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with at_home() as home:
        yield home


def song(title: str, seconds: int = 600) -> MediaRequest:
    stream = MediaStream(main=Material(noise(48_000), repeats=seconds))
    return MediaRequest(media_id=title, title=title, stream=stream)


def told(client: MemoryClient) -> list[dict[str, Any]]:
    """Return all that a display was told."""
    return [payload["metadata"] for payload in client.got("server/state")]


def position_us(client: MemoryClient, at: int) -> int:
    """Return where in the medium a display is at an instant, by the formula of protocol.md 10.1."""
    last = told(client)[-1]
    progress = last["progress"]
    return int(progress["track_progress"] * 1000 + (at - last["timestamp"]) * progress["playback_speed"] // 1000)


def speeds(client: MemoryClient) -> list[int | None]:
    return [entry["progress"] and entry["progress"]["playback_speed"] for entry in told(client)]


async def playing(home: Home, *requests: MediaRequest) -> tuple[MemoryClient, int]:
    """Have a player play; return it and the instant of the first frame."""
    client = await home.join("kitchen")
    await home.server.play(KITCHEN, requests)
    await home.pass_s(2)
    return client, client.audio[0][0]


async def test_the_position_stands_still_until_it_is_heard(home: Home) -> None:
    client = await home.join("kitchen")
    await home.server.play(KITCHEN, [song("One")])
    await home.pass_s(0.1)
    assert (told(client)[-1]["title"], speeds(client)) == ("One", [None, 0])
    await home.pass_s(2)
    assert speeds(client) == [None, 0, 1000]
    began_at = client.audio[0][0]
    assert told(client)[-1]["timestamp"] == pytest.approx(began_at, abs=EXACT_US)
    assert position_us(client, began_at + 90 * US_PER_S) == pytest.approx(90 * US_PER_S, abs=EXACT_US)


async def test_the_next_medium_is_told_as_it_is_heard(home: Home) -> None:
    client, began_at = await playing(home, song("One", 5), song("Two"))
    await home.clock.sleep_until(began_at + 5 * US_PER_S - EXACT_US)  # type: ignore[arg-type]
    assert told(client)[-1]["title"] == "One"
    await home.clock.sleep(2 * EXACT_US)
    last = told(client)[-1]
    assert last["title"] == "Two"
    assert began_at + 5 * US_PER_S <= last["timestamp"] <= home.clock.now()
    assert position_us(client, began_at + 65 * US_PER_S) == pytest.approx(60 * US_PER_S, abs=EXACT_US)


async def test_nothing_is_told_while_nothing_is_another(home: Home) -> None:
    client, began_at = await playing(home, song("One"))
    count = len(told(client))
    await home.pass_s(300)
    assert len(told(client)) == count
    assert position_us(client, home.clock.now()) == pytest.approx(home.clock.now() - began_at, abs=EXACT_US)


async def test_pause_and_resume(home: Home) -> None:
    client, began_at = await playing(home, song("One"))
    await home.server.pause(KITCHEN)
    paused_us = home.clock.now() - began_at
    await home.pass_s(60)
    assert speeds(client)[-1] == 0
    assert position_us(client, home.clock.now()) == pytest.approx(paused_us, abs=EXACT_US)
    resumed_at = home.clock.now()
    await home.server.resume(KITCHEN)
    await home.pass_s(3)
    assert speeds(client)[-1] == 1000
    resumed_first = next(stamp for stamp, _ in client.audio if stamp > resumed_at)
    assert position_us(client, resumed_first) == pytest.approx(paused_us, abs=EXACT_US)


async def test_a_seek_is_told_playing_or_paused(home: Home) -> None:
    client, _ = await playing(home, song("One"))
    sought_at = home.clock.now()
    await home.server.seek(KITCHEN, 100 * US_PER_S)
    await home.pass_s(3)
    assert sought_at < told(client)[-1]["timestamp"] <= home.clock.now()
    assert position_us(client, told(client)[-1]["timestamp"]) == pytest.approx(100 * US_PER_S, abs=EXACT_US)
    await home.server.pause(KITCHEN)
    await home.pass_s(1)
    await home.server.seek(KITCHEN, 200 * US_PER_S)
    await home.pass_s(0)
    assert speeds(client)[-1] == 0
    assert position_us(client, home.clock.now()) == 200 * US_PER_S
    await home.server.resume(KITCHEN)
    await home.pass_s(3)
    assert position_us(client, told(client)[-1]["timestamp"]) == pytest.approx(200 * US_PER_S, abs=EXACT_US)


async def test_silence_for_want_of_data_moves_the_position(home: Home) -> None:
    slow = Material(noise(48_000), repeats=600)
    client, _ = await playing(home, MediaRequest(media_id="slow", stream=MediaStream(main=slow)))
    home.media.shut(slow)
    await home.pass_s(20)
    home.media.open()
    await home.pass_s(5)
    group = home.group(home.group_of(KITCHEN))
    assert group.position_us is not None
    assert group.position_at is not None
    now = home.clock.now()
    assert position_us(client, now) == pytest.approx(group.position_us + now - group.position_at, abs=EXACT_US)
    assert position_us(client, now) < 20 * US_PER_S


class Tagged(Material):
    """A source that says all that can be said of a song."""

    def open(self) -> SourceInfo:
        return replace(
            super().open(),
            title="Song",
            artist="Band",
            album="Record",
            album_artist="Various",
            year=1999,
            track=3,
            duration_us=600 * US_PER_S,
        )


async def test_all_that_is_known_is_told(home: Home) -> None:
    stream = MediaStream(main=Tagged(noise(48_000), repeats=600))
    client, _ = await playing(home, MediaRequest(media_id="song", stream=stream))
    last = told(client)[-1]
    assert {key: last[key] for key in ("title", "artist", "album", "album_artist", "year", "track")} == {
        "title": "Song",
        "artist": "Band",
        "album": "Record",
        "album_artist": "Various",
        "year": 1999,
        "track": 3,
    }
    assert last["progress"]["track_duration"] == 600_000
    medium = home.group(home.group_of(KITCHEN)).medium
    assert medium is not None
    assert (medium.album_artist, medium.year, medium.track) == ("Various", 1999, 3)


async def test_the_end_is_told(home: Home) -> None:
    client, _ = await playing(home, song("One", 3))
    await home.pass_s(10)
    last = told(client)[-1]
    assert (last["title"], last["progress"]) == (None, None)
    assert last["timestamp"] <= home.clock.now()


async def test_nothing_is_stamped_with_the_future(home: Home) -> None:
    client = await home.join("kitchen")
    await home.server.play(KITCHEN, [song("One", 5), song("Two", 5)])
    for _ in range(200):
        assert all(entry["timestamp"] <= home.clock.now() for entry in told(client)[-1:])
        await home.pass_s(0.1)
    assert [entry["title"] for entry in told(client)] == [None, "One", "One", "Two", None]
