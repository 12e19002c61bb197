"""The media browser, asked as the frontend asks."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import MediaClass
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.resonate.local_media import list_playlists

from .helpers import Connect, entity_of
from .media_shelf import Shelf, folder, medium, put_up

LOCAL = "media-source://media_source/local"

type Browse = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def browse(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    hass_ws_client: WebSocketGenerator,
) -> Browse:
    """Asks for a folder, and returns the answer."""
    entity_id = entity_of(hass, await connect("kitchen"))
    socket = await hass_ws_client(hass)

    async def ask(media_id: str | None = None) -> dict[str, Any]:
        command = {"type": "media_player/browse_media", "entity_id": entity_id}
        if media_id is not None:
            command |= {"media_content_id": media_id, "media_content_type": "directory"}
        await socket.send_json_auto_id(command)
        answer: dict[str, Any] = await socket.receive_json()
        return answer

    return ask


def shown(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {child["title"]: child for child in answer["result"]["children"]}


async def test_the_root_shows_every_source(hass: HomeAssistant, browse: Browse) -> None:
    put_up(hass, Shelf("shelf", {"": []}))
    for media_id in (None, "media-source://"):
        answer = await browse(media_id)
        assert {child["media_content_id"] for child in answer["result"]["children"]} >= {
            "media-source://media_source",
            "media-source://shelf",
        }
        assert not answer["result"]["can_play"]
        assert shown(answer)["Shelf"]["thumbnail"] == "/api/brands/integration/shelf/logo.png"
        assert not shown(answer)["Shelf"]["can_play"]


async def test_what_cannot_be_heard_is_not_shown(browse: Browse, media_dir: Path) -> None:
    for name in ("song.mp3", "film.mp4", "cover.jpg", "a.ogg", "text.txt", ".hidden.m3u", "b.m3u", "c.m3u8", "d.xspf"):
        (media_dir / name).touch()
    answer = await browse(LOCAL)
    assert shown(answer).keys() == {"a.ogg", "song.mp3", "b.m3u", "c.m3u8", "d.xspf"}
    assert len(answer["result"]["children"]) == 5
    assert all(child["can_play"] for child in shown(answer).values())
    assert shown(answer)["c.m3u8"]["media_content_id"] == f"{LOCAL}/c.m3u8"
    assert shown(answer)["c.m3u8"]["media_class"] == "playlist"


async def test_folders_can_be_played(browse: Browse, media_dir: Path) -> None:
    (media_dir / "Album").mkdir()
    (media_dir / "Album" / "a.mp3").touch()
    (media_dir / "Lists").mkdir()
    (media_dir / "Lists" / "a.xspf").touch()
    (media_dir / "Pictures").mkdir()
    (media_dir / "Pictures" / "a.jpg").touch()
    album = shown(await browse("media-source://media_source"))["Album"]
    assert album["can_play"]
    assert album["can_expand"]
    assert album["media_content_type"] == "directory"
    for name, can_play in (("Album", True), ("Lists", True), ("Pictures", False)):
        answer = await browse(f"{LOCAL}/{name}")
        assert answer["result"]["can_play"] is can_play
        assert answer["result"]["can_search"]


async def test_folders_of_other_sources(hass: HomeAssistant, browse: Browse) -> None:
    films = folder("films", title="Films")
    films.children_media_class = MediaClass.VIDEO
    items = [
        folder("album", title="Album", media_class=MediaClass.ALBUM, media_type="music"),
        folder("engine", title="Engine", media_class=MediaClass.APP, media_type="app"),
        films,
        medium("song", title="Song", thumbnail="http://host/a.png"),
        medium("vorbis", title="Vorbis", media_type="application/ogg"),
        medium("track", title="Track", media_type="track", media_class=MediaClass.TRACK),
        medium("clip", title="Clip", media_type="music", media_class=MediaClass.VIDEO),
    ]
    put_up(hass, Shelf("shelf", {"": items}))
    children = shown(await browse("media-source://shelf"))
    assert children.keys() == {"Album", "Engine", "Films", "Song", "Vorbis", "Track"}
    assert {title for title, child in children.items() if child["can_play"]} == {"Album", "Song", "Vorbis", "Track"}
    assert children["Album"]["media_content_type"] == "album"
    assert children["Song"]["thumbnail"] == "http://host/a.png"
    assert not items[0].can_play  # it is its source's, and others browse it too
    assert items[0].media_content_type == "music"


@pytest.mark.parametrize(
    "media_id", ["nonsense", "media-source://nobody", f"{LOCAL}/gone", "media-source://media_source/elsewhere/a"]
)
async def test_what_cannot_be_browsed(browse: Browse, media_id: str) -> None:
    answer = await browse(media_id)
    assert not answer["success"]
    assert answer["error"]["message"].startswith(f"{media_id} cannot be opened: ")


def test_a_folder_that_is_gone_by_now_has_no_playlists(hass: HomeAssistant, media_dir: Path) -> None:
    assert list_playlists(hass, f"{LOCAL}/gone") == []
