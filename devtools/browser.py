"""A headless Chromium: where it is, how to get one, and how to start it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time
from typing import Final

import aiohttp

from .api import Api
from .children import Child, ChildError
from .page import Page, send

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LISTENING: Final = re.compile(r"DevTools listening on (ws://\S+)")
_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.1
_FAR_MS: Final = 4_102_444_800_000  # 2100: the page does not try to renew its token


def find_chromium() -> str | None:
    """Return the path of a Chromium; None when there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def chromium_or_how() -> str | None:
    """Return the path of a Chromium. Where there is none: install Debian's when we may, else say how. Blocking."""
    if (found := find_chromium()) is not None:
        return found
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"There is no Chromium; {' '.join(install)}", flush=True)
        subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
        found = find_chromium()
    if found is None:
        sys.stderr.write("There is no Chromium; on Debian: sudo apt-get install chromium\n")
    return found


@asynccontextmanager
async def browsing(chromium: str, folder: Path, api: Api) -> AsyncIterator[Page]:
    """Open a page that is logged in where `api` is; its profile is in `folder`. Ends with the block."""
    command = [
        chromium,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--lang=en",
        "about:blank",
    ]
    if os.geteuid() == 0:  # its sandbox refuses to be set up by root
        command.insert(1, "--no-sandbox")
    child = await Child.start("Chromium", command, output=folder.with_suffix(".txt"))
    try:
        url = await _devtools_url(child)
        async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
            target = await send(socket, 1, "Target.createTarget", {"url": "about:blank"})
            attached = await send(socket, 2, "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
            page = Page(socket, attached["sessionId"])
            await page.send("Page.enable")
            await page.send("Page.addScriptToEvaluateOnNewDocument", source=_logged_in(api))
            yield page
    finally:
        await child.close(_STOP_TIMEOUT_S)


async def _devtools_url(child: Child) -> str:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while not (found := _LISTENING.search(child.output.read_text(errors="replace"))):
        if child.status is not None or time.monotonic() > give_up_at:
            raise ChildError(f"Chromium did not start:\n{child.last_words()}")
        await asyncio.sleep(_POLL_S)
    return found[1]


def _logged_in(api: Api) -> str:
    """Return the script that gives the frontend our token, and the page all of the window."""
    tokens = {
        "hassUrl": api.url,
        "clientId": f"{api.url}/",
        "access_token": api.token,
        "token_type": "Bearer",
        "expires": _FAR_MS,
        "expires_in": 1800,
        "refresh_token": "",
    }
    items = {"hassTokens": json.dumps(tokens), "dockedSidebar": json.dumps("always_hidden")}
    return "".join(f"localStorage.setItem({json.dumps(key)}, {json.dumps(value)});" for key, value in items.items())
