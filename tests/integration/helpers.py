"""What tests do with Home Assistant and with players."""

from collections.abc import Awaitable, Callable
import socket
import threading
from typing import Any

from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.resonate.const import DOMAIN
from custom_components.resonate.coordinator import DeviceView

from .fake_client import FakeClient

SONG = "media-source://media_source/local/Some Song.wav"
LONG = "media-source://media_source/local/long.wav"

type Until = Callable[[Callable[[], object]], Awaitable[None]]
type Connect = Callable[..., Awaitable[FakeClient]]
type Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set up the entry, which must work."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def view_of(hass: HomeAssistant, client: FakeClient) -> DeviceView | None:
    """What the coordinator knows of a client."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    views = entry.runtime_data.data.devices.values()
    return next((view for view in views if view.device.client_id == client.client_id), None)


def entity_of(hass: HomeAssistant, client: FakeClient) -> str | None:
    if (view := view_of(hass, client)) is None:
        return None
    return er.async_get(hass).async_get_entity_id("media_player", DOMAIN, view.device.device_id)


def state_of(hass: HomeAssistant, client: FakeClient) -> str | None:
    entity_id = entity_of(hass, client)
    state = None if entity_id is None else hass.states.get(entity_id)
    return None if state is None else state.state


def attribute_of(hass: HomeAssistant, client: FakeClient, name: str) -> Any:
    entity_id = entity_of(hass, client)
    state = None if entity_id is None else hass.states.get(entity_id)
    return None if state is None else state.attributes.get(name)


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("Resonate")]


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


async def act(hass: HomeAssistant, action: str, *clients: FakeClient, **data: Any) -> None:
    """Call an action of media_player on players."""
    data["entity_id"] = [entity_of(hass, client) for client in clients]
    await hass.services.async_call("media_player", action, data, blocking=True)


async def play(hass: HomeAssistant, media_id: str, *clients: FakeClient, **data: Any) -> None:
    data = {"media_content_id": media_id, "media_content_type": "music", **data}
    await act(hass, "play_media", *clients, **data)
