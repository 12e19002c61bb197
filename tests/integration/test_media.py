"""Where media come from: files, URLs, speech; and what becomes of bad ones."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from aiohttp import web
from homeassistant.components import tts
from homeassistant.components.tts import TextToSpeechEntity, TTSAudioRequest, TTSAudioResponse
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate import byte_streams
from custom_components.resonate.byte_streams import StreamOpener
from custom_components.resonate.media import MediaOrder, async_make_request, name_of

from .fake_client import FakeClient
from .helpers import Connect, Serve, Until, act, attribute_of, entity_of, play, state_of
from .media_files import mp3, wav, write_wav

SECOND_BYTES = 48_000 * 4  # as the player is sent it


@pytest.fixture
async def kitchen(media_dir: Path, running: MockConfigEntry, connect: Connect) -> FakeClient:
    return await connect("kitchen")


async def fails(hass: HomeAssistant, media_id: str, client: FakeClient) -> HomeAssistantError:
    with pytest.raises(HomeAssistantError) as caught:
        await play(hass, media_id, client)
    assert caught.value.translation_domain == "resonate"
    assert state_of(hass, client) == "idle"
    return caught.value


async def test_a_url_is_fetched(hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=wav(1), content_type="audio/wav")

    address = await serve(answer)
    await play(hass, f"{address}/My%20Song.wav?token=secret", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_title") == "My Song"
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert kitchen.byte_count == SECOND_BYTES


async def test_a_url_that_gives_ranges_is_sought(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until, tmp_path: Path
) -> None:
    file = write_wav(tmp_path / "song.wav", 120)
    ranges: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        ranges.append(request.headers.get("Range"))
        return web.FileResponse(file)

    await play(hass, f"{await serve(answer)}/song.wav", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_duration") == 120
    await act(hass, "media_seek", kitchen, seek_position=118)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 118)
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert ranges[0] is None
    assert any(asked is not None and int(asked.removeprefix("bytes=").removesuffix("-")) > 11e6 for asked in ranges)


async def test_a_connection_that_broke_is_taken_up_again(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until
) -> None:
    body = wav(2)
    asked: list[str | None] = []
    is_heard = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Range"))
        begin = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        status = 206 if begin else 200
        response = web.StreamResponse(status=status, headers={"Accept-Ranges": "bytes"})
        response.content_length = len(body) - begin
        await response.prepare(request)
        end = len(body) if begin else len(body) // 2
        await response.write(body[begin:end])
        if not begin:
            await is_heard.wait()
            assert request.transport is not None
            request.transport.close()
        return response

    await play(hass, f"{await serve(answer)}/song.wav", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    is_heard.set()
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert kitchen.byte_count == 2 * SECOND_BYTES
    assert asked == [None, f"bytes={len(body) // 2}-"]


async def test_a_radio_without_an_end_is_played_and_stopped(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until
) -> None:
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
        await response.prepare(request)
        piece = mp3(5)
        try:
            while True:
                await response.write(piece)
        finally:
            gone.set()

    await play(hass, f"{await serve(answer)}/radio", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_duration") is None
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")
    async with asyncio.timeout(5):
        await gone.wait()


async def test_what_a_radio_plays_is_shown_as_it_is_heard(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Icy-MetaData"] == "1"
        response = web.StreamResponse(headers={"icy-metaint": "4000", "icy-name": "Some Radio"})
        await response.prepare(request)
        audio = mp3(1)
        audio = (audio[audio.index(b"\xff\xfb") :] * 3)[:4_000]
        for title in ("Band - One", "Two", *[None] * 20):
            text = b"" if title is None else f"StreamTitle='{title}';".encode()
            units = -(-len(text) // 16)
            await response.write(audio + bytes([units]) + text.ljust(16 * units, b"\0"))
        await asyncio.sleep(10)
        return response

    shown: list[tuple[str | None, ...]] = []

    def titles() -> list[tuple[str | None, ...]]:
        names = ("media_title", "media_artist", "media_album_name")
        now = tuple(attribute_of(hass, kitchen, name) for name in names)
        if state_of(hass, kitchen) == "playing" and now not in shown:
            shown.append(now)
        return shown

    radio = {"metadata": {"title": "My radio"}}
    await play(hass, f"{await serve(answer)}/radio", kitchen, extra=radio)
    await until(lambda: ("Two", None, "My radio") in titles())
    assert shown[-2:] == [("One", "Band", "My radio"), ("Two", None, "My radio")]
    await act(hass, "media_stop", kitchen)


@pytest.mark.parametrize("status", [404, 500])
async def test_a_url_that_answers_with_an_error(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, status: int
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    error = await fails(hass, f"{await serve(answer)}/song.mp3", kitchen)
    assert error.translation_key == "media_not_opened"
    assert str(status) in str(error)


async def test_a_url_where_nobody_is(hass: HomeAssistant, kitchen: FakeClient, serve: Serve) -> None:
    error = await fails(hass, "http://127.0.0.1:1/song.mp3?token=secret", kitchen)
    assert error.translation_key == "media_not_opened"
    assert "secret" not in str(error)


async def test_a_url_that_never_answers(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_streams, "OPEN_TIMEOUT_S", 0.2)

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    error = await fails(hass, f"{await serve(answer)}/song.mp3", kitchen)
    assert error.translation_key == "media_not_opened"


async def test_a_url_that_stalls_is_heard_up_to_there(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_streams, "READ_TIMEOUT_S", 0.5)
    body = wav(4)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body[: 44 + SECOND_BYTES // 2])
        await asyncio.sleep(20)
        return response

    await play(hass, f"{await serve(answer)}/song.wav", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert kitchen.byte_count == SECOND_BYTES


async def test_what_holds_no_sound(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, media_dir: Path, until: Until
) -> None:
    (media_dir / "text.mp3").write_text("This is not music at all. " * 100)
    error = await fails(hass, "media-source://media_source/local/text.mp3", kitchen)
    assert error.translation_key == "media_not_supported"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"nothing to hear" * 100)

    error = await fails(hass, f"{await serve(answer)}/song.mp3", kitchen)
    assert error.translation_key == "media_not_supported"


async def test_what_plays_goes_on_when_the_next_cannot_be_opened(
    hass: HomeAssistant, kitchen: FakeClient, media_dir: Path, until: Until
) -> None:
    write_wav(media_dir / "long.wav", 60)
    await play(hass, "media-source://media_source/local/long.wav", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    with pytest.raises(HomeAssistantError):
        await play(hass, "http://127.0.0.1:1/song.mp3", kitchen)
    assert state_of(hass, kitchen) == "playing"


@pytest.mark.parametrize("form", ["{}", "file://{}"])
async def test_files_only_where_they_are_allowed(
    hass: HomeAssistant, kitchen: FakeClient, tmp_path: Path, until: Until, form: str
) -> None:
    song = write_wav(tmp_path / "song.wav", 1)
    with pytest.raises(ServiceValidationError) as caught:
        await play(hass, form.format(song), kitchen)
    assert caught.value.translation_key == "path_not_allowed"
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await play(hass, form.format(song), kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")


async def test_paths_of_the_web_server_are_fetched_from_it(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.rel_url))
        return web.Response(body=wav(0.5))

    await hass.config.async_update(internal_url=await serve(answer))
    for path in ("/local/bell.wav", "/api/bell.wav"):
        await play(hass, path, kitchen)
        await until(lambda: state_of(hass, kitchen) == "playing")
        await until(lambda: state_of(hass, kitchen) == "idle")
    assert asked[0] == "/local/bell.wav"
    assert asked[1].startswith("/api/bell.wav?authSig=")


@pytest.mark.parametrize(
    "media_id", ["nonsense", "ftp://127.0.0.1/song.mp3", "concat:a|b", "http://[", "http:///song.mp3"]
)
async def test_ids_that_cannot_be_right(hass: HomeAssistant, kitchen: FakeClient, media_id: str) -> None:
    error = await fails(hass, media_id, kitchen)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "media_id_unknown"


@pytest.mark.parametrize("media_id", ["media-source://nobody/song", "media-source://media_source/elsewhere/song.wav"])
async def test_media_sources_that_lead_nowhere(hass: HomeAssistant, kitchen: FakeClient, media_id: str) -> None:
    assert (await fails(hass, media_id, kitchen)).translation_key == "media_not_found"


async def test_a_file_that_is_gone(hass: HomeAssistant, kitchen: FakeClient, media_dir: Path) -> None:
    error = await fails(hass, "media-source://media_source/local/gone.wav", kitchen)
    assert error.translation_key == "media_not_opened"


async def test_playlists_are_read_by_ffmpeg(
    hass: HomeAssistant, kitchen: FakeClient, serve: Serve, until: Until
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path.endswith(".m3u8"):
            body = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\npart.mp3\n#EXT-X-ENDLIST\n"
            return web.Response(body=body, content_type="application/vnd.apple.mpegurl")
        return web.Response(body=mp3(1.5), content_type="audio/mpeg")

    await play(hass, f"{await serve(answer)}/list.m3u8", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert asked[0] == "/list.m3u8"
    assert "/part.mp3" in asked


class SlowSpeech(TextToSpeechEntity):
    """Speaks one second of MP3 in pieces, the last of them when it is let."""

    _attr_name = "Slow"
    _attr_unique_id = "slow"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.is_broken = False
        self.first_share = 0.5

    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        return TTSAudioResponse(extension="mp3", data_gen=self._speak())

    async def _speak(self) -> AsyncGenerator[bytes]:
        data = mp3(2)
        first = round(len(data) * self.first_share)
        yield data[:first]
        await self.go_on.wait()
        if self.is_broken:
            raise HomeAssistantError("the engine gave up")
        yield data[first:]


@pytest.fixture
async def speech(hass: HomeAssistant) -> SlowSpeech:
    entity = SlowSpeech()
    assert await async_setup_component(hass, tts.DOMAIN, {})
    await hass.data[tts.const.DATA_COMPONENT].async_add_entities([entity])
    return entity


async def speak(hass: HomeAssistant, client: FakeClient) -> None:
    data = {
        "entity_id": "tts.slow",
        "media_player_entity_id": entity_of(hass, client),
        "message": "Hello",
        "cache": False,
    }
    await hass.services.async_call("tts", "speak", data, blocking=True)


async def test_speech_is_heard_while_it_is_synthesised(
    hass: HomeAssistant, kitchen: FakeClient, speech: SlowSpeech, until: Until
) -> None:
    await speak(hass, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert not speech.go_on.is_set()
    assert attribute_of(hass, kitchen, "media_title") is None
    speech.go_on.set()
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert kitchen.byte_count >= 2 * SECOND_BYTES


async def test_speech_that_breaks_off_is_heard_up_to_there(
    hass: HomeAssistant, kitchen: FakeClient, speech: SlowSpeech, until: Until
) -> None:
    speech.is_broken = True
    await speak(hass, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    speech.go_on.set()
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert 0 < kitchen.byte_count < 2 * SECOND_BYTES


async def test_speech_that_never_begins(
    hass: HomeAssistant, kitchen: FakeClient, speech: SlowSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_streams, "SPEECH_TIMEOUT_S", 0.2)
    speech.first_share = 0
    with pytest.raises(HomeAssistantError) as caught:
        await speak(hass, kitchen)
    assert caught.value.translation_domain == "resonate"
    speech.go_on.set()


async def test_there_is_more_patience_with_speech_than_with_a_web_server(
    hass: HomeAssistant, running: MockConfigEntry, speech: SlowSpeech
) -> None:
    stream = tts.async_create_stream(hass, "tts.slow")
    patience = []
    for media_id in (f"media-source://tts/-stream-/{stream.token}", "http://192.0.2.1/song.mp3"):
        order = MediaOrder(media_id=media_id, media_type="music", entity_id="media_player.kitchen")
        patience.append((await async_make_request(hass, StreamOpener(hass), order)).patience_us)
    assert patience == [45_000_000, 15_000_000]


async def test_the_answer_of_a_pipeline(
    hass: HomeAssistant, kitchen: FakeClient, speech: SlowSpeech, until: Until
) -> None:
    stream = tts.async_create_stream(hass, "tts.slow")
    stream.async_set_message("Hello")
    speech.go_on.set()
    await play(hass, f"media-source://tts/-stream-/{stream.token}", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")


async def test_the_address_of_speech_needs_no_way_through_the_web_server(
    hass: HomeAssistant, kitchen: FakeClient, speech: SlowSpeech, until: Until
) -> None:
    await hass.config.async_update(internal_url="http://127.0.0.1:1")
    stream = tts.async_create_stream(hass, "tts.slow")
    stream.async_set_message("Hello")
    speech.go_on.set()
    for address in (stream.url, f"http://127.0.0.1:1{stream.url}"):
        await play(hass, address, kitchen)
        await until(lambda: state_of(hass, kitchen) == "playing")
        await act(hass, "media_stop", kitchen)
        await until(lambda: state_of(hass, kitchen) == "idle")
    error = await fails(hass, "/api/tts_proxy/unknown.mp3", kitchen)
    assert error.translation_key == "media_not_opened"


@pytest.mark.parametrize(
    ("media_id", "name"),
    [
        ("media-source://media_source/local/Some%20Song.mp3", "Some Song"),
        ("http://host/a/b.c.flac?token=1", "b.c"),
        ("/media/song.mp3", "song"),
        ("http://host/", None),
        ("http://[", None),
        ("media-source://tts/tts.x?message=Hello", None),
    ],
)
def test_what_to_call_a_medium_without_a_title(media_id: str, name: str | None) -> None:
    assert name_of(media_id) == name
