"""Who was put together stays together: through restarts, and however late somebody comes back."""

from datetime import timedelta
from functools import partial
import itertools
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from .fake_client import FakeClient
from .helpers import LONG, Connect, Until, act, attribute_of, entity_of, play, start, state_of, unload
from .named import act_on, add_group, entities, group_entity, group_members, play_on

pytestmark = pytest.mark.usefixtures("songs")


def members_of(hass: HomeAssistant, client: FakeClient) -> set[str | None]:
    return set(attribute_of(hass, client, "group_members") or ())


async def join(hass: HomeAssistant, first: FakeClient, *others: FakeClient) -> None:
    await act(hass, "join", first, group_members=[entity_of(hass, other) for other in others])


async def go(hass: HomeAssistant, until: Until, *clients: FakeClient) -> None:
    for client in clients:
        await client.close()
    await until(lambda: {state_of(hass, client) for client in clients} == {"unavailable"})


def is_shown(hass: HomeAssistant, client: FakeClient) -> bool:
    return state_of(hass, client) not in (None, "unavailable")


async def come(hass: HomeAssistant, entry: MockConfigEntry, until: Until, *clients: FakeClient) -> None:
    for client in clients:
        await client.dial(entry.runtime_data.data.port)
        await until(partial(is_shown, hass, client))


async def restart(hass: HomeAssistant, entry: MockConfigEntry, until: Until, *clients: FakeClient) -> None:
    """End and start the server; those who were there come back in the order given."""
    for client in clients:
        await client.close()
    await unload(hass, entry)
    await start(hass, entry)
    await come(hass, entry, until, *clients)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_who_was_joined_is_together_again_after_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, order: tuple[int, ...]
) -> None:
    players = [await connect(name) for name in ("kitchen", "bath", "attic")]
    kitchen, bath, attic = players
    await join(hass, kitchen, bath)
    await restart(hass, running, until, *(players[index] for index in order))
    both = entities(hass, kitchen, bath)
    await until(lambda: members_of(hass, kitchen) == members_of(hass, bath) == both)
    assert members_of(hass, attic) == entities(hass, attic)
    await play(hass, LONG, bath)
    await until(lambda: state_of(hass, kitchen) == "playing" and kitchen.chunk_count > 0)
    assert state_of(hass, attic) == "idle"


async def test_after_a_restart_who_comes_late_hears_what_the_others_play(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await bath.close()
    await restart(hass, running, until, kitchen)
    await play(hass, LONG, kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    await come(hass, running, until, bath)
    await until(lambda: state_of(hass, bath) == "playing")
    assert members_of(hass, kitchen) == entities(hass, kitchen, bath)


async def test_through_two_restarts_while_one_is_away(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await bath.close()
    await restart(hass, running, until, kitchen)
    await restart(hass, running, until, kitchen)
    await come(hass, running, until, bath)
    await until(lambda: members_of(hass, bath) == entities(hass, kitchen, bath))


async def test_who_was_taken_out_stays_out(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    await join(hass, kitchen, bath, attic)
    await act(hass, "unjoin", bath)
    await restart(hass, running, until, kitchen, bath, attic)
    await until(lambda: members_of(hass, attic) == entities(hass, kitchen, attic))
    assert members_of(hass, bath) == entities(hass, bath)


async def test_taken_out_while_the_others_have_not_come_back_yet(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    await join(hass, kitchen, bath, attic)
    await bath.close()
    await attic.close()
    await restart(hass, running, until, kitchen)
    await act(hass, "unjoin", kitchen)
    await come(hass, running, until, bath)
    assert members_of(hass, kitchen) == entities(hass, kitchen)
    await restart(hass, running, until, kitchen, bath)
    await come(hass, running, until, attic)
    await until(lambda: members_of(hass, attic) == entities(hass, bath, attic))
    assert members_of(hass, kitchen) == entities(hass, kitchen)


async def test_lost_and_back_without_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await go(hass, until, kitchen, bath)
    await come(hass, running, until, bath, kitchen)
    await until(lambda: members_of(hass, bath) == entities(hass, kitchen, bath))


async def test_who_was_together_for_one_action_only_is_alone_after_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath, attic, hall = [await connect(name) for name in ("kitchen", "bath", "attic", "hall")]
    await join(hass, kitchen, bath)
    await join(hass, attic, hall)
    await play(hass, LONG, kitchen, attic)
    await until(lambda: state_of(hass, hall) == "playing" and len(members_of(hass, kitchen)) == 4)
    await restart(hass, running, until, kitchen, bath, attic, hall)
    await until(lambda: members_of(hass, bath) == entities(hass, kitchen, bath))
    await until(lambda: members_of(hass, hall) == entities(hass, attic, hall))


async def test_a_named_group_that_played_is_paused_after_a_restart_and_holds_its_players_until_it_is_stopped(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await restart(hass, running, until, kitchen, bath)
    await until(lambda: (state_of(hass, kitchen), state_of(hass, bath)) == ("paused", "paused"))
    assert members_of(hass, kitchen) == entities(hass, kitchen, bath)
    await act(hass, "media_stop", kitchen)
    await until(lambda: members_of(hass, kitchen) == entities(hass, kitchen))
    assert group_members(hass, group_id) == entities(hass, kitchen, bath)


@pytest.mark.parametrize("is_paused", [True, False])
async def test_who_was_taken_out_of_a_named_group_stays_out_until_it_plays_anew(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, is_paused: bool
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    if is_paused:
        await act(hass, "media_pause", kitchen)
        await until(lambda: state_of(hass, kitchen) == "paused")
    await act(hass, "unjoin", bath)
    await until(lambda: members_of(hass, kitchen) == entities(hass, kitchen))
    await restart(hass, running, until, kitchen)
    await restart(hass, running, until, bath, kitchen)  # it was away all the time
    await until(lambda: state_of(hass, kitchen) == "paused" and state_of(hass, bath) == "idle")
    assert group_members(hass, group_id) == entities(hass, kitchen)
    await act(hass, "media_play", kitchen)
    await until(lambda: state_of(hass, kitchen) == "playing")
    assert members_of(hass, bath) == entities(hass, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await restart(hass, running, until, bath, kitchen)
    await until(lambda: (state_of(hass, bath), state_of(hass, kitchen)) == ("paused", "paused"))
    assert members_of(hass, bath) == entities(hass, bath, kitchen)


@pytest.mark.parametrize("last", [0, 1])
async def test_of_two_named_groups_that_are_paused_the_last_one_has_it_after_a_restart(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, last: int
) -> None:
    kitchen, bath, attic = [await connect(name) for name in ("kitchen", "bath", "attic")]
    groups = [
        await add_group(hass, running, "Downstairs", kitchen, bath),
        await add_group(hass, running, "Wet", bath, attic),
    ]
    for group_id in (groups[1 - last], groups[last]):
        entity_id = group_entity(hass, group_id)
        await play_on(hass, LONG, entity_id)
        await until(partial(hass.states.is_state, entity_id, "playing"))
        await act_on(hass, "media_pause", entity_id)
        await until(partial(hass.states.is_state, entity_id, "paused"))
    await restart(hass, running, until, bath, kitchen, attic)
    await until(lambda: {state_of(hass, client) for client in (kitchen, bath, attic)} == {"paused"})
    assert members_of(hass, bath) == entities(hass, bath, (attic if last else kitchen))


async def test_a_player_that_was_taken_out_of_a_named_group_and_then_removed_is_a_new_one(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await act(hass, "unjoin", bath)
    await until(lambda: members_of(hass, kitchen) == entities(hass, kitchen))
    await go(hass, until, bath)
    coordinator = running.runtime_data
    (bath_id,) = (it.device_id for it in coordinator.devices.devices.values() if it.client_id == bath.client_id)
    await coordinator.async_forget(bath_id)
    await restart(hass, running, until, kitchen)
    assert bath_id not in str(hass_storage["resonate.memberships"])
    await come(hass, running, until, bath)
    assert members_of(hass, bath) == entities(hass, bath)


async def test_a_named_group_that_was_removed_meanwhile_is_no_group_of_its_former_members(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    group_id = await add_group(hass, running, "Downstairs", kitchen, bath)
    await play_on(hass, LONG, group_entity(hass, group_id))
    await until(lambda: state_of(hass, bath) == "playing")
    await kitchen.close()
    await bath.close()
    await unload(hass, running)
    assert hass.config_entries.async_remove_subentry(running, group_id)
    await start(hass, running)
    await come(hass, running, until, kitchen, bath)
    assert members_of(hass, kitchen) == entities(hass, kitchen)
    assert members_of(hass, bath) == entities(hass, bath)


async def test_a_player_that_was_removed_belongs_nowhere(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await bath.close()
    await restart(hass, running, until, kitchen)
    coordinator = running.runtime_data
    (bath_id,) = (it.device_id for it in coordinator.devices.devices.values() if it.client_id == bath.client_id)
    await coordinator.async_forget(bath_id)
    await come(hass, running, until, bath)
    assert members_of(hass, bath) == entities(hass, bath)


async def test_written_some_seconds_after_a_change_and_not_without_one(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until, hass_storage: dict[str, Any]
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    await join(hass, kitchen, bath)
    await until(lambda: members_of(hass, bath) == entities(hass, kitchen, bath))

    async def written() -> list[list[str]]:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=30))
        await hass.async_block_till_done()
        return [group["devices"] for group in hass_storage["resonate.memberships"]["data"]["groups"]]

    assert [len(devices) for devices in await written()] == [2]
    del hass_storage["resonate.memberships"]
    await kitchen.set_volume(11)
    await until(lambda: attribute_of(hass, kitchen, "volume_level") == 0.11)
    with pytest.raises(KeyError):
        await written()
