"""Device triggers, as the editor of automations lists and attaches them."""

from homeassistant.components.device_automation import DeviceAutomationType
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_get_device_automations,
)

from custom_components.resonate.const import DOMAIN
from custom_components.resonate.device_trigger import async_get_triggers
from custom_components.resonate.happenings import HAPPENING_TYPES

from .helpers import Connect, Until, state_of


def device_id_of(hass: HomeAssistant, entity_id: str) -> str:
    entity = er.async_get(hass).async_get(entity_id)
    assert entity is not None
    assert entity.device_id is not None
    return entity.device_id


async def test_all_that_can_happen_is_listed(hass: HomeAssistant, running: MockConfigEntry, connect: Connect) -> None:
    await connect("kitchen")
    device_id = device_id_of(hass, "media_player.kitchen")
    listed = await async_get_device_automations(hass, DeviceAutomationType.TRIGGER, device_id)
    ours = [trigger for trigger in listed if trigger["domain"] == DOMAIN]
    assert [trigger["type"] for trigger in ours] == HAPPENING_TYPES
    assert {trigger["device_id"] for trigger in ours} == {device_id}


async def test_what_is_no_device_of_ours_has_none_of_it(hass: HomeAssistant, running: MockConfigEntry) -> None:
    device = dr.async_get(hass).async_get_or_create(config_entry_id=running.entry_id, identifiers={("other", "device")})
    assert await async_get_triggers(hass, device.id) == []
    assert await async_get_triggers(hass, "no such device") == []


async def test_only_what_is_asked_for_runs_the_action(
    hass: HomeAssistant, running: MockConfigEntry, connect: Connect, until: Until
) -> None:
    kitchen, bath = await connect("kitchen"), await connect("bath")
    ran = async_capture_events(hass, "ran")
    trigger = {
        "trigger": "device",
        "domain": DOMAIN,
        "device_id": device_id_of(hass, "media_player.kitchen"),
        "type": "lost",
    }
    action = {"event": "ran", "event_data": {"reason": "{{ trigger.reason }}", "type": "{{ trigger.type }}"}}
    config = {"automation": [{"triggers": [trigger], "actions": [action]}]}
    assert await async_setup_component(hass, "automation", config)
    await hass.async_block_till_done()
    await bath.close()
    await kitchen.set_state("error")
    await kitchen.close("restart")
    await until(lambda: ran)
    assert [event.data for event in ran] == [{"reason": "restart", "type": "lost"}]
    (automation,) = hass.states.async_entity_ids("automation")
    await hass.services.async_call("automation", "turn_off", {"entity_id": automation}, blocking=True)
    await kitchen.dial(running.runtime_data.data.port)
    await until(lambda: state_of(hass, kitchen) == "idle")
    await kitchen.close()
    await until(
        lambda: (
            (state := hass.states.get("event.kitchen_events")) and state.attributes.get("reason") == "connection_lost"
        )
    )
    assert len(ran) == 1
