"""Pictures for the documentation, of a real Home Assistant while it plays. script/screenshot."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Final

from . import home_assistant, lifetime, players
from .api import ApiError, until
from .browser import BrowserError, Page, browsing, find_chromium
from .children import ROOT, ChildError
from .dashboard import make_dashboard
from .demo import FOLDER
from .folders import free_port, new_folder
from .home_assistant import DOMAIN, HomeAssistant
from .house import find_players
from .library import make_library

IMAGES: Final = ROOT / "docs" / "images"
_MEDIUM: Final = "Morning.flac"
_VOLUMES: Final = (0.6, 0.35)
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
        await _play(host, entity_ids)
        await _picture_of_dashboard(host, page, entity_ids, folder / "dashboard.png")
        await _picture_of_device(host, page, entity_ids[0], folder / "device.png")


async def _play(host: HomeAssistant, entity_ids: Sequence[str]) -> None:
    medium = {"media_content_id": f"media-source://media_source/local/{_MEDIUM}", "media_content_type": "audio/flac"}
    await host.api.act("media_player.play_media", entity_id=list(entity_ids), media=medium)
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


async def _picture_of_device(host: HomeAssistant, page: Page, entity_id: str, path: Path) -> None:
    [entity] = await host.api.command({"type": "config/entity_registry/get", "entity_id": entity_id})
    await page.resize(820, 600)
    await page.open(f"{host.api.url}/config/devices/device/{entity['device_id']}")
    await page.wait_for("ha-device-info-card")
    await _capture(page, path)


async def _capture(page: Page, path: Path) -> None:
    await asyncio.sleep(_PAINT_S)
    await page.capture(path)
    print(path, flush=True)


def _chromium_or_how() -> str | None:
    """Return the path of a Chromium. Where there is none: install Debian's when we may, else say how. Blocking."""
    if (found := find_chromium()) is not None:
        return found
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"There is no Chromium; {' '.join(install)}", flush=True)
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
        return find_chromium()
    return None


def main() -> int:
    """Take the pictures; needs a Chromium."""
    parser = argparse.ArgumentParser(prog="script/screenshot", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=IMAGES, help="where to put them (default: %(default)s)")
    folder = parser.parse_args().folder.absolute()
    if (chromium := _chromium_or_how()) is None:
        sys.stderr.write("script/screenshot: there is no Chromium; on Debian: sudo apt-get install chromium\n")
        return 1
    return lifetime.run(take_pictures(folder, chromium))


if __name__ == "__main__":
    sys.exit(main())
