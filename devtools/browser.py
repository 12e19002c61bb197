"""A headless Chromium, driven over its DevTools interface."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
import json
import os
from pathlib import Path
import re
import shutil
import time
from typing import Any, Final

import aiohttp

from .api import Api
from .children import Child, ChildError

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LISTENING: Final = re.compile(r"DevTools listening on (ws://\S+)")
_START_TIMEOUT_S: Final = 30.0
_FIND_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.1
_FAR_MS: Final = 4_102_444_800_000  # 2100: the page does not try to renew its token

# Looks through the shadow roots that the frontend is made of, and counts only what can be seen.
_FIND: Final = """
((selector, text) => {
  const search = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches(selector) && element.getClientRects().length
          && (!text || element.textContent.includes(text))) return element;
      const found = element.shadowRoot && search(element.shadowRoot);
      if (found) return found;
    }
    return null;
  };
  return search(document);
})(%s, %s)
"""


class BrowserError(Exception):
    """The page is not what it should be; the text is for a person."""


class Page:
    """One page, logged in to Home Assistant."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session_id: str) -> None:
        """Made by `browsing`."""
        self._socket = socket
        self._session_id = session_id
        self._numbers = count(100)

    async def open(self, url: str) -> None:
        """Go to a page; what is on it comes later."""
        await self.send("Page.navigate", url=url)

    async def resize(self, width: int, height: int) -> None:
        """Give it a size in pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def wait_for(self, selector: str, text: str = "") -> None:
        """Return once an element can be seen that matches, and holds `text`. Raises BrowserError when none comes."""
        give_up_at = time.monotonic() + _FIND_TIMEOUT_S
        while not await self._evaluate(f"!!{_find(selector, text)}"):
            if time.monotonic() > give_up_at:
                raise BrowserError(f"the page shows no {selector} {text}".rstrip())
            await asyncio.sleep(_POLL_S)

    async def click(self, selector: str, text: str = "") -> None:
        """Click on what `wait_for` waits for."""
        await self.wait_for(selector, text)
        await self._evaluate(f"{_find(selector, text)}.click()")

    async def capture(self, path: Path) -> None:
        """Write what is seen, as PNG."""
        picture = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(picture["data"]))

    async def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a DevTools command and return its result. Raises BrowserError."""
        return await _send(self._socket, next(self._numbers), method, parameters, self._session_id)

    async def _evaluate(self, expression: str) -> object:
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression} failed in the page: {result['exceptionDetails']}")
        return result["result"].get("value")


def find_chromium() -> str | None:
    """Return the path of a Chromium; None when there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


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
            target = await _send(socket, 1, "Target.createTarget", {"url": "about:blank"})
            attached = await _send(
                socket, 2, "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
            )
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


async def _send(
    socket: aiohttp.ClientWebSocketResponse,
    number: int,
    method: str,
    parameters: dict[str, object],
    session_id: str | None = None,
) -> dict[str, Any]:
    message: dict[str, object] = {"id": number, "method": method, "params": parameters}
    await socket.send_json(message if session_id is None else message | {"sessionId": session_id})
    while True:
        answer = await socket.receive_json()
        if answer.get("id") != number:
            continue  # an event
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result


def _find(selector: str, text: str) -> str:
    return _FIND % (json.dumps(selector), json.dumps(text))


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
