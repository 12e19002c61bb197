"""What a person does with a player: play, pause, seek, stop, volume."""

from pathlib import Path

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import Connect, Until, act, attribute_of, play, state_of
from .media_files import write_wav

SONG = "media-source://media_source/local/Some Song.wav"


async def test_a_local_file_is_played_to_its_end(
    hass: HomeAssistant, media_dir: Path, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    write_wav(media_dir / "Some Song.wav", 0.5)
    kitchen = await connect("kitchen")
    assert state_of(hass, kitchen) == "idle"
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_content_id") == SONG
    assert attribute_of(hass, kitchen, "media_title") == "Some Song"
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert attribute_of(hass, kitchen, "media_content_id") is None
    assert kitchen.streams == ["stream/start", "stream/end"]
    assert kitchen.byte_count == 48_000 // 2 * 4
