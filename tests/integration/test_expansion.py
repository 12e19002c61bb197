"""What is played when somebody names a playlist, a folder, an album."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
import threading

from aiohttp import web
from homeassistant.components.media_player import MediaClass
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest

from custom_components.resonate import byte_streams, expansion
from custom_components.resonate.byte_streams import StreamOpener
from custom_components.resonate.core.errors import MediaError, MediaOpenError, UnsupportedMediaError
from custom_components.resonate.core.media.request import MediaRequest
from custom_components.resonate.expansion import async_expand
from custom_components.resonate.late_media import LateMedia
from custom_components.resonate.media import MediaOrder

from .helpers import Serve
from .media_shelf import Shelf, folder, medium, put_up

LOCAL = "media-source://media_source/local"
SHELF = "media-source://shelf"

type Expand = Callable[..., Awaitable[list[MediaOrder]]]


@pytest.fixture
async def expand(hass: HomeAssistant, media_dir: Path) -> Expand:
    """Returns what becomes of an id."""
    assert await async_setup_component(hass, "media_source", {})

    async def do(media_id: str, media_type: str = "music") -> list[MediaOrder]:
        order = MediaOrder(media_id=media_id, media_type=media_type, entity_id="media_player.kitchen")
        return await async_expand(hass, StreamOpener(hass), order)

    return do


def ids(orders: list[MediaOrder]) -> list[str]:
    return [order.media_id for order in orders]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


async def serve_texts(serve: Serve, texts: Mapping[str, str], content_type: str = "text/plain") -> str:
    async def answer(request: web.Request) -> web.StreamResponse:
        if (text := texts.get(request.path)) is None:
            raise web.HTTPNotFound
        return web.Response(text=text, content_type=content_type)

    return await serve(answer)


async def fails(expand: Expand, media_id: str, media_type: str = "music") -> str | None:
    with pytest.raises(HomeAssistantError) as caught:
        await expand(media_id, media_type)
    assert caught.value.translation_domain == "resonate"
    return caught.value.translation_key


# One medium


@pytest.mark.parametrize(
    "media_id",
    [
        "http://192.0.2.1/song.mp3",
        "http://192.0.2.1/dash.mpd",
        "http://[",
        f"{LOCAL}/song.mp3",
        f"{SHELF}/song",
        "media-source://tts/tts.x?message=Hello",
        "/local/bell.wav",
    ],
)
async def test_one_medium_stays_as_it_is(expand: Expand, media_id: str) -> None:
    (order,) = await expand(media_id)
    assert order == MediaOrder(media_id=media_id, media_type="music", entity_id="media_player.kitchen")


async def test_hls_is_one_medium(expand: Expand, media_dir: Path, serve: Serve) -> None:
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\npart.ts\n"
    address = await serve_texts(serve, {"/a.m3u8": hls, "/b.m3u": hls}, "application/vnd.apple.mpegurl")
    write(media_dir, {"c.m3u8": hls})
    for media_id in (f"{address}/a.m3u8", f"{address}/b.m3u", f"{LOCAL}/c.m3u8"):
        (order,) = await expand(media_id)
        assert (order.media_id, order.media_type) == (media_id, "application/vnd.apple.mpegurl")


async def test_a_radio_with_the_address_of_a_list_is_not_read_to_its_end(expand: Expand, serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        while True:
            await response.write(b"\xff\xfb" * 1_000)

    media_id = f"{await serve(answer)}/radio.m3u"
    assert ids(await expand(media_id)) == [media_id]


@pytest.mark.parametrize(
    ("metadata", "artwork_url", "duration_us"),
    [
        ({"thumbnail": "/api/a.png", "duration": 61.5}, "/api/a.png", 61_500_000),
        ({"imageUrl": "http://host/a.png", "duration": 0}, "http://host/a.png", None),
        ({"images": [{"url": "http://host/b.png"}, {}], "duration": "long"}, "http://host/b.png", None),
        ({"images": [], "duration": float("nan")}, None, None),
        ({"images": {"url": "x"}, "duration": 1e300}, None, None),
    ],
)
def test_what_is_told_with_a_medium(
    metadata: dict[str, object], artwork_url: str | None, duration_us: int | None
) -> None:
    order = MediaOrder.from_call("music", "http://host/a", "media_player.kitchen", {"metadata": metadata})
    assert (order.artwork_url, order.duration_us) == (artwork_url, duration_us)


# Playlists


async def test_a_playlist_in_a_folder(expand: Expand, media_dir: Path) -> None:
    write(
        media_dir,
        {
            "lists/all.m3u": "#EXTM3U\n#EXTALB:Album\n#EXTINF:12,Band - One\n../songs/one.mp3\n"
            "..\\songs\\two.flac\n../songs/two%20words.mp3\nhttp://192.0.2.1/radio\nnowhere.mp3\n"
            f"file://{media_dir}/songs/three.mp3\n{LOCAL}/songs/one.mp3\n{media_dir}/songs/unheard.of\n",
            **dict.fromkeys(
                ("songs/one.mp3", "songs/two.flac", "songs/two words.mp3", "songs/three.mp3", "songs/unheard.of"), ""
            ),
        },
    )
    orders = await expand(f"{LOCAL}/lists/all.m3u")
    assert ids(orders) == [
        f"{LOCAL}/songs/one.mp3",
        f"{LOCAL}/songs/two.flac",
        f"{LOCAL}/songs/two words.mp3",
        "http://192.0.2.1/radio",
        f"{LOCAL}/songs/three.mp3",
        f"{LOCAL}/songs/one.mp3",
        f"file://{media_dir}/songs/unheard.of",
    ]
    assert orders[0] == MediaOrder(
        media_id=f"{LOCAL}/songs/one.mp3",
        media_type="music",
        entity_id="media_player.kitchen",
        title="One",
        artist="Band",
        album="Album",
        duration_us=12_000_000,
    )


@pytest.mark.parametrize("name", ["list.pls", "list.xspf", "list.m3u8", "LIST.M3U"])
async def test_every_kind_of_list_is_known_by_its_name(expand: Expand, media_dir: Path, name: str) -> None:
    text = "[playlist]\nFile1=a.mp3\n" if name.endswith("pls") else "a.mp3\n"
    if name.endswith("xspf"):
        text = "<playlist><trackList><track><location>a.mp3</location></track></trackList></playlist>"
    write(media_dir, {name: text, "a.mp3": ""})
    assert ids(await expand(f"{LOCAL}/{name}")) == [f"{LOCAL}/a.mp3"]


async def test_a_path_is_read_where_it_is_allowed(hass: HomeAssistant, expand: Expand, tmp_path: Path) -> None:
    write(tmp_path, {"lists/a.m3u": "a.mp3", "lists/a.mp3": ""})
    path = tmp_path / "lists" / "a.m3u"
    assert await fails(expand, str(path)) == "path_not_allowed"
    hass.config.allowlist_external_dirs = {str(tmp_path / "lists")}
    for media_id in (str(path), path.as_uri()):
        assert ids(await expand(media_id)) == [(tmp_path / "lists" / "a.mp3").as_uri()]


async def test_files_elsewhere_are_not_named(expand: Expand, media_dir: Path, tmp_path: Path) -> None:
    write(tmp_path, {"secret.mp3": "", "music/ok.mp3": ""})
    (media_dir / "link.mp3").symlink_to(tmp_path / "secret.mp3")
    (media_dir / "away").symlink_to(tmp_path)
    (media_dir / "round").symlink_to(media_dir / "round")
    names = ["../secret.mp3", f"{tmp_path}/secret.mp3", f"file://{tmp_path}/secret.mp3", "link.mp3", "away/secret.mp3"]
    names += [
        "round",
        "%2e%2e/secret.mp3",
        "ftp://host/a.mp3",
        "concat:a|b",
        "file://[",
        "http://[",
        "x" * 300,
        "ok.mp3",
    ]
    write(media_dir, {"a.m3u": "\n".join(names)})
    assert ids(await expand(f"{LOCAL}/a.m3u")) == [f"{LOCAL}/ok.mp3"]


async def test_a_list_that_is_a_link_elsewhere(expand: Expand, media_dir: Path, tmp_path: Path) -> None:
    write(tmp_path, {"list.m3u": "http://192.0.2.1/a"})
    (media_dir / "a.m3u").symlink_to(tmp_path / "list.m3u")
    with pytest.raises(MediaOpenError):
        await expand(f"{LOCAL}/a.m3u")


async def test_a_media_folder_may_be_a_link(hass: HomeAssistant, expand: Expand, tmp_path: Path) -> None:
    write(tmp_path, {"disk/a.m3u": "a.mp3", "disk/a.mp3": ""})
    (tmp_path / "linked").symlink_to(tmp_path / "disk")
    hass.config.media_dirs["linked"] = str(tmp_path / "linked")
    root = "media-source://media_source/linked"
    assert ids(await expand(f"{root}/a.m3u")) == [f"{root}/a.mp3"]


async def test_a_playlist_on_a_server(hass: HomeAssistant, expand: Expand, media_dir: Path, serve: Serve) -> None:
    write(media_dir, {"song.mp3": ""})
    await hass.config.async_update(internal_url="http://192.0.2.7:8123")
    names = ["two words.mp3", "/top.mp3", "http://192.0.2.1/b.mp3?x=1", f"{media_dir}/song.mp3", f"{LOCAL}/song.mp3"]
    names += [f"file://{media_dir}/song.mp3", "http://192.0.2.7:8123/api/error_log", "http://[", "ftp://host/a"]
    text = "#EXTIMG:cover.png\n" + "\n".join(names)
    address = await serve_texts(serve, {"/a/list.m3u": text})
    orders = await expand(f"{address}/a/list.m3u?token=secret")
    assert ids(orders) == [
        f"{address}/a/two%20words.mp3",
        f"{address}/top.mp3",
        "http://192.0.2.1/b.mp3?x=1",
        f"{address}{media_dir}/song.mp3",
    ]
    assert orders[0].artwork_url == f"{address}/a/cover.png"


async def test_a_playlist_on_a_server_names_no_picture_of_ours(
    hass: HomeAssistant, expand: Expand, serve: Serve
) -> None:
    await hass.config.async_update(internal_url="http://192.0.2.7:8123")
    text = "#EXTIMG:http://192.0.2.7:8123/api/camera_proxy/camera.door\na.mp3"  # it would be fetched with our rights
    address = await serve_texts(serve, {"/list.m3u": text})
    assert [order.artwork_url for order in await expand(f"{address}/list.m3u")] == [None]


async def test_the_requests_for_a_long_list_are_made_off_the_loop(
    hass: HomeAssistant, media_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await async_setup_component(hass, "media_source", {})
    write(media_dir, {"a.mp3": "", "b.mp3": "", "list.m3u": "a.mp3\nb.mp3"})
    make, threads = LateMedia.request, []

    def request(late_media: LateMedia, order: MediaOrder) -> MediaRequest:
        threads.append(threading.current_thread())
        return make(late_media, order)

    monkeypatch.setattr(LateMedia, "request", request)
    order = MediaOrder(media_id=f"{LOCAL}/list.m3u", media_type="music", entity_id="media_player.kitchen")
    assert len(await LateMedia(hass, StreamOpener(hass)).async_requests(order)) == 2
    assert threading.main_thread() not in threads


async def test_our_own_server_may_name_what_is_on_it(hass: HomeAssistant, expand: Expand, serve: Serve) -> None:
    address = await serve_texts(serve, {"/local/list.m3u": "song.mp3"})
    await hass.config.async_update(internal_url=address)
    assert ids(await expand("/local/list.m3u")) == [f"{address}/local/song.mp3"]


async def test_addresses_are_relative_to_where_the_list_is_in_the_end(expand: Expand, serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/list.m3u":
            raise web.HTTPFound("/there/list.m3u")
        return web.Response(text="a.mp3")

    address = await serve(answer)
    assert ids(await expand(f"{address}/list.m3u")) == [f"{address}/there/a.mp3"]


async def test_a_type_says_that_it_is_a_list(hass: HomeAssistant, expand: Expand, serve: Serve) -> None:
    address = await serve_texts(serve, {"/tunein": "http://192.0.2.1/a"})
    assert ids(await expand(f"{address}/tunein")) == [f"{address}/tunein"]
    for media_type in ("playlist", "audio/x-mpegurl"):
        assert ids(await expand(f"{address}/tunein", media_type)) == ["http://192.0.2.1/a"]
    shelf = put_up(hass, Shelf("shelf", {}))
    shelf.urls["favourites"] = f"{address}/tunein", "audio/x-mpegurl"
    assert ids(await expand(f"{SHELF}/favourites", "playlist")) == ["http://192.0.2.1/a"]
    assert await fails(expand, f"{SHELF}/gone", "playlist") == "media_not_found"


async def test_lists_in_a_list_are_read_once(expand: Expand, media_dir: Path, serve: Serve) -> None:
    texts = {"/in.pls": "[playlist]\nFile1=b.mp3\nFile2=deeper.m3u\n", "/live.m3u8": "never read"}
    address = await serve_texts(serve, texts)
    text = f"a.mp3\n{address}/in.pls\n{address}/gone.m3u\n{address}/live.m3u8\nlist.m3u\nother.m3u\n"
    write(media_dir, {"list.m3u": text, "other.m3u": "c.mp3\nlist.m3u", **dict.fromkeys(("a.mp3", "c.mp3"), "")})
    assert ids(await expand(f"{LOCAL}/list.m3u")) == [
        f"{LOCAL}/a.mp3",
        f"{address}/b.mp3",
        f"{address}/live.m3u8",
        f"{LOCAL}/c.mp3",
    ]


async def test_lists_that_cannot_be_read(expand: Expand, media_dir: Path, serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(5 << 20) if request.path == "/huge.m3u" else b"\0", content_type="text/plain")

    address = await serve(answer)
    (media_dir / "binary.m3u").write_bytes(b"ID3\x04\0")
    (media_dir / "folder.m3u").mkdir()
    expected: dict[str, type[MediaError]] = {
        f"{address}/huge.m3u": UnsupportedMediaError,
        f"{address}/binary.m3u": UnsupportedMediaError,
        "http://127.0.0.1:1/a.m3u": MediaOpenError,
        f"{LOCAL}/binary.m3u": UnsupportedMediaError,
        f"{LOCAL}/gone.m3u": MediaOpenError,
        f"{LOCAL}/folder.m3u": MediaOpenError,
    }
    for media_id, error in expected.items():
        with pytest.raises(error):
            await expand(media_id)
    with pytest.raises(ServiceValidationError):
        await expand("nonsense.m3u")


async def test_a_server_that_never_ends_its_answer(
    expand: Expand, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"a.mp3\n")
        await never.wait()
        return response

    media_id = f"{await serve(answer)}/a.m3u"
    monkeypatch.setattr(expansion, "TIMEOUT_S", 0.1)
    assert await fails(expand, media_id) == "list_too_slow"
    monkeypatch.undo()
    monkeypatch.setattr(byte_streams, "OPEN_TIMEOUT_S", 0.1)
    with pytest.raises(MediaOpenError):
        await expand(media_id)


async def test_a_list_with_nothing_to_play(expand: Expand, media_dir: Path) -> None:
    write(media_dir, {"a.m3u": "#EXTM3U\nnowhere.mp3\n", "b.m3u": ""})
    for name in ("a.m3u", "b.m3u"):
        assert await fails(expand, f"{LOCAL}/{name}") == "list_empty"


# Folders


async def test_a_folder_is_played_as_it_is_shown(expand: Expand, media_dir: Path) -> None:
    names = ["b.mp3", "a.mp3", "CD 2/1.flac", "CD 1/2.ogg", "CD 1/1.ogg", "CD 1/cover.jpg", ".hidden.mp3", "film.mp4"]
    names += ["all.m3u"]
    write(media_dir, {f"Album/{name}": "a.mp3" for name in names})
    expected = [f"{LOCAL}/Album/{name}" for name in ("CD 1/1.ogg", "CD 1/2.ogg", "CD 2/1.flac", "a.mp3", "b.mp3")]
    for media_type in ("music", "", "directory", "playlist"):
        orders = await expand(f"{LOCAL}/Album", media_type)
        assert ids(orders) == expected
    assert orders[0].media_type == "audio/ogg"
    assert orders[0].title is None
    assert ids(await expand("media-source://media_source")) == expected


async def test_a_folder_of_playlists(expand: Expand, media_dir: Path) -> None:
    write(media_dir, {"lists/a.m3u": "../a.mp3", "lists/b.m3u": "\0", "lists/c.pls": "File1=../c.mp3"})
    write(media_dir, dict.fromkeys(("a.mp3", "c.mp3"), ""))
    assert ids(await expand(f"{LOCAL}/lists")) == [f"{LOCAL}/a.mp3", f"{LOCAL}/c.mp3"]


async def test_folders_with_nothing_to_play(expand: Expand, media_dir: Path) -> None:
    write(media_dir, {"pictures/a.jpg": ""})
    assert await fails(expand, f"{LOCAL}/pictures") == "list_empty"
    assert await fails(expand, "media-source://media_source/elsewhere/Album") == "media_not_found"
    assert await fails(expand, f"{LOCAL}/../Album") == "media_not_found"


async def test_an_artist_of_another_source(hass: HomeAssistant, expand: Expand) -> None:
    put_up(
        hass,
        Shelf(
            "shelf",
            {
                "": [folder("artist/1", title="Band", media_class=MediaClass.ARTIST)],
                "artist/1": [
                    folder("album/1", title="First", media_class=MediaClass.ALBUM),
                    folder("broken"),
                    medium("video", media_type="video/mp4"),
                    medium("song/9", title="Single", media_type="music"),
                ],
                "album/1": [
                    medium("song/1", title="One", thumbnail="/api/one.png"),
                    medium("song/2", title="Two", media_type="application/ogg"),
                    folder("artist/1", title="Band", media_class=MediaClass.ARTIST),
                ],
            },
        ),
    )
    orders = await expand(f"{SHELF}/artist/1", "artist")
    assert [(order.media_id, order.title, order.artist, order.album, order.artwork_url) for order in orders] == [
        (f"{SHELF}/song/1", "One", "Band", "First", "/api/one.png"),
        (f"{SHELF}/song/2", "Two", "Band", "First", None),
        (f"{SHELF}/song/9", "Single", "Band", None, None),
    ]
    assert await fails(expand, f"{SHELF}/broken", "album") == "media_not_found"


async def test_no_folder_is_gone_through_for_ever(
    hass: HomeAssistant, expand: Expand, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths = {str(depth): [medium(f"song/{depth}"), folder(str(depth + 1))] for depth in range(20)}
    put_up(hass, Shelf("shelf", depths))
    assert len(await expand(f"{SHELF}/0", "directory")) == expansion.MAX_DEPTH + 1
    monkeypatch.setattr(expansion, "MAX_ITEMS", 3)
    assert await fails(expand, f"{SHELF}/0", "directory") == "list_too_long"
    monkeypatch.setattr(expansion, "MAX_FOLDERS", 2)
    assert len(await expand(f"{SHELF}/0", "directory")) == 2


async def test_ten_thousand_songs_do_not_hold_anybody_up(expand: Expand, media_dir: Path) -> None:
    write(media_dir, {"a.mp3": "", "all.m3u": "#EXTINF:1,Band - Song\na.mp3\n" * 10_000})
    assert len(await expand(f"{LOCAL}/all.m3u")) == 10_000
    write(media_dir, {"all.m3u": "a.mp3\n" * 10_001})
    with pytest.raises(UnsupportedMediaError):
        await expand(f"{LOCAL}/all.m3u")
