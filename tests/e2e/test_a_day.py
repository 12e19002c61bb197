"""A day in a house: what people do with their players, on a real Home Assistant and by its interfaces alone.

Each step is one that a person could take in the interface, in an automation or by voice, in this order, and ends when
Home Assistant shows that it is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sys
from typing import Any, Final

import pytest
import pytest_socket

from .audio import noise, write_wav
from .background import Background
from .house import House
from .processes import JsonProcess

ALBUM: Final = "media-source://media_source/local/Night Songs"
SONGS: Final = ("Amber", "Birch", "Cedar")
CHIME: Final = "media-source://media_source/local/chime.wav"
ALONE: Final = ("Dusk", "Embers")
SONG_S: Final = 90.0
"""Longer than all steps take, so that no song ends by itself."""
SPEAKERS: Final = ("Blue Speaker", "Red Speaker", "Green Speaker")

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The house, and who plays in it."""

    house: House
    blue: str
    red: str
    green: str

    @property
    def all(self) -> list[str]:
        """Every player."""
        return [self.blue, self.red, self.green]

    def say(self, text: str) -> None:
        """Say something to Home Assistant, which must understand it and do it."""
        answer = self.house.command("conversation/process", text=text, language="en")
        assert answer["response"]["response_type"] == "action_done", answer

    def put_into_area(self, entity_id: str, name: str) -> None:
        """Put a player into a room."""
        entity = self.house.command("config/entity_registry/get", entity_id=entity_id)
        area = self.house.command("config/area_registry/create", name=name)
        self.house.command("config/device_registry/update", device_id=entity["device_id"], area_id=area["area_id"])


@pytest.fixture
def background() -> Iterator[Background]:
    pytest_socket.enable_socket()
    background = Background()
    yield background
    background.close()


@pytest.fixture
def house(background: Background, tmp_path: Path) -> Iterator[House]:
    """Home Assistant with its voice assistant, an album and two songs."""
    folder = tmp_path / "home-assistant"
    folder.mkdir()
    house = House(folder, background, with_assist=True)
    (house.media / "Night Songs").mkdir(parents=True)
    song = noise(SONG_S, sample_rate=16_000, bit_depth=16)
    for path in (*(f"Night Songs/{name}" for name in SONGS), *ALONE):
        write_wav(house.media / f"{path}.wav", song, sample_rate=16_000, bit_depth=16)
    write_wav(house.media / "chime.wav", noise(2.0, sample_rate=16_000, bit_depth=16), sample_rate=16_000, bit_depth=16)
    house.start()
    yield house
    house.close()


@pytest.fixture
def speakers(house: House, tmp_path: Path) -> Iterator[None]:
    """Players that connect by themselves, and again when they are lost; each heard something, and all in order."""
    reports = [tmp_path / f"{name}.json" for name in SPEAKERS]
    started = []
    for name, report in zip(SPEAKERS, reports, strict=True):
        command = [sys.executable, "-m", "tests.fakes.player", "--url", house.url, "--name", name]
        command += ["--client-id", name.replace(" ", "-"), "--report", str(report)]
        started.append(JsonProcess(command, tmp_path, name))
    yield
    assert [speaker.stop() for speaker in started] == [0] * len(started)
    for witnessed in (json.loads(report.read_text()) for report in reports):
        assert witnessed["bytes"] > 0
        assert witnessed["violations"] == {}


@pytest.fixture
def day(house: House, speakers: None) -> Day:
    blue, red, green = map(house.entity, SPEAKERS)
    return Day(house=house, blue=blue, red=red, green=green)


def test_a_day(day: Day) -> None:
    downstairs = make_a_group(day)
    play_an_album(day, downstairs)
    go_through_it(day, downstairs)
    change_the_order(day, downstairs)
    make_it_louder(day, downstairs)
    pause_and_look_why_it_is_silent(day, downstairs)
    join_a_guest(day, downstairs)
    fill_the_queue(day, downstairs)
    browse_and_search(day, downstairs)
    keep_a_queue(day, downstairs)
    automate(day, downstairs)
    say_something_in_between(day, downstairs)
    hear_something_else_for_a_while(day, downstairs)
    begin_at_an_instant(day, downstairs)
    fall_asleep(day, downstairs)
    turn_off_and_on(day, downstairs)
    use_the_voice(day, downstairs)
    restart(day, downstairs)
    assert day.house.complaints() == []


def make_a_group(day: Day) -> str:
    """Devices & services, Resonate, Add group."""
    group = day.house.add_group("Downstairs", [day.blue, day.red])
    state = day.house.wait_for(group, "idle", group_members=[day.blue, day.red])
    assert state["attributes"]["friendly_name"] == "Downstairs"
    return group


def play_an_album(day: Day, group: str) -> None:
    """A folder is played as what is in it, in its order."""
    media = {"media_content_id": ALBUM, "media_content_type": "directory"}
    day.house.act("media_player.play_media", entity_id=group, media=media)
    for entity_id in (group, day.blue, day.red):
        day.house.wait_for(entity_id, "playing", media_title="Amber", queue_position=1, queue_size=len(SONGS))
        day.house.wait_for_members(entity_id, day.blue, day.red)
    day.house.wait_for("binary_sensor.blue_speaker_streaming", "on")
    day.house.wait_for(day.green, "idle", queue_size=0)


def go_through_it(day: Day, group: str) -> None:
    """Next, seek, and previous: late in a song that leads to its beginning, early in it to the one before."""
    act, wait_for = day.house.act, day.house.wait_for
    act("media_player.media_next_track", entity_id=group)
    wait_for(day.blue, "playing", media_title="Birch", queue_position=2)
    act("media_player.media_seek", entity_id=day.red, seek_position=60)
    wait_for(group, "playing", media_position=60)
    act("media_player.media_previous_track", entity_id=group)
    wait_for(group, "playing", media_title="Birch", media_position=0)
    act("media_player.media_pause", entity_id=day.blue)
    wait_for(group, "paused")
    act("media_player.media_seek", entity_id=group, seek_position=1)
    wait_for(group, "paused", media_position=1)
    act("media_player.media_previous_track", entity_id=group)
    wait_for(group, "playing", media_title="Amber", queue_position=1)


def change_the_order(day: Day, group: str) -> None:
    """Shuffle, which keeps what is heard; in order again; repeat."""
    act, wait_for = day.house.act, day.house.wait_for
    act("media_player.shuffle_set", entity_id=group, shuffle=True)
    wait_for(day.red, "playing", shuffle=True, media_title="Amber", queue_position=1)
    act("media_player.shuffle_set", entity_id=group, shuffle=False)
    wait_for(group, shuffle=False, queue_position=1)
    for repeat in ("one", "all"):
        act("media_player.repeat_set", entity_id=group, repeat=repeat)
        wait_for(day.blue, repeat=repeat)
    act("media_player.media_pause", entity_id=group)
    act("media_player.media_seek", entity_id=group, seek_position=0)
    act("media_player.media_previous_track", entity_id=group)
    wait_for(group, "playing", media_title="Cedar", queue_position=len(SONGS))
    act("media_player.media_next_track", entity_id=group)
    wait_for(group, "playing", media_title="Amber", queue_position=1)
    act("media_player.repeat_set", entity_id=group, repeat="off")
    wait_for(group, repeat="off")


def make_it_louder(day: Day, group: str) -> None:
    """The volume of a group moves its members and keeps their differences."""
    act, wait_for = day.house.act, day.house.wait_for
    act("media_player.volume_set", entity_id=day.blue, volume_level=0.2)
    act("media_player.volume_set", entity_id=day.red, volume_level=0.6)
    wait_for(group, volume_level=0.4)
    act("media_player.volume_set", entity_id=group, volume_level=0.5)
    wait_for(day.blue, volume_level=0.3)
    wait_for(day.red, volume_level=0.7)
    act("media_player.volume_up", entity_id=day.blue)
    wait_for(day.blue, volume_level=0.4)
    act("media_player.volume_mute", entity_id=group, is_volume_muted=True)
    wait_for(day.red, is_volume_muted=True)
    wait_for("sensor.red_speaker_why_silent", "muted")
    act("media_player.volume_mute", entity_id=group, is_volume_muted=False)
    wait_for(group, is_volume_muted=False)


def pause_and_look_why_it_is_silent(day: Day, group: str) -> None:
    """Every member says the same."""
    reasons = ["sensor.blue_speaker_why_silent", "sensor.red_speaker_why_silent"]
    for action, reason in (("media_pause", "paused"), ("media_play", "playing")):
        day.house.act(f"media_player.{action}", entity_id=group)
        for entity_id in reasons:
            day.house.wait_for(entity_id, reason)


def join_a_guest(day: Day, group: str) -> None:
    """Who is joined to a named group hears what it plays; who leaves disturbs nobody."""
    day.house.act("media_player.join", entity_id=group, group_members=[day.green])
    day.house.wait_for_members(group, *day.all)
    day.house.wait_for(day.green, "playing", media_title="Amber")
    day.house.act("media_player.unjoin", entity_id=day.green)
    day.house.wait_for_members(group, day.blue, day.red)
    day.house.wait_for(day.green, "idle")
    day.house.wait_for(group, "playing", media_title="Amber")


def fill_the_queue(day: Day, group: str) -> None:
    """Put songs last and next, and hear the latter after this one; then clear it all."""
    act, wait_for = day.house.act, day.house.wait_for
    for name, enqueue in (("Dusk", "add"), ("Embers", "next")):
        media = {"media_content_id": f"media-source://media_source/local/{name}.wav", "media_content_type": "music"}
        act("media_player.play_media", entity_id=group, media=media, enqueue=enqueue)
    wait_for(group, "playing", media_title="Amber", queue_size=len(SONGS) + len(ALONE))
    for title in ("Embers", "Birch", "Cedar", "Dusk"):
        act("media_player.media_next_track", entity_id=group)
        wait_for(group, "playing", media_title=title)
    act("media_player.clear_playlist", entity_id=group)
    wait_for(group, "idle", queue_size=0)
    wait_for("binary_sensor.blue_speaker_streaming", "off")


def browse_and_search(day: Day, group: str) -> None:
    """The media browser shows what can be played, whole folders too; what is found can be played as it is."""
    ask = day.house.command
    root = ask("media_player/browse_media", entity_id=group)
    assert "media-source://media_source" in ids_of(root["children"])
    local = {"media_content_id": "media-source://media_source/local/.", "media_content_type": ""}
    folder = ask("media_player/browse_media", entity_id=group, **local)
    assert {child["title"] for child in folder["children"]} == {
        "Night Songs",
        "chime.wav",
        *(f"{name}.wav" for name in ALONE),
    }
    assert all(child["can_play"] for child in folder["children"])
    found = ask("media_player/search_media", entity_id=group, search_query="night songs")["result"]
    assert ids_of(found)[0] == ALBUM
    media = {key: found[0][key] for key in ("media_content_id", "media_content_type")}
    day.house.act("media_player.play_media", entity_id=day.green, media=media)
    day.house.wait_for(day.green, "playing", media_title="Amber", queue_size=len(SONGS))


def ids_of(items: list[dict[str, Any]]) -> list[str]:
    """Return the ids of what was browsed or found."""
    return [item["media_content_id"] for item in items]


def keep_a_queue(day: Day, group: str) -> None:
    """Look at a queue, put it in another order, keep it under a name, and let it follow somebody to another player."""
    act, wait_for = day.house.act, day.house.wait_for
    first, *_, last = day.house.ask("resonate.get_queue", entity_id=day.green)[day.green]["items"]
    assert (first["title"], last["title"]) == ("Amber", "Cedar")
    act("resonate.save_queue", entity_id=day.green, name="Sunday")
    act("resonate.move_queue_item", entity_id=day.green, queue_ids=[last["queue_id"]], destination_position=1)
    wait_for(day.green, "playing", media_title="Amber", queue_position=2)
    act("resonate.play_queue_item", entity_id=day.green, queue_id=last["queue_id"])
    wait_for(day.green, "playing", media_title="Cedar", queue_position=1)
    act("resonate.transfer_queue", entity_id=day.green, destination=group)
    wait_for(group, "playing", media_title="Cedar", queue_size=len(SONGS))
    wait_for(day.green, "idle")
    act("resonate.load_queue", entity_id=group, name="Sunday")
    wait_for(group, "playing", media_title="Amber", queue_position=1)


def automate(day: Day, group: str) -> None:
    """A script waits for the next song, and turns down a player that is in a group when it comes."""
    turn_down = [
        {
            "wait_for_trigger": [{"trigger": "resonate.track_changed", "target": {"entity_id": day.red}}],
            "timeout": 15,
            "continue_on_timeout": False,
        },
        {"condition": "resonate.is_grouped", "target": {"entity_id": day.blue}},
        {"action": "media_player.volume_set", "target": {"entity_id": day.blue}, "data": {"volume_level": 0.25}},
    ]
    skip = {"action": "media_player.media_next_track", "target": {"entity_id": group}}
    day.house.command("execute_script", sequence=[{"parallel": [{"sequence": turn_down}, skip]}])
    day.house.wait_for(group, "playing", media_title="Birch")
    day.house.wait_for(day.blue, volume_level=0.25)
    day.house.act("media_player.media_stop", entity_id=group)
    day.house.wait_for(group, "idle")
    day.house.wait_for("sensor.blue_speaker_why_silent", "ready")


def say_something_in_between(day: Day, group: str) -> None:
    """An announcement, in a room with music and in one without."""
    act, wait_for = day.house.act, day.house.wait_for
    act("media_player.media_play", entity_id=group)
    wait_for(group, "playing", media_title="Birch")
    media = {"media_content_id": CHIME, "media_content_type": "music"}
    act("media_player.play_media", entity_id=[group, day.green], media=media, announce=True)
    for entity_id in (group, day.green):
        wait_for(entity_id, "playing", media_title="chime", announcing=True)
    wait_for(group, "playing", media_title="Birch", queue_position=2, announcing=False)
    wait_for(day.green, "idle")


def hear_something_else_for_a_while(day: Day, group: str) -> None:
    """Keep how it is, play something else, and have it back: song, place and volume."""
    act, wait_for = day.house.act, day.house.wait_for
    act("media_player.media_seek", entity_id=group, seek_position=40)
    wait_for(group, "playing", media_position=40)
    volume = day.house.state(group)["attributes"]["volume_level"]
    act("resonate.snapshot", entity_id=group)
    act("media_player.volume_set", entity_id=group, volume_level=0.1)
    media = {"media_content_id": "media-source://media_source/local/Dusk.wav", "media_content_type": "music"}
    act("media_player.play_media", entity_id=group, media=media)
    wait_for(group, "playing", media_title="Dusk", queue_size=1, volume_level=0.1)
    act("resonate.restore", entity_id=group)
    state = wait_for(group, "playing", media_title="Birch", queue_size=len(SONGS), volume_level=volume)
    assert 40 <= state["attributes"]["media_position"] <= 60


def begin_at_an_instant(day: Day, group: str) -> None:
    """Two groups begin together, when they are told to."""
    instant = datetime.now(UTC) + timedelta(seconds=2)
    day.house.act(
        "resonate.play",
        entity_id=[group, day.green],
        media_content_id="media-source://media_source/local/Embers.wav",
        start_at=instant.isoformat(),
    )
    begun = []
    for entity_id in (group, day.green):
        shown = day.house.wait_for(entity_id, "playing", media_title="Embers", media_position=0)["attributes"]
        begun.append(datetime.fromisoformat(shown["media_position_updated_at"]))
    assert abs(begun[0] - begun[1]) < timedelta(milliseconds=50)  # as it is shown; in core tests, to the sample
    assert abs(begun[0] - instant) < timedelta(milliseconds=250)


def fall_asleep(day: Day, group: str) -> None:
    """It fades away and is paused; in the morning it is as loud as before."""
    volumes = [day.house.state(entity_id)["attributes"]["volume_level"] for entity_id in (day.blue, day.red)]
    day.house.act("resonate.set_sleep_timer", entity_id=group, duration={"seconds": 3}, fade={"seconds": 2})
    day.house.wait_for(group, "paused")
    for entity_id, volume in zip((day.blue, day.red), volumes, strict=True):
        day.house.wait_for(entity_id, volume_level=volume)
    day.house.act("media_player.media_stop", entity_id=day.green)


def turn_off_and_on(day: Day, group: str) -> None:
    """Who is off is left out of what its group plays."""
    act, wait_for = day.house.act, day.house.wait_for
    day.say("turn off red speaker")
    wait_for(day.red, "off")
    act("media_player.media_play", entity_id=group)
    wait_for(day.blue, "playing", media_title="Embers")
    wait_for("sensor.red_speaker_why_silent", "switched_off")
    day.say("turn on red speaker")
    wait_for(day.red, "playing", media_title="Embers")
    day.house.wait_for_members(group, day.blue, day.red)
    act("media_player.media_stop", entity_id=group)
    wait_for(group, "idle")


def use_the_voice(day: Day, group: str) -> None:
    """Speak of a player, of a room, and of a group."""
    wait_for = day.house.wait_for
    day.put_into_area(day.green, "Study")
    day.say("play dusk on green speaker")
    wait_for(day.green, "playing", media_title="Dusk")
    day.say("play the album night songs in the study")
    wait_for(day.green, "playing", media_title="Amber")
    day.say("next track in the study")
    wait_for(day.green, "playing", media_title="Birch")
    day.say("set the study volume to 30 percent")
    wait_for(day.green, volume_level=0.3)
    day.say("pause green speaker")
    wait_for(day.green, "paused")
    day.say("play embers on downstairs")
    for entity_id in (group, day.blue, day.red):
        wait_for(entity_id, "playing", media_title="Embers")
    day.say("set downstairs volume to 40 percent")
    wait_for(group, volume_level=0.4)
    day.say("pause downstairs")
    wait_for(group, "paused")


def restart(day: Day, group: str) -> None:
    """What played is paused where it was, and groups and volumes are as they were."""
    house = day.house
    media = {"media_content_id": ALBUM, "media_content_type": "directory"}
    house.act("media_player.play_media", entity_id=group, media=media)
    house.act("media_player.media_next_track", entity_id=group)
    house.wait_for(group, "playing", media_title="Birch")
    house.act("media_player.media_pause", entity_id=group)
    house.act("media_player.media_seek", entity_id=group, seek_position=30)
    house.wait_for(group, "paused", media_position=30)
    house.wait_for(day.green, "paused", media_title="Birch")
    volumes = [house.state(entity_id)["attributes"]["volume_level"] for entity_id in day.all]
    assert house.complaints() == []
    assert house.stop()[0] == 0

    house.start()
    assert [house.entity(name) for name in (*SPEAKERS, "Downstairs")] == [*day.all, group]
    for entity_id, volume in zip(day.all, volumes, strict=True):
        house.wait_for(entity_id, volume_level=volume)
    for entity_id in (group, day.blue, day.red):
        house.wait_for_members(entity_id, day.blue, day.red)
        house.wait_for(entity_id, "paused", media_title="Birch", media_position=30, queue_position=2)
    house.wait_for_members(day.green, day.green)
    house.wait_for(day.green, "paused", media_title="Birch", queue_size=len(SONGS))
    house.act("media_player.media_play", entity_id=day.red)
    house.wait_for(group, "playing", media_title="Birch")
