"""Players that a person puts together and takes apart."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.core.errors import UnknownTargetError

from .fake_client import FakeClient
from .helpers import LONG, SONG, Connect, Until, act, attribute_of, entity_of, play, state_of

pytestmark = pytest.mark.usefixtures("songs")


def members_of(hass: HomeAssistant, client: FakeClient) -> set[str | None]:
    return set(attribute_of(hass, client, "group_members"))


async def join(hass: HomeAssistant, first: FakeClient, *others: FakeClient) -> None:
    await act(hass, "join", first, group_members=[entity_of(hass, other) for other in others])


async def test_who_joins_hears_what_plays_and_nobody_hears_a_difference(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    assert members_of(hass, kitchen) == {entity_of(hass, kitchen)}
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await join(hass, kitchen, bath)
    await until(lambda: state_of(hass, bath) == "playing" and bath.byte_count > 0)
    both = {entity_of(hass, kitchen), entity_of(hass, bath)}
    assert members_of(hass, kitchen) == members_of(hass, bath) == both
    assert attribute_of(hass, bath, "media_content_id") == LONG
    assert kitchen.streams == ["stream/start"]


async def test_who_leaves_is_idle_and_the_others_play_on(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await play(hass, LONG, bath)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await act(hass, "unjoin", kitchen)  # it was there first: nobody leads
    await until(lambda: state_of(hass, kitchen) == "idle" and "stream/end" in kitchen.streams)
    assert state_of(hass, bath) == "playing"
    assert members_of(hass, kitchen) == {entity_of(hass, kitchen)}
    assert members_of(hass, bath) == {entity_of(hass, bath)}
    assert "stream/end" not in bath.streams
    await act(hass, "unjoin", kitchen)  # again: nothing happens
    assert state_of(hass, kitchen) == "idle"


async def test_a_group_stays_together_when_its_medium_has_ended(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await play(hass, SONG, kitchen)
    await until(lambda: state_of(hass, bath) == "playing")
    await until(lambda: state_of(hass, bath) == "idle")
    await hass.async_block_till_done()
    assert members_of(hass, bath) == {entity_of(hass, kitchen), entity_of(hass, bath)}


async def test_players_that_one_action_brought_together_stay_so_once_they_were_joined(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    await play(hass, LONG, kitchen, bath, attic)
    await until(lambda: len(members_of(hass, kitchen)) == 3)
    await join(hass, kitchen, bath)
    await act(hass, "media_stop", kitchen)
    await until(lambda: members_of(hass, attic) == {entity_of(hass, attic)})
    assert members_of(hass, bath) == {entity_of(hass, kitchen), entity_of(hass, bath)}


async def test_who_joins_another_group_leaves_what_it_played(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await play(hass, LONG, kitchen)
    await play(hass, LONG, bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")
    await act(hass, "media_pause", kitchen)
    await join(hass, kitchen, bath)
    await until(lambda: state_of(hass, bath) == "paused")
    await until(lambda: bath.streams[-1] == "stream/end")
    await act(hass, "media_play", bath)
    await until(lambda: state_of(hass, kitchen) == state_of(hass, bath) == "playing")


async def test_only_players_of_ours_can_be_joined(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen = await connect("kitchen")
    foreign = er.async_get(hass).async_get_or_create("media_player", "other", "1").entity_id
    for entity_id in (foreign, "media_player.nowhere"):
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, "join", kitchen, group_members=[entity_id])
        assert caught.value.translation_key == "not_our_player"
        assert caught.value.translation_placeholders == {"entity": entity_id}
    assert members_of(hass, kitchen) == {entity_of(hass, kitchen)}


async def test_one_that_is_not_known_is_told_and_nobody_is_moved(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    coordinator = running.runtime_data
    with pytest.raises(UnknownTargetError, match="no client nobody"):
        await coordinator.bridge.async_ask(lambda server: server.join(kitchen.client_id, [bath.client_id, "nobody"]))
    assert members_of(hass, kitchen) == {entity_of(hass, kitchen)}
