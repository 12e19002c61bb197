"""A page in a browser, over its DevTools interface: what a person sees on it, and does with mouse and keyboard."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import count
import json
from pathlib import Path
import time
from typing import Any, Final

import aiohttp

from .api import Json

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.1
_PATIENCE_S: Final = 3.0
"""Until a click is taken for lost."""

# Finds what can be seen, through the shadow roots that the frontend is made of: the first element of the last place,
# within that of the place before it. `words` are in the order in which they are seen, what is slotted in its slot.
_EYES: Final = r"""
((places, look) => {
  const parts = (node) => node.shadowRoot?.childNodes
    || (node.assignedNodes?.().length ? node.assignedNodes() : node.childNodes);
  const text = (node) => node.nodeType === Node.TEXT_NODE ? node.textContent
    : node.nodeType === Node.COMMENT_NODE || /^(STYLE|SCRIPT)$/.test(node.nodeName) ? ""
    : [...parts(node)].map(text).join(" ");
  const words = (element) => text(element).replace(/\s+/g, " ").trim();
  const around = (node) => node.assignedSlot || node.parentNode || node.host;
  const search = function* (root, place) {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches(place.selector) && element.getClientRects().length
          && words(element).includes(place.text)) yield element;
      if (element.shadowRoot) yield* search(element.shadowRoot, place);
    }
  };
  const find = (roots, [place, ...rest]) => {
    for (const root of roots) {
      for (const element of search(root, place)) {
        const inside = element.shadowRoot ? [element.shadowRoot, element] : [element];
        const found = rest.length ? find(inside, rest) : element;
        if (found) return found;
      }
    }
    return null;
  };
  const found = find([document], places);
  return found && look(found, {words, around});
})
"""
_IS_THERE: Final = "() => true"
_WORDS: Final = '(element, {words}) => words(element) || " "'  # one that says nothing is there nevertheless
# Where a click on it would go, and what else would get that click.
_SPOT: Final = """
(element, {around}) => {
  element.scrollIntoViewIfNeeded();
  const {x, y, width, height} = element.getBoundingClientRect();
  const at = {x: x + width * ACROSS, y: y + height / 2};
  let hit = document.elementFromPoint(at.x, at.y);
  for (const seen = new Set(); hit?.shadowRoot && !seen.has(hit);) {
    seen.add(hit);
    hit = hit.shadowRoot.elementFromPoint(at.x, at.y) || hit;
  }
  const covering = hit ? hit.localName : "the edge of the page";
  while (hit && hit !== element) hit = around(hit);
  return {...at, covering: hit ? null : covering};
}
"""
_SELECT_ALL: Final = '(field) => field.matches(":focus") && (field.select(), true)'
_VALUE: Final = "(field) => field.value"


class BrowserError(Exception):
    """The page is not what it should be; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the page: the first element that matches a selector and holds a text."""

    selector: str
    text: str = ""


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

    async def remember(self, key: str, value: object) -> None:
        """Put something into the page's own storage, as JSON."""
        await self._evaluate(f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))})")

    async def capture(self, path: Path) -> None:
        """Write what is seen, as PNG."""
        picture = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(picture["data"]))

    # What a person sees

    async def wait_for(self, selector: str, text: str = "", *, within: Place | None = None) -> None:
        """Return once an element can be seen that matches, and holds `text`. Raises BrowserError when none comes."""
        await self.read(selector, text, within=within)

    async def read(self, selector: str, text: str = "", *, within: Place | None = None) -> str:
        """Return all words in what `wait_for` waits for."""
        places = _places(selector, text, within)
        words = await _until(lambda: self._look(places, _WORDS), lambda: f"the page shows no {_named(places)}")
        return str(words)

    async def wait_until_gone(self, selector: str, text: str = "", *, within: Place | None = None) -> None:
        """Return once no such element can be seen any more. Raises BrowserError when it stays."""
        places = _places(selector, text, within)

        async def is_gone() -> bool:
            return await self._look(places, _IS_THERE) is None

        await _until(is_gone, lambda: f"the page still shows {_named(places)}")

    # What a person does

    async def click(
        self,
        selector: str,
        text: str = "",
        *,
        within: Place | None = None,
        across: float = 0.5,
        shows: Place | None = None,
    ) -> None:
        """Click on what `wait_for` waits for, once it rests and nothing covers it; `across` is how far to the right.

        Does it again until it `shows` something: the frontend misses a click while it draws things anew.
        """
        places = _places(selector, text, within)

        async def try_it() -> bool:
            spot = await self._rest(places, across)
            for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
                await self.send("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **spot)
            return shows is None or await self._comes(shows)

        await _until(try_it, lambda: f"a click on {_named(places)} shows no {_named([asdict(shows or Place(''))])}")

    async def fill(self, selector: str, text: str, *, within: Place | None = None) -> None:
        """Click on a field and type into it, in place of what is there; again, when the cursor is taken elsewhere."""
        places = _places(selector, "", within)

        async def try_it() -> bool:
            await self.click(selector, within=within)
            if await self._look(places, _SELECT_ALL):
                await self.send("Input.insertText", text=text)
            return await self._look(places, _VALUE) == text

        await _until(try_it, lambda: f"{_named(places)} does not take {text}")

    async def _comes(self, place: Place) -> bool:
        """Return whether something can be seen soon."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while await self._look([asdict(place)], _IS_THERE) is None:
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _rest(self, places: list[Json], across: float) -> Json:
        """Return where to click, once that is the same twice in a row."""
        earlier: object = None
        obstacle = "it is not there"

        async def look() -> Json | None:
            nonlocal earlier, obstacle
            spot = await self._look(places, _SPOT.replace("ACROSS", str(across)))
            is_at_rest, earlier = spot == earlier, spot
            if not isinstance(spot, dict):
                obstacle = "it is not there"
            elif spot["covering"] is not None:
                obstacle = f"it is covered by {spot['covering']}"
            elif not is_at_rest:
                obstacle = "it does not rest"
            else:
                return {"x": spot["x"], "y": spot["y"]}
            return None

        return await _until(look, lambda: f"{_named(places)} cannot be clicked on: {obstacle}")

    # DevTools

    async def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a DevTools command and return its result. Raises BrowserError."""
        return await send(self._socket, next(self._numbers), method, parameters, self._session_id)

    async def _look(self, places: list[Json], look: str) -> object:
        """Return what `look`, a function in the page, says of the element at `places`; None when there is none."""
        return await self._evaluate(f"{_EYES}({json.dumps(places)}, {look})")

    async def _evaluate(self, expression: str) -> object:
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression} failed in the page: {result['exceptionDetails']}")
        return result["result"].get("value")


async def send(
    socket: aiohttp.ClientWebSocketResponse,
    number: int,
    method: str,
    parameters: dict[str, object],
    session_id: str | None = None,
) -> dict[str, Any]:
    """Send a DevTools command to the browser, or to a page of it, and return its result. Raises BrowserError."""
    message: dict[str, object] = {"id": number, "method": method, "params": parameters}
    await socket.send_json(message if session_id is None else message | {"sessionId": session_id})
    while True:
        received = await socket.receive()
        if received.type is not aiohttp.WSMsgType.TEXT:
            raise BrowserError("the browser has gone")
        answer = received.json()
        if answer.get("id") != number:
            continue  # an event
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result


async def _until[T](look: Callable[[], Awaitable[T | None]], otherwise: Callable[[], str]) -> T:
    give_up_at = time.monotonic() + _TIMEOUT_S
    while not (found := await look()):
        if time.monotonic() > give_up_at:
            raise BrowserError(otherwise())
        await asyncio.sleep(_POLL_S)
    return found


def _places(selector: str, text: str, within: Place | None) -> list[Json]:
    return [asdict(place) for place in (within, Place(selector, text)) if place is not None]


def _named(places: list[Json]) -> str:
    """Return the places in words, the innermost first."""
    return " in ".join(f"{place['selector']} {place['text']}".rstrip() for place in reversed(places))
