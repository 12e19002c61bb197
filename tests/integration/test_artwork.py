"""Pictures of what plays: in Home Assistant, and on the displays of players."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
import io
from pathlib import Path
from typing import Any

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.resonate.artwork import find_artwork_url

from .fake_client import FakeClient
from .helpers import LONG, Connect, Until, act, attribute_of, play, state_of, unload
from .media_files import mp3, picture, with_cover, write_wav

RED = (200, 30, 40)
GREEN = (30, 180, 60)
SONG = "media-source://media_source/local/album/song.mp3"
PLAIN = "media-source://media_source/local/album/plain.wav"
ALBUM = {"source": "album", "format": "jpeg", "media_width": 64, "media_height": 64}

type Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture(autouse=True)
def _album(media_dir: Path) -> None:
    """`SONG`, which brings a red cover, `PLAIN`, which lies beside a green one, and `LONG`, which has none."""
    folder = media_dir / "album"
    folder.mkdir()
    (folder / "song.mp3").write_bytes(with_cover(mp3(20), picture(RED)))
    (folder / "Folder.PNG").write_bytes(picture(GREEN, "PNG"))
    write_wav(folder / "plain.wav", 20)
    write_wav(media_dir / "long.wav", 60)


def colour(image: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture, roughly."""
    with Image.open(io.BytesIO(image)) as opened:
        middle = opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    assert isinstance(middle, tuple)
    return next(
        (known for known in (RED, GREEN) if all(abs(a - b) < 12 for a, b in zip(known, middle, strict=True))), middle
    )


def picture_path(hass: HomeAssistant, client: FakeClient) -> str | None:
    path: str | None = attribute_of(hass, client, "entity_picture")
    return path


async def test_the_cover_that_a_file_brings_is_shown_by_every_player_of_the_group(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_client: ClientSessionGenerator,
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await act(hass, "join", kitchen, group_members=["media_player.bath"])
    assert picture_path(hass, kitchen) is None
    await play(hass, SONG, kitchen)
    browser = await hass_client()
    for client in (kitchen, bath):
        await until(lambda client=client: picture_path(hass, client) is not None)  # type: ignore[misc]
        path = picture_path(hass, client)
        assert path is not None
        response = await browser.get(path)
        assert response.status == HTTPStatus.OK
        assert response.content_type == "image/jpeg"
        assert await response.read() == picture(RED)
    await act(hass, "media_stop", kitchen)
    await until(lambda: picture_path(hass, kitchen) is None and picture_path(hass, bath) is None)


async def test_the_image_of_the_folder_and_another_for_another_medium(
    hass: HomeAssistant,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    hass_client: ClientSessionGenerator,
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, SONG, kitchen)
    await until(lambda: picture_path(hass, kitchen))
    first = picture_path(hass, kitchen)
    await play(hass, PLAIN, kitchen)
    await until(lambda: picture_path(hass, kitchen) not in (None, first))
    path = picture_path(hass, kitchen)
    assert path is not None
    response = await (await hass_client()).get(path)
    assert (response.content_type, colour(await response.read())) == ("image/png", GREEN)
    await play(hass, LONG, kitchen)
    await until(lambda: picture_path(hass, kitchen) is None)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert picture_path(hass, kitchen) is None


async def test_a_display_shows_it_scaled_and_goes_black_afterwards(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen", artwork_channels=[ALBUM])
    await play(hass, SONG, kitchen)
    await until(lambda: any(image for _, image in kitchen.images))
    channel, image = kitchen.images[-1]
    with Image.open(io.BytesIO(image)) as opened:
        assert (channel, opened.size, opened.format) == (0, (64, 64), "JPEG")
    assert colour(image) == RED
    await until(lambda: kitchen.chunk_count)  # what is stopped before has no stream to end
    await act(hass, "media_stop", kitchen)
    await until(lambda: kitchen.images[-1] == (0, b""))
    await until(lambda: "stream/end" in [kind for kind, _ in kitchen.heard])
    assert [payload for kind, payload in kitchen.heard if kind == "stream/end"] == [{"roles": ["player"]}]


@pytest.mark.parametrize("key", ["imageUrl", "images", "thumbnail", "thumb"])
async def test_the_picture_that_an_action_names_counts_most(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, serve: Serve, key: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=picture(GREEN), content_type="image/jpeg")

    kitchen = await connect("kitchen", artwork_channels=[ALBUM])
    url = f"{await serve(answer)}/cover.jpg?token=secret"
    value: Any = [{"url": url}] if key == "images" else url
    extra = {"thumb": url} if key == "thumb" else {"metadata": {key: value}}
    await play(hass, SONG, kitchen, extra=extra)
    await until(lambda: kitchen.images[-1][1])
    assert colour(kitchen.images[-1][1]) == GREEN


async def test_a_picture_that_never_ends_or_never_comes_keeps_no_audio(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, serve: Serve
) -> None:
    is_asked = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        is_asked.set()
        if request.path == "/silent":
            await asyncio.Event().wait()
        while True:
            await response.write(bytes(1 << 16))

    kitchen = await connect("kitchen")
    address = await serve(answer)
    await play(hass, SONG, kitchen, extra={"thumb": f"{address}/silent"})
    await until(lambda: state_of(hass, kitchen) == "playing")
    await is_asked.wait()
    assert picture_path(hass, kitchen) is None
    await play(hass, SONG, kitchen, extra={"thumb": f"{address}/endless"})
    await until(lambda: picture_path(hass, kitchen))
    await unload(hass, running)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://192.0.2.1/a.jpg",
        "//192.0.2.1/a.jpg",
        "http://",
        "data:image/png,x",
        "http://[",
        "x",
    ],
)
async def test_other_addresses_are_not_fetched_and_the_cover_is_shown(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, url: str
) -> None:
    kitchen = await connect("kitchen", artwork_channels=[ALBUM])
    await play(hass, SONG, kitchen, extra={"thumb": url})
    await until(lambda: kitchen.images[-1][1])
    assert colour(kitchen.images[-1][1]) == RED


async def test_a_path_of_home_assistants_own_web_server(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, serve: Serve
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/local/cover.jpg"
        return web.Response(body=picture(GREEN), content_type="image/jpeg")

    assert await async_setup_component(hass, "http", {})
    hass.config.internal_url = await serve(answer)
    kitchen = await connect("kitchen", artwork_channels=[ALBUM])
    await play(hass, SONG, kitchen, extra={"metadata": {"images": [{"url": "/local/cover.jpg"}]}})
    await until(lambda: kitchen.images[-1][1])
    assert colour(kitchen.images[-1][1]) == GREEN


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"metadata": None},
        {"metadata": "x", "thumb": 5},
        {"metadata": {"images": []}},
        {"metadata": {"images": [5, "x"], "imageUrl": ""}},
        {"metadata": {"images": {"url": "x"}}},
        {"metadata": {"images": [{"url": None}]}},
    ],
)
def test_an_action_that_names_no_picture(extra: dict[str, Any]) -> None:
    assert find_artwork_url(extra) is None
