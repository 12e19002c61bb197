"""What is asked of a page, and what is said of one that is not as it should be."""

from collections.abc import Iterable
import json
from typing import Any, cast

import aiohttp
import pytest

from devtools import page as page_module
from devtools.page import BrowserError, Page, Place

SPOT = {"x": 10, "y": 20, "covering": None}


class Socket:
    """A browser in which expressions come to the `values`, one after another, and to the last for good."""

    def __init__(self, values: Iterable[object] = ()) -> None:
        self.sent: list[dict[str, Any]] = []
        self._values = list(values)
        self._answers: list[dict[str, Any]] = []

    async def send_json(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._answers += [{"method": "Page.loadEventFired"}, {"id": message["id"], **self._answer(message["method"])}]

    def _answer(self, method: str) -> dict[str, Any]:
        if method == "Page.navigate":
            return {"error": {"message": "no"}}
        if method != "Runtime.evaluate":
            return {"result": {}}
        value = self._values.pop(0) if len(self._values) > 1 else self._values[0]
        if isinstance(value, Exception):
            return {"result": {"exceptionDetails": str(value)}}
        return {"result": {"result": {"value": value}}}

    async def receive(self) -> aiohttp.WSMessage:
        if not self._answers:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, json.dumps(self._answers.pop(0)), None)

    def inputs(self) -> list[dict[str, Any]]:
        return [message["params"] for message in self.sent if message["method"].startswith("Input.")]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "_POLL_S", 0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after the first look."""
    monkeypatch.setattr(page_module, "_TIMEOUT_S", -1)


def page_of(*values: object) -> tuple[Page, Socket]:
    socket = Socket(values)
    return Page(cast("aiohttp.ClientWebSocketResponse", socket), "session"), socket


async def test_words_are_waited_for() -> None:
    page, socket = page_of(None, None, "Hello you")
    assert await page.read("h1", "Hello", within=Place("dialog")) == "Hello you"
    assert len(socket.sent) == 3
    places = [{"selector": "dialog", "text": ""}, {"selector": "h1", "text": "Hello"}]
    assert json.dumps(places) in socket.sent[0]["params"]["expression"]


async def test_a_click_waits_until_its_goal_rests_and_is_uncovered() -> None:
    covered, moved = SPOT | {"covering": "div"}, SPOT | {"y": 21}
    page, socket = page_of(None, covered, covered, SPOT, moved, moved)
    await page.click("button", across=0.25)
    assert len(socket.sent) == 6 + 3
    assert "width * 0.25" in socket.sent[0]["params"]["expression"]
    assert [(event["type"], event["x"], event["y"]) for event in socket.inputs()] == [
        ("mouseMoved", 10, 21),
        ("mousePressed", 10, 21),
        ("mouseReleased", 10, 21),
    ]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("spot", "why"),
    [(None, "it is not there"), (SPOT | {"covering": "div"}, "it is covered by div"), (SPOT, "it does not rest")],
)
async def test_what_cannot_be_clicked_on_is_told_with_the_reason(spot: object, why: str) -> None:
    page, socket = page_of(spot)
    with pytest.raises(BrowserError, match=f"^button OK in dialog cannot be clicked on: {why}$"):
        await page.click("button", "OK", within=Place("dialog"))
    assert socket.inputs() == []


@pytest.mark.usefixtures("at_once")
async def test_what_is_not_seen_and_what_is_still_seen() -> None:
    page, _ = page_of(None)
    with pytest.raises(BrowserError, match="^the page shows no h1 Hello$"):
        await page.wait_for("h1", "Hello")
    page, _ = page_of(True)
    with pytest.raises(BrowserError, match="^the page still shows h1$"):
        await page.wait_until_gone("h1")
    page, _ = page_of(None)
    await page.wait_until_gone("h1")


async def test_a_click_that_shows_nothing_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "_PATIENCE_S", -1)
    page, socket = page_of(SPOT, SPOT, None, SPOT, SPOT, True)
    await page.click("button", shows=Place("dialog"))
    assert [event["type"] for event in socket.inputs()] == ["mouseMoved", "mousePressed", "mouseReleased"] * 2


async def test_what_comes_soon_takes_no_other_click() -> None:
    page, socket = page_of(SPOT, SPOT, None, None, True)
    await page.click("button", shows=Place("dialog"))
    assert len(socket.inputs()) == 3


@pytest.mark.usefixtures("at_once")
async def test_a_click_that_never_shows_anything_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "_PATIENCE_S", -1)
    page, _ = page_of(None)

    async def rest(*_: object) -> dict[str, int]:
        return {"x": 1, "y": 2}

    monkeypatch.setattr(page, "_rest", rest)
    with pytest.raises(BrowserError, match="^a click on button shows no dialog Hello$"):
        await page.click("button", shows=Place("dialog", "Hello"))


async def test_what_is_typed_takes_the_place_of_what_is_there() -> None:
    page, socket = page_of(SPOT, SPOT, True, "Kitchen")
    await page.fill("input", "Kitchen")
    assert socket.inputs()[-1] == {"text": "Kitchen"}


async def test_a_field_that_lost_the_cursor_is_clicked_on_again() -> None:
    page, socket = page_of(SPOT, SPOT, False, "", SPOT, SPOT, True, "Kitch", SPOT, SPOT, True, "Kitchen")
    await page.fill("input", "Kitchen")
    typed = [event["text"] for event in socket.inputs() if "text" in event]
    assert typed == ["Kitchen", "Kitchen"]
    assert len(socket.inputs()) == 3 * 3 + 2


async def test_what_is_remembered_is_json_in_the_storage() -> None:
    page, socket = page_of(None)
    await page.remember("selectedLanguage", "de")
    assert socket.sent[0]["params"]["expression"] == 'localStorage.setItem("selectedLanguage", "\\"de\\"")'


async def test_errors_of_page_and_browser_are_told() -> None:
    page, _ = page_of(ValueError("no such thing"))
    with pytest.raises(BrowserError, match="failed in the page: no such thing"):
        await page.wait_for("h1")
    with pytest.raises(BrowserError, match="^Page.navigate: no$"):
        await page.open("about:blank")
    with pytest.raises(BrowserError, match="^the browser has gone$"):
        await page_module.send(cast("aiohttp.ClientWebSocketResponse", Gone()), 1, "Page.enable", {})


class Gone(Socket):
    async def send_json(self, message: dict[str, Any]) -> None:
        """Nobody answers any more."""
