"""What people say to Home Assistant's own conversation agent, which needs no cloud.

What they need for that: a player that is exposed to Assist, as new speakers are by themselves, and an area for it
where they say one. A named group is called by its name. An area with more than one player that can search is not played
to as a whole: who is asked for music there needs a name.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from .fake_client import FakeClient
from .helpers import LONG, Connect, Until, act, attribute_of, entity_of, play, state_of
from .media_files import write_wav
from .named import add_group

type Say = Callable[..., Awaitable[None]]

pytestmark = pytest.mark.usefixtures("songs")


@pytest.fixture
async def say(hass: HomeAssistant, running: MockConfigEntry, hass_ws_client: WebSocketGenerator) -> Say:
    """Says something, which must be understood and done, or must not."""
    for component in ("conversation", "intent"):
        assert await async_setup_component(hass, component, {})
    socket = await hass_ws_client(hass)

    async def process(text: str, language: str = "en", *, is_done: bool = True) -> None:
        await socket.send_json_auto_id({"type": "conversation/process", "text": text, "language": language})
        response = (await socket.receive_json())["result"]["response"]
        assert response["response_type"] == ("action_done" if is_done else "error"), response

    return process


def put_into_area(hass: HomeAssistant, client: FakeClient, name: str) -> None:
    area = ar.async_get(hass).async_get_or_create(name)
    entity = er.async_get(hass).async_get(entity_of(hass, client) or "")
    assert entity is not None
    assert entity.device_id is not None
    dr.async_get(hass).async_update_device(entity.device_id, area_id=area.id)


@pytest.fixture
async def player(hass: HomeAssistant, running: MockConfigEntry, connect: Connect) -> FakeClient:
    """The one of the kitchen; there is another one elsewhere."""
    player = await connect("player", name="Blue Speaker")
    put_into_area(hass, player, "Kitchen")
    other = await connect("other", name="Red Speaker")
    put_into_area(hass, other, "Bathroom")
    return player


@pytest.fixture
async def playing(hass: HomeAssistant, player: FakeClient, until: Until) -> FakeClient:
    """The same, with music."""
    await play(hass, LONG, player)
    await until(lambda: state_of(hass, player) == "playing")
    return player


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                "play long in the kitchen",
                "Play Long on Blue Speaker",
                "play the track long on the blue speaker",
                "play long on blue speaker in the kitchen",
            ],
        ),
        (
            "de",
            [
                "spiele long in Kitchen",
                "Spiel long auf Blue Speaker ab",
                "spiele das Lied long am Blue Speaker",
            ],
        ),
    ],
)
async def test_play_something(
    hass: HomeAssistant, player: FakeClient, say: Say, until: Until, language: str, texts: list[str]
) -> None:
    for text in texts:
        await say(text, language)
        await until(lambda: state_of(hass, player) == "playing")
        assert attribute_of(hass, player, "media_content_id") == LONG
        await act(hass, "media_stop", player)
        await until(lambda: state_of(hass, player) == "idle")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                ("pause the music in the kitchen", "resume the music in the kitchen"),
                ("pause blue speaker", "resume blue speaker"),
            ],
        ),
        (
            "de",
            [
                ("pausiere die Musik in Kitchen", "setze die Musik in Kitchen fort"),
                ("Blue Speaker pausieren", "Blue Speaker fortsetzen"),
            ],
        ),
    ],
)
async def test_pause_and_resume(
    hass: HomeAssistant, playing: FakeClient, say: Say, until: Until, language: str, texts: list[tuple[str, str]]
) -> None:
    for pause, resume in texts:
        await say(pause, language)
        await until(lambda: state_of(hass, playing) == "paused")
        await say(resume, language)
        await until(lambda: state_of(hass, playing) == "playing")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            {
                "set the kitchen volume to 30 percent": 0.3,
                "turn up the volume in the kitchen": 0.4,
                "set blue speaker volume to 50%": 0.5,
                "decrease blue speaker volume by 10 percent": 0.4,
            },
        ),
        (
            "de",
            {
                "stelle die Lautstärke in Kitchen auf 30 Prozent": 0.3,
                "mach die Musik in Kitchen lauter": 0.4,
                "stelle die Lautstärke von Blue Speaker auf 50 Prozent": 0.5,
                "Blue Speaker um 10 Prozent leiser": 0.4,
            },
        ),
    ],
)
async def test_volume(
    hass: HomeAssistant, playing: FakeClient, say: Say, until: Until, language: str, texts: dict[str, float]
) -> None:
    """A room is made louder only where something plays; that is how Home Assistant knows which of its players."""

    def is_at(volume: float) -> bool:
        return bool(attribute_of(hass, playing, "volume_level") == volume)

    for text, volume in texts.items():
        await say(text, language)
        await until(partial(is_at, volume))


@pytest.mark.parametrize(("language", "text"), [("en", "mute blue speaker"), ("de", "schalte Blue Speaker stumm")])
async def test_mute(hass: HomeAssistant, playing: FakeClient, say: Say, until: Until, language: str, text: str) -> None:
    await say(text, language)
    await until(lambda: attribute_of(hass, playing, "is_volume_muted"))


async def test_what_is_said_to_one_player_is_heard_by_its_group(
    hass: HomeAssistant, player: FakeClient, connect: Connect, say: Say, until: Until
) -> None:
    green = await connect("green", name="Green Speaker")
    await act(hass, "join", player, group_members=[entity_of(hass, green)])
    await say("play long in the kitchen")
    await until(lambda: state_of(hass, green) == "playing")
    await say("pause green speaker")
    await until(lambda: state_of(hass, player) == state_of(hass, green) == "paused")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("play long on downstairs", "set downstairs volume to 30 percent", "pause downstairs")),
        (
            "de",
            (
                "spiele long auf Downstairs",
                "stelle die Lautstärke von Downstairs auf 30 Prozent",
                "Downstairs pausieren",
            ),
        ),
    ],
)
async def test_a_named_group_is_called_by_its_name(
    hass: HomeAssistant,
    running: MockConfigEntry,
    player: FakeClient,
    connect: Connect,
    say: Say,
    until: Until,
    language: str,
    texts: tuple[str, str, str],
) -> None:
    green = await connect("green", name="Green Speaker")
    await add_group(hass, running, "Downstairs", player, green)
    asked, louder, paused = texts
    await say(asked, language)
    await until(lambda: state_of(hass, player) == state_of(hass, green) == "playing")
    await say(louder, language)
    await until(lambda: player.volume == green.volume == 30)
    await say(paused, language)
    await until(lambda: state_of(hass, player) == state_of(hass, green) == "paused")


async def test_what_is_not_there_is_not_played(hass: HomeAssistant, player: FakeClient, say: Say) -> None:
    for text in ("play nothing of the kind in the kitchen", "play long in the attic"):
        await say(text, is_done=False)
    assert state_of(hass, player) == "idle"


async def test_a_room_with_two_players_needs_a_name(
    hass: HomeAssistant, player: FakeClient, connect: Connect, say: Say, until: Until
) -> None:
    """Home Assistant plays what it found to one player only, and asks for more when there are several."""
    put_into_area(hass, await connect("green", name="Green Speaker"), "Kitchen")
    await say("play long in the kitchen", is_done=False)
    await say("play long on green speaker")


async def test_a_player_that_is_not_exposed_is_not_reached(hass: HomeAssistant, player: FakeClient, say: Say) -> None:
    entity_id = entity_of(hass, player)
    assert entity_id is not None
    async_expose_entity(hass, "conversation", entity_id, False)
    await say("play long on blue speaker", is_done=False)


async def test_an_album_is_a_folder_of_that_name(
    hass: HomeAssistant, media_dir: Path, player: FakeClient, say: Say, until: Until
) -> None:
    (media_dir / "Night Songs").mkdir()
    for name in ("one.wav", "two.wav"):
        write_wav(media_dir / "Night Songs" / name, 60)
    album = "media-source://media_source/local/Night Songs"
    for text, language in (
        ("play the album night songs in the kitchen", "en"),
        ("spiele das Album Night Songs auf Blue Speaker", "de"),
    ):
        await say(text, language)
        await until(lambda: attribute_of(hass, player, "media_content_id") == f"{album}/one.wav")
        assert attribute_of(hass, player, "queue_size") == 2
        await act(hass, "media_stop", player)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                ("next track in the kitchen", "two"),
                ("previous track in the kitchen", "one"),
                ("skip to the next song on blue speaker", "two"),
                ("previous track on blue speaker", "one"),
            ],
        ),
        (
            "de",
            [
                ("nächster Song in Kitchen", "two"),
                ("vorheriger Song in Kitchen", "one"),
                ("nächstes Lied auf Blue Speaker", "two"),
                ("vorheriges Lied auf Blue Speaker", "one"),
            ],
        ),
    ],
)
async def test_next_and_previous(
    hass: HomeAssistant,
    media_dir: Path,
    player: FakeClient,
    say: Say,
    until: Until,
    language: str,
    texts: list[tuple[str, str]],
) -> None:
    """Only while it plays; there must be something that comes next, or came before."""
    folder = media_dir / "Night Songs"
    folder.mkdir()
    for name in ("one.wav", "two.wav"):
        write_wav(folder / name, 60)
    await play(hass, "media-source://media_source/local/Night Songs", player)
    await until(lambda: state_of(hass, player) == "playing")
    for text, title in texts:
        await say(text, language)
        await until(partial(is_heard, hass, player, title))


async def test_a_playlist_is_found_by_its_name(
    hass: HomeAssistant, media_dir: Path, player: FakeClient, say: Say, until: Until
) -> None:
    """With what the list says of its songs."""
    (media_dir / "Sunday.m3u8").write_text("#EXTM3U\n#EXTINF:60,Band - Slow Song\nlong.wav\nSome Song.wav\n")
    await say("play the playlist sunday in the kitchen")
    await until(lambda: state_of(hass, player) == "playing")
    assert attribute_of(hass, player, "media_content_id") == LONG
    assert attribute_of(hass, player, "media_title") == "Slow Song"
    assert attribute_of(hass, player, "media_artist") == "Band"
    assert attribute_of(hass, player, "queue_size") == 2


def is_heard(hass: HomeAssistant, client: FakeClient, title: str) -> bool:
    return state_of(hass, client) == "playing" and bool(attribute_of(hass, client, "media_title") == title)
