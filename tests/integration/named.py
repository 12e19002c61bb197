"""What tests do with named groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .fake_client import FakeClient
from .helpers import entity_of


async def begin(hass: HomeAssistant, entry: MockConfigEntry, group_id: str | None = None) -> Mapping[str, Any]:
    """Open the dialogue that makes a group, or edits one."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if group_id is not None:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=group_id)
    return await hass.config_entries.subentries.async_init((entry.entry_id, "group"), context=context)


async def submit(
    hass: HomeAssistant, form: Mapping[str, Any], name: str, entity_ids: Sequence[str | None]
) -> Mapping[str, Any]:
    """Fill the dialogue in."""
    answer = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"name": name, "members": list(entity_ids)}
    )
    await hass.async_block_till_done()
    return answer


async def add_group(hass: HomeAssistant, entry: MockConfigEntry, name: str, *clients: FakeClient) -> str:
    """Make a group; return its id."""
    before = set(entry.subentries)
    form = await begin(hass, entry)
    answer = await submit(hass, form, name, [entity_of(hass, client) for client in clients])
    assert answer["type"] is FlowResultType.CREATE_ENTRY
    (group_id,) = set[str](entry.subentries) - before
    return group_id


async def edit_group(
    hass: HomeAssistant, entry: MockConfigEntry, group_id: str, name: str, *clients: FakeClient
) -> None:
    form = await begin(hass, entry, group_id)
    answer = await submit(hass, form, name, [entity_of(hass, client) for client in clients])
    assert answer["reason"] == "reconfigure_successful"


def group_entity(hass: HomeAssistant, group_id: str) -> str:
    entity_id = er.async_get(hass).async_get_entity_id("media_player", "resonate", group_id)
    assert entity_id is not None
    return entity_id


def group_state(hass: HomeAssistant, group_id: str) -> str | None:
    state = hass.states.get(group_entity(hass, group_id))
    return None if state is None else state.state


def group_attribute(hass: HomeAssistant, group_id: str, name: str) -> Any:
    state = hass.states.get(group_entity(hass, group_id))
    return None if state is None else state.attributes.get(name)


def group_members(hass: HomeAssistant, group_id: str) -> set[str]:
    return set(group_attribute(hass, group_id, "group_members"))


def entities(hass: HomeAssistant, *clients: FakeClient) -> set[str | None]:
    return {entity_of(hass, client) for client in clients}


async def act_on(hass: HomeAssistant, action: str, *entity_ids: str | None, **data: Any) -> None:
    """Call an action of media_player on entities."""
    await hass.services.async_call("media_player", action, {"entity_id": list(entity_ids), **data}, blocking=True)


async def play_on(hass: HomeAssistant, media_id: str, *entity_ids: str | None) -> None:
    await act_on(hass, "play_media", *entity_ids, media_content_id=media_id, media_content_type="music")
