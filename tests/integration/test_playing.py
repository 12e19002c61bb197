"""What a person does with a player: play, pause, seek, stop, volume."""

import asyncio
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import MediaPlayerEntityFeature as Feature
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceNotSupported
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, state_of
from .media_files import mp3

pytestmark = pytest.mark.usefixtures("songs")


def features_of(hass: HomeAssistant, client: FakeClient) -> Feature:
    return Feature(attribute_of(hass, client, "supported_features"))


async def test_a_local_file_is_played_to_its_end(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert state_of(hass, kitchen) == "idle"
    assert attribute_of(hass, kitchen, "device_class") == "speaker"
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert attribute_of(hass, kitchen, "media_content_id") == SONG
    assert attribute_of(hass, kitchen, "media_content_type") == "music"
    assert attribute_of(hass, kitchen, "media_title") == "Some Song"
    assert attribute_of(hass, kitchen, "media_position") == 0
    await until(lambda: state_of(hass, kitchen) == "idle")
    assert attribute_of(hass, kitchen, "media_content_id") is None
    assert attribute_of(hass, kitchen, "media_position") is None
    assert kitchen.streams == ["stream/start", "stream/end"]
    assert kitchen.byte_count == 48_000 // 2 * 4


async def test_buffering_comes_before_playing(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    states: list[str] = []
    async_track_state_change_event(
        hass, "media_player.kitchen", callback(lambda event: states.append(event.data["new_state"].state))
    )
    await play(hass, SONG, kitchen)
    await until(lambda: states[-1:] == ["idle"])
    assert [state for state, before in zip(states, [None, *states], strict=False) if state != before] == [
        "buffering",
        "playing",
        "idle",
    ]


async def test_pause_and_go_on(hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    began = attribute_of(hass, kitchen, "media_position_updated_at")
    await act(hass, "media_pause", kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused" and "stream/end" in kitchen.streams)
    assert attribute_of(hass, kitchen, "media_position_updated_at") > began
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "media_play_pause", kitchen)
    await until(lambda: state_of(hass, kitchen) == "paused")
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == "idle")


async def test_the_position_is_told_when_it_changes_only(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    entity_id = entity_of(hass, kitchen)
    assert entity_id is not None
    before = hass.states.get(entity_id)
    chunks = kitchen.chunk_count
    await until(lambda: kitchen.chunk_count > chunks + 5)
    await connect("another")
    assert hass.states.get(entity_id) is before


async def test_seek_where_it_is_possible(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert Feature.SEEK not in features_of(hass, kitchen)
    with pytest.raises(ServiceNotSupported):
        await act(hass, "media_seek", kitchen, seek_position=30)
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert Feature.SEEK in features_of(hass, kitchen)
    assert attribute_of(hass, kitchen, "media_duration") == 60
    await act(hass, "media_seek", kitchen, seek_position=30)
    await until(lambda: attribute_of(hass, kitchen, "media_position") == 30)
    assert "stream/clear" in kitchen.streams


async def test_another_medium_takes_the_place_of_the_first(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await play(hass, SONG, kitchen, enqueue="replace")
    await until(lambda: attribute_of(hass, kitchen, "media_content_id") == SONG)
    await until(lambda: state_of(hass, kitchen) == "idle")


@pytest.mark.parametrize(
    ("extra", "title", "artist", "album"),
    [
        ({}, "In the file", "Tag", None),
        ({"metadata": {"title": "Asked for", "artist": "Me", "albumName": "Mine"}}, "Asked for", "Me", "Mine"),
        ({"metadata": {"title": 7, "artist": ""}}, "In the file", "Tag", None),
        ({"metadata": "nonsense"}, "In the file", "Tag", None),
    ],
)
async def test_what_is_known_of_the_medium(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    until: Until,
    extra: dict[str, Any],
    title: str,
    artist: str,
    album: str | None,
) -> None:
    (media_dir / "tagged.mp3").write_bytes(mp3(1, title="In the file", artist="Tag"))
    kitchen = await connect("kitchen")
    await play(hass, "media-source://media_source/local/tagged.mp3", kitchen, extra=extra)
    await until(lambda: attribute_of(hass, kitchen, "media_title") is not None)
    assert attribute_of(hass, kitchen, "media_title") == title
    assert attribute_of(hass, kitchen, "media_artist") == artist
    assert attribute_of(hass, kitchen, "media_album_name") == album


async def test_volume_and_mute_are_shown_as_the_player_confirms_them(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    assert attribute_of(hass, kitchen, "volume_level") == 0.4
    assert attribute_of(hass, kitchen, "is_volume_muted") is False
    await act(hass, "volume_set", kitchen, volume_level=0.55)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.55)
    await act(hass, "volume_up", kitchen)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.65)
    await act(hass, "volume_mute", kitchen, is_volume_muted=True)
    await until(lambda: attribute_of(hass, kitchen, "is_volume_muted"))
    kitchen.confirms = False
    await act(hass, "volume_set", kitchen, volume_level=0.1)
    await until(lambda: kitchen.heard[-1] == ("server/command", {"player": {"command": "volume", "volume": 10}}))
    assert attribute_of(hass, kitchen, "volume_level") == 0.65
    await kitchen.set_volume(12)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.12)


async def test_only_what_the_player_offers(hass: HomeAssistant, running: MockConfigEntry, connect: Connect) -> None:
    mute_only = await connect("mute_only", commands=("mute",))
    assert Feature.VOLUME_MUTE in features_of(hass, mute_only)
    assert not features_of(hass, mute_only) & (Feature.VOLUME_SET | Feature.VOLUME_STEP)
    neither = await connect("neither", commands=())
    assert not features_of(hass, neither) & (Feature.VOLUME_SET | Feature.VOLUME_STEP | Feature.VOLUME_MUTE)


@pytest.mark.parametrize(
    ("action", "key"), [("media_play", "refused_nothing_paused"), ("media_pause", "refused_nothing_plays")]
)
async def test_what_is_not_possible_now_is_said(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, action: str, key: str
) -> None:
    kitchen = await connect("kitchen")
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, action, kitchen)
    assert caught.value.translation_domain == "resonate"
    assert caught.value.translation_key == key
    await act(hass, "media_stop", kitchen)  # nothing to end: nothing to complain about


async def test_two_targets_of_one_action_are_one_group_as_long_as_it_plays(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, garden = [await connect(name) for name in ("kitchen", "bath", "garden")]
    assert len({client.group_ids[-1] for client in (kitchen, bath, garden)}) == 3
    await play(hass, LONG, kitchen, bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    assert kitchen.group_ids[-1] == bath.group_ids[-1] != garden.group_ids[-1]
    assert state_of(hass, garden) == "idle"
    await act(hass, "media_pause", bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "paused")
    await act(hass, "media_stop", kitchen)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "idle")
    await until(lambda: kitchen.group_ids[-1] != bath.group_ids[-1])
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert state_of(hass, bath) == "idle"


async def test_actions_of_their_own_are_groups_of_their_own(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = [await connect(name) for name in ("kitchen", "bath")]
    await play(hass, LONG, kitchen)
    await play(hass, LONG, bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    assert kitchen.group_ids[-1] != bath.group_ids[-1]


async def test_a_group_that_a_target_is_in_comes_along(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, garden = [await connect(name) for name in ("kitchen", "bath", "garden")]
    await play(hass, LONG, kitchen, bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    await play(hass, LONG, garden, bath)
    await until(lambda: garden.group_ids[-1] == bath.group_ids[-1] == kitchen.group_ids[-1])
    await until(lambda: state_of(hass, garden) == "playing")


async def test_who_cannot_be_played_to_is_an_error_in_words(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    tiny = await connect("tiny", buffer_capacity=1_000)
    with pytest.raises(HomeAssistantError) as caught:
        await play(hass, SONG, tiny)
    assert caught.value.translation_key == "no_common_format"
    assert caught.value.translation_placeholders is not None
    assert "Tiny has too small a buffer" in caught.value.translation_placeholders["reason"]
    assert state_of(hass, tiny) == "idle"


async def test_nobody_is_moved_for_what_cannot_be_opened(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = [await connect(name) for name in ("kitchen", "bath")]
    for player in (kitchen, bath):
        await play(hass, LONG, player)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    with pytest.raises(HomeAssistantError):
        await play(hass, "http://127.0.0.1:1/nobody", kitchen, bath)
    assert state_of(hass, kitchen) == state_of(hass, bath) == "playing"
    count = bath.chunk_count
    await until(lambda: bath.chunk_count > count + 5)
    assert len(set(bath.group_ids)) == len(set(kitchen.group_ids)) == 1
    assert kitchen.streams == bath.streams == ["stream/start"]


async def test_who_comes_a_little_later_joins_as_well(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = [await connect(name) for name in ("kitchen", "bath")]
    context = Context()
    for player in (kitchen, bath):
        data = {"entity_id": entity_of(hass, player), "media_content_id": LONG, "media_content_type": "music"}
        await hass.services.async_call("media_player", "play_media", data, blocking=True, context=context)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    assert kitchen.group_ids[-1] == bath.group_ids[-1]


async def test_one_action_may_name_a_player_twice(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen")
    context = Context()
    data = {"entity_id": entity_of(hass, kitchen), "media_content_id": LONG, "media_content_type": "music"}
    call = hass.services.async_call
    await asyncio.gather(*(call("media_player", "play_media", data, blocking=True, context=context) for _ in range(2)))
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert kitchen.streams == ["stream/start"]


async def test_every_target_is_told_when_it_fails(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = [await connect(name) for name in ("kitchen", "bath")]
    missing = "media-source://media_source/local/missing.wav"
    context = Context()
    for client in (kitchen, bath):
        with pytest.raises(HomeAssistantError):
            await hass.services.async_call(
                "media_player",
                "play_media",
                {"entity_id": entity_of(hass, client), "media_content_id": missing, "media_content_type": "music"},
                blocking=True,
                context=context,
            )
    await until(lambda: kitchen.group_ids[-1] != bath.group_ids[-1])


async def test_browse_what_can_be_heard(
    hass: HomeAssistant,
    media_dir: Path,
    running: MockConfigEntry,
    connect: Connect,
    hass_ws_client: WebSocketGenerator,
) -> None:
    (media_dir / "picture.png").write_bytes(b"")
    kitchen = await connect("kitchen")
    socket = await hass_ws_client()
    answer = {}
    for content_id in (None, "media-source://media_source/local/."):
        request = {"type": "media_player/browse_media", "entity_id": entity_of(hass, kitchen)}
        if content_id is not None:
            request |= {"media_content_id": content_id, "media_content_type": "music"}
        await socket.send_json_auto_id(request)
        answer = await socket.receive_json()
        assert answer["success"]
    assert {child["title"] for child in answer["result"]["children"]} == {"Some Song.wav", "long.wav"}
