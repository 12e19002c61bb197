"""Searching for media, as the frontend and voice assistants do."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.resonate import search as search_module

from .helpers import Connect, entity_of
from .media_shelf import Shelf, folder, medium, put_up

LOCAL = "media-source://media_source/local"
SHELF = "media-source://shelf"

type Search = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def search(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    hass_ws_client: WebSocketGenerator,
) -> Search:
    """Asks for words, in one place or in all, and returns the answer."""
    entity_id = entity_of(hass, await connect("kitchen"))
    socket = await hass_ws_client(hass)

    async def ask(words: str, media_id: str | None = None, *classes: str) -> dict[str, Any]:
        command: dict[str, Any] = {
            "type": "media_player/search_media",
            "entity_id": entity_id,
            "search_query": words,
            "media_filter_classes": list(classes),
        }
        if media_id is not None:
            command |= {"media_content_id": media_id, "media_content_type": "directory"}
        await socket.send_json_auto_id(command)
        answer: dict[str, Any] = await socket.receive_json()
        return answer

    return ask


@pytest.fixture
def shelf(hass: HomeAssistant) -> Shelf:
    """Can be searched; another source cannot."""
    put_up(hass, Shelf("attic", {"": [medium("blue", "attic", title="Blue")]}))
    items = [
        medium("1", title="Kind of Blue"),
        medium("2", title="Blue Train", media_type="track", media_class=MediaClass.TRACK),
        medium("3", title="Blue"),
        medium("4", title="Blue film", media_type="video/mp4", media_class=MediaClass.VIDEO),
        folder("5", title="blue", media_class=MediaClass.ALBUM, media_type="music"),
        folder("6", title="Blue app", media_class=MediaClass.APP),
        medium("7", title="Green"),
    ]
    return put_up(hass, Shelf("shelf", {"": items}, is_searchable=True))


def titles(answer: dict[str, Any]) -> list[str]:
    return [item["title"] for item in answer["result"]["result"]]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


async def test_all_sources_are_searched_and_the_best_comes_first(search: Search, shelf: Shelf, media_dir: Path) -> None:
    touch(
        media_dir, "Blue.mp3", "Deep Blue/a.mp3", "The Blue Danube.ogg", "blue.jpg", "lists/Blues.m3u", "my blue.m3u8"
    )
    answer = await search(" blue ")
    assert titles(answer) == [
        "Blue.mp3",  # what is called so; of the first source, and media before folders
        "Blue",
        "blue",
        "Blues.m3u",  # what begins so
        "Blue Train",
        "The Blue Danube.ogg",  # what has it somewhere
        "my blue.m3u8",
        "Kind of Blue",
        "Deep Blue",
    ]
    assert all(item["can_play"] for item in answer["result"]["result"])
    (album,) = (item for item in answer["result"]["result"] if item["title"] == "blue")
    assert album["media_content_type"] == "album"
    assert titles(await search("nothing of the kind")) == []


async def test_one_place_is_searched(search: Search, shelf: Shelf, media_dir: Path) -> None:
    touch(media_dir, "Blue.mp3", "Blue.xspf", "inside/Bluer.mp3", "inside/Bluest.xspf", "inside/.hidden/Blue.xspf")
    assert titles(await search("blue", SHELF)) == ["Blue", "blue", "Blue Train", "Kind of Blue"]
    assert titles(await search("blue", "media-source://media_source")) == [
        "Blue.mp3",
        "Blue.xspf",
        "Bluer.mp3",
        "Bluest.xspf",
    ]
    assert titles(await search("blue", f"{LOCAL}/inside")) == ["Bluer.mp3", "Bluest.xspf"]
    assert len(titles(await search("blue", "media-source://"))) == 8


@pytest.mark.parametrize(
    ("media_class", "expected"),
    [
        ("track", ["Blue.mp3", "Blue", "Blue Train", "Kind of Blue"]),
        ("music", ["Blue.mp3", "Blue", "Blue Train", "Kind of Blue"]),
        ("album", ["blue", "Blue album"]),
        ("artist", ["Blue album"]),
        ("playlist", ["Blue.m3u8", "Blue album"]),
        ("video", []),
    ],
)
async def test_what_class_it_is_to_be(
    search: Search, shelf: Shelf, media_dir: Path, media_class: str, expected: list[str]
) -> None:
    """A folder of files is what an album, an artist or a playlist is where there are only files."""
    touch(media_dir, "Blue.mp3", "Blue album/a.mp3", "Blue.m3u8")
    assert titles(await search("blue", None, media_class)) == expected


async def test_a_source_that_fails_takes_nothing_from_the_others(
    hass: HomeAssistant, search: Search, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = put_up(hass, Shelf("broken", {"": []}, is_searchable=True))
    for failure in (BrowseError("not now"), KeyError("a bug of theirs")):
        broken.failure = failure
        assert titles(await search("green")) == ["Green"]
    never = asyncio.Event()

    async def wait(*_: object) -> None:
        await never.wait()

    monkeypatch.setattr(broken, "async_search_media", wait)
    monkeypatch.setattr(search_module, "SOURCE_TIMEOUT_S", 0.1)
    assert titles(await search("green")) == ["Green"]


@pytest.mark.parametrize("media_id", ["media-source://attic", "media-source://nobody", "nonsense"])
async def test_what_cannot_be_searched(search: Search, shelf: Shelf, media_id: str) -> None:
    answer = await search("blue", media_id)
    assert not answer["success"]
    assert answer["error"]["message"].startswith(f"{media_id} cannot be searched: ")


async def test_there_is_an_end_to_what_is_found(hass: HomeAssistant, search: Search, media_dir: Path) -> None:
    items = [medium(str(number), title=f"Blue {number}") for number in range(300)]
    put_up(hass, Shelf("shelf", {"": items}, is_searchable=True))
    assert titles(await search("blue")) == [f"Blue {number}" for number in range(search_module.MAX_RESULTS)]
    touch(media_dir, *(f"Blue {number}.xspf" for number in range(300)))
    assert len(titles(await search("blue", LOCAL))) == search_module.MAX_RESULTS
