"""What a player is sent, as its owner chooses it."""

from typing import Any, Final

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.core.formats import Codec, StreamFormat
from custom_components.resonate.format_texts import full_format_text
from custom_components.resonate.select import AUTOMATIC

from .fake_client import PCM
from .helpers import LONG, Connect, Until, play, start, state_of, unload

pytestmark = pytest.mark.usefixtures("songs")

FLAC: Final = PCM | {"codec": "flac"}
OPUS: Final = PCM | {"codec": "opus"}
DEEP_OPUS: Final = OPUS | {"bit_depth": 24}
TOO_FAST: Final = PCM | {"sample_rate": 384_000}
FLAC_TEXT: Final = "FLAC 48 kHz 16 bit stereo"
OPUS_TEXT: Final = "OPUS 48 kHz stereo"
PCM_TEXT: Final = "PCM 48 kHz 16 bit stereo"


def chosen(hass: HomeAssistant, name: str) -> tuple[str, list[str]] | None:
    """Return what is chosen, and what can be."""
    state = hass.states.get(f"select.{name}_preferred_format")
    return None if state is None else (state.state, state.attributes["options"])


async def choose(hass: HomeAssistant, name: str, option: str) -> None:
    data: dict[str, Any] = {"entity_id": f"select.{name}_preferred_format", "option": option}
    await hass.services.async_call("select", "select_option", data, blocking=True)


async def test_a_choice_is_heard_at_once_by_that_player_alone(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen", formats=(TOO_FAST, PCM, FLAC, OPUS, DEEP_OPUS))
    bath = await connect("bath", formats=(PCM, FLAC))
    options = [AUTOMATIC, PCM_TEXT, FLAC_TEXT, OPUS_TEXT]
    await until(lambda: chosen(hass, "kitchen") == (AUTOMATIC, options))
    await play(hass, LONG, kitchen, bath)
    await until(lambda: kitchen.codecs == bath.codecs == ["pcm"])
    await choose(hass, "kitchen", FLAC_TEXT)
    await until(lambda: kitchen.codecs == ["pcm", "flac"])
    assert chosen(hass, "kitchen") == (FLAC_TEXT, options)
    await choose(hass, "kitchen", AUTOMATIC)
    await until(lambda: kitchen.codecs == ["pcm", "flac", "pcm"])
    assert chosen(hass, "kitchen") == (AUTOMATIC, options)
    assert bath.codecs == ["pcm"]
    with pytest.raises(ServiceValidationError):
        await choose(hass, "bath", OPUS_TEXT)


async def test_a_choice_survives_a_restart_and_can_be_made_for_one_that_is_away(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen", formats=(PCM, FLAC, OPUS))
    await kitchen.close()
    await until(lambda: state_of(hass, kitchen) == "unavailable")
    await choose(hass, "kitchen", FLAC_TEXT)
    await unload(hass, running)
    await start(hass, running)
    assert chosen(hass, "kitchen") == (FLAC_TEXT, [AUTOMATIC, FLAC_TEXT])
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: chosen(hass, "kitchen") == (FLAC_TEXT, [AUTOMATIC, PCM_TEXT, FLAC_TEXT, OPUS_TEXT]))
    await until(lambda: state_of(hass, kitchen) == "idle")
    await play(hass, LONG, kitchen)
    await until(lambda: kitchen.codecs == ["flac"])


async def test_what_a_player_lists_no_longer_is_not_held_against_it(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen = await connect("kitchen", formats=(PCM, FLAC))
    await until(lambda: chosen(hass, "kitchen") is not None)
    await choose(hass, "kitchen", FLAC_TEXT)
    for formats, shown in (([PCM, OPUS], AUTOMATIC), ([PCM, FLAC], FLAC_TEXT)):
        await kitchen.close()
        await until(lambda: state_of(hass, kitchen) == "unavailable")
        kitchen.formats = formats
        await kitchen.dial(running.runtime_data.data.port)
        await until(lambda shown=shown: (now := chosen(hass, "kitchen")) and now[0] == shown)  # type: ignore[misc]
        await until(lambda: state_of(hass, kitchen) != "unavailable")
        await play(hass, LONG, kitchen)
        codec = "pcm" if shown is AUTOMATIC else "flac"
        await until(lambda codec=codec: kitchen.codecs[-1:] == [codec])  # type: ignore[misc]


async def test_it_is_a_setting_of_players_only(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, entity_registry: er.EntityRegistry
) -> None:
    await connect("kitchen")
    await until(lambda: chosen(hass, "kitchen") == (AUTOMATIC, [AUTOMATIC, PCM_TEXT]))
    entity = entity_registry.async_get("select.kitchen_preferred_format")
    assert entity is not None
    assert entity.entity_category is EntityCategory.CONFIG
    assert hass.states.async_entity_ids("select") == ["select.kitchen_preferred_format"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "mono"), (2, "stereo"), (3, "2.1"), (4, "4.0"), (5, "5.0"), (6, "5.1"), (7, "6.1"), (8, "7.1")],
)
def test_lanes_are_called_what_people_call_them(count: int, text: str) -> None:
    stream_format = StreamFormat(codec=Codec.FLAC, sample_rate=44_100, channel_count=count, bit_depth=24)
    assert full_format_text(stream_format) == f"FLAC 44.1 kHz 24 bit {text}"
