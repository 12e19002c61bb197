"""Pictures for the documentation, of a real Home Assistant while it plays. script/screenshot."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
import sys
from typing import Final

from . import home_assistant, lifetime, players
from .api import ApiError, Json, until
from .browser import browsing, chromium_or_how
from .children import ROOT, ChildError
from .dashboard import make_dashboard
from .demo import FOLDER
from .folders import free_port, new_folder
from .home_assistant import DOMAIN, HomeAssistant
from .house import find_players
from .library import make_library
from .page import BrowserError, Page

IMAGES: Final = ROOT / "docs" / "images"
_VOLUMES: Final = (0.6, 0.35)
_GROUP: Final = "Downstairs"
_WAIT_S: Final = 30.0
_PAINT_S: Final = 3.0
"""Fonts, icons and the card's colours come after the elements."""
_PLAYED_S: Final = 8.0
"""Into the medium, so that its progress can be seen."""


async def take_pictures(folder: Path, chromium: str) -> int:
    """Take them all, into `folder`, and return the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with new_folder(FOLDER) as work:
            await _take(work, folder, chromium)
    except (ApiError, BrowserError, ChildError, TimeoutError, OSError) as err:
        sys.stderr.write(f"script/screenshot: {err}\n")
        return 1
    return 0


async def _take(work: Path, folder: Path, chromium: str) -> None:
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(home_assistant.running(work, port=free_port()))
        making = asyncio.create_task(asyncio.to_thread(make_library, host.media))
        page = await stack.enter_async_context(browsing(chromium, work / "chromium", host.api))
        await _picture_of_set_up(host, page, folder / "config-flow.png")
        port = free_port()
        await host.set_up_integration(port=port)
        url = f"ws://127.0.0.1:{port}/sendspin"
        rooms = await stack.enter_async_context(players.playing(url, work, wav=None))
        entity_ids = await until("the players appear", lambda: find_players(host), _WAIT_S)
        await asyncio.gather(making, *(player.settle() for player in rooms))
        await _picture_of_add_group(host, page, folder / "add-group.png")
        group = await _add_group(host, entity_ids)
        await _play(host, group, entity_ids)
        await _picture_of_dashboard(host, page, entity_ids, folder / "dashboard.png")
        await _picture_of_card(host, page, entity_ids[0], folder / "player.png")
        await _picture_of_card(host, page, group, folder / "group.png")
        await _picture_of_browser(host, page, group, folder / "media-browser.png")
        await _picture_of_device(host, page, entity_ids[0], folder / "device.png")


async def _add_group(host: HomeAssistant, entity_ids: Sequence[str]) -> str:
    """Make a named group of all players, and return its media player."""
    start: Json = {"handler": [(await host.entry())["entry_id"], "group"]}
    typed = {"name": _GROUP, "members": list(entity_ids)}
    await host.api.flow(start, [typed], kind="subentries/flow")
    return await until("the group appears", lambda: _find_group(host), _WAIT_S)


async def _find_group(host: HomeAssistant) -> str | None:
    return (await host.players()).get(_GROUP)


async def _play(host: HomeAssistant, group: str, entity_ids: Sequence[str]) -> None:
    folder = {"media_content_id": "media-source://media_source/local/.", "media_content_type": "directory"}
    await host.api.act("media_player.play_media", entity_id=group, media=folder)
    for entity_id, volume in zip(entity_ids, _VOLUMES, strict=True):
        await host.api.act("media_player.volume_set", entity_id=entity_id, volume_level=volume)
    await asyncio.sleep(_PLAYED_S)


async def _picture_of_set_up(host: HomeAssistant, page: Page, path: Path) -> None:
    await page.resize(900, 560)
    await page.open(f"{host.api.url}/config/integrations/dashboard/add?domain={DOMAIN}")
    await page.click("ha-button", "OK")
    await page.wait_for("step-flow-form")
    await _capture(page, path)


async def _picture_of_dashboard(host: HomeAssistant, page: Page, entity_ids: Sequence[str], path: Path) -> None:
    await page.resize(1000, 420)
    await page.open(host.api.url + await make_dashboard(host.api, entity_ids))
    await page.wait_for("hui-media-control-card")
    await _capture(page, path)


async def _picture_of_add_group(host: HomeAssistant, page: Page, path: Path) -> None:
    await page.resize(900, 620)
    await page.open(f"{host.api.url}/config/integrations/integration/{DOMAIN}")
    await page.click("ha-button", "Add group")
    await page.wait_for("step-flow-form")
    await _capture(page, path)


async def _picture_of_card(host: HomeAssistant, page: Page, entity_id: str, path: Path) -> None:
    """Show the dialogue that opens when a player is clicked on: all that can be done with it."""
    await page.resize(560, 720)
    await page.open(f"{host.api.url}{await make_dashboard(host.api, [entity_id])}?more-info-entity-id={entity_id}")
    await page.wait_for("more-info-media_player")
    await _capture(page, path)


async def _picture_of_browser(host: HomeAssistant, page: Page, entity_id: str, path: Path) -> None:
    await page.resize(1000, 620)
    await page.open(f"{host.api.url}/media-browser/{entity_id}")
    await page.click("ha-card", "My media")
    await page.wait_for("*", "Morning")
    await _capture(page, path)


async def _picture_of_device(host: HomeAssistant, page: Page, entity_id: str, path: Path) -> None:
    [entity] = await host.api.command({"type": "config/entity_registry/get", "entity_id": entity_id})
    await page.resize(820, 760)
    await page.open(f"{host.api.url}/config/devices/device/{entity['device_id']}")
    await page.wait_for("ha-device-info-card")
    await _capture(page, path)


async def _capture(page: Page, path: Path) -> None:
    await asyncio.sleep(_PAINT_S)
    await page.capture(path)
    print(path, flush=True)


def main() -> int:
    """Take the pictures; needs a Chromium."""
    parser = argparse.ArgumentParser(prog="script/screenshot", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=IMAGES, help="where to put them (default: %(default)s)")
    folder = parser.parse_args().folder.absolute()
    if (chromium := chromium_or_how()) is None:
        return 1
    return lifetime.run(take_pictures(folder, chromium))


if __name__ == "__main__":
    sys.exit(main())
