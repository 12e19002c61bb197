"""Home Assistant is killed while music plays, and started again: all is as it was on the disk, no older than promised.

The players are there all the time, and connect again by themselves.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
import json
from pathlib import Path
import sys
import time
from typing import Any, Final

import pytest
import pytest_socket

from custom_components.resonate.queue_store import SAVE_DELAY_S

from .audio import noise, write_wav
from .background import Background
from .house import House
from .processes import JsonProcess

ALBUM: Final = {
    "media_content_id": "media-source://media_source/local/Night Songs",
    "media_content_type": "directory",
}
SONGS: Final = ("Amber", "Birch", "Cedar")
SONG_S: Final = 180.0
"""Longer than the test takes, so that no song ends by itself."""
SEEK_S: Final = 60
SPEAKERS: Final = ("Blue Speaker", "Red Speaker", "Green Speaker")
WRITTEN_WITHIN_S: Final = SAVE_DELAY_S + 10
POLL_S: Final = 0.1

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Home Assistant with an album."""
    pytest_socket.enable_socket()
    background = Background()
    folder = tmp_path / "home-assistant"
    folder.mkdir()
    house = House(folder, background)
    (house.media / "Night Songs").mkdir(parents=True)
    song = noise(SONG_S, sample_rate=16_000, bit_depth=16)
    for name in SONGS:
        write_wav(house.media / "Night Songs" / f"{name}.wav", song, sample_rate=16_000, bit_depth=16)
    house.start()
    yield house
    house.close()
    background.close()


@pytest.fixture
def speakers(house: House, tmp_path: Path) -> Iterator[list[str]]:
    """Players that connect again when they are lost; each heard something, and all in order."""
    reports = [tmp_path / f"{name}.json" for name in SPEAKERS]
    started = []
    for name, report in zip(SPEAKERS, reports, strict=True):
        command = [sys.executable, "-m", "tests.fakes.player", "--url", house.url, "--name", name]
        command += ["--client-id", name.replace(" ", "-"), "--report", str(report)]
        started.append(JsonProcess(command, tmp_path, name))
    yield [house.entity(name) for name in SPEAKERS]
    assert [speaker.stop() for speaker in started] == [0] * len(started)
    for witnessed in (json.loads(report.read_text()) for report in reports):
        assert witnessed["bytes"] > 0
        assert witnessed["violations"] == {}


def wait_for(condition: Callable[[], bool], within_s: float) -> None:
    give_up_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(POLL_S)


def position_of(state: dict[str, Any]) -> float:
    """Return how far what is heard has come by now, in seconds."""
    attributes = state["attributes"]
    since = datetime.now(UTC) - datetime.fromisoformat(attributes["media_position_updated_at"])
    return float(attributes["media_position"] + since.total_seconds())


def titles(house: House, entity_id: str) -> list[str]:
    return [item["title"] for item in house.ask("resonate.get_queue", entity_id=entity_id)[entity_id]["items"]]


def test_killed_while_it_plays(house: House, speakers: list[str]) -> None:
    blue, red, green = speakers
    house.plays_on = True
    house.set_options()
    group = house.add_group("Downstairs", [blue, red])
    house.act("media_player.play_media", entity_id=green, media=ALBUM)
    house.wait_for(green, "playing")
    house.act("media_player.media_pause", entity_id=green)
    house.wait_for(green, "paused")
    house.act("media_player.play_media", entity_id=group, media=ALBUM)
    house.act("media_player.media_next_track", entity_id=group)
    house.act("media_player.shuffle_set", entity_id=group, shuffle=True)
    house.act("media_player.repeat_set", entity_id=group, repeat="all")
    house.wait_for(group, "playing", media_title="Birch", shuffle=True, repeat="all")
    house.act("media_player.media_seek", entity_id=group, seek_position=SEEK_S)
    playing = house.wait_for(group, "playing", media_position=SEEK_S)
    house.wait_for_members(group, blue, red)
    order = titles(house, group)
    assert sorted(order) == sorted(SONGS)

    group_id = house.command("config/entity_registry/get", entity_id=group)["unique_id"]
    wait_for(lambda: stored_position(house, group_id) >= SEEK_S, WRITTEN_WITHIN_S)
    assert house.complaints() == []
    heard = position_of(playing)
    house.kill()
    stored = stored_position(house, group_id)
    assert heard - SAVE_DELAY_S - 1 <= stored <= heard + 1

    house.start()
    resumed = house.wait_for(group, "playing", media_title="Birch", shuffle=True, repeat="all")
    assert stored - 1 <= resumed["attributes"]["media_position"] <= stored + 1
    house.wait_for_members(group, blue, red)
    house.wait_for("binary_sensor.blue_speaker_streaming", "on")
    assert titles(house, group) == order
    house.wait_for(green, "paused", queue_size=len(SONGS))
    house.wait_for_members(green, green)

    # The same once more, without the option.
    house.plays_on = False
    house.set_options()
    wait_for(lambda: not chooses_to_play_on(house), WRITTEN_WITHIN_S)
    assert house.state(group)["state"] == "playing"
    assert house.complaints() == []
    house.kill()
    house.start()
    for entity_id in (group, blue, red):
        house.wait_for(entity_id, "paused", media_title="Birch", shuffle=True, repeat="all")
        house.wait_for_members(entity_id, blue, red)
    assert titles(house, group) == order
    assert house.state(group)["attributes"]["media_position"] >= int(stored)
    house.wait_for(green, "paused")
    house.act("media_player.media_play", entity_id=group)
    house.wait_for(group, "playing", media_title="Birch")
    assert house.complaints() == []


def stored_position(house: House, group_id: str) -> float:
    """Return where a group is as the disk has it, in seconds; 0 while it is not there."""
    places = (house.stored("resonate.places") or {"places": []})["places"]
    return next((place["position_us"] / 1e6 for place in places if place["group_id"] == group_id), 0.0)


def chooses_to_play_on(house: House) -> bool:
    """Whether the option is chosen on the disk."""
    entries = house.stored("core.config_entries")["entries"]
    return any(entry["options"]["play_on"] for entry in entries if entry["domain"] == "resonate")
