"""A person at Home Assistant's frontend: knows where things are in it, and how they are called in English."""

from collections.abc import Iterator
import json
import re
from typing import Any, Final

from .children import ROOT
from .home_assistant import DOMAIN
from .page import Page, Place

DIALOGUE: Final = Place("dialog-data-entry-flow")
TRANSLATIONS: Final = ROOT / "custom_components" / DOMAIN / "translations"
_FORM_PARTS: Final = ("title", "description", "data", "data_description")
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_ENGLISH: Final = "en"


class Visitor:
    """Does by clicks and typing what a person would; raises BrowserError where the frontend does not offer it."""

    def __init__(self, page: Page, url: str) -> None:
        """Sit at `page`, of the Home Assistant at `url`."""
        self.page = page
        self._url = url

    async def go(self, path: str) -> None:
        """Open a page by its address."""
        await self.page.open(self._url + path)

    async def go_to_integration(self) -> None:
        """Open the page of the integration."""
        await self.go(f"/config/integrations/integration/{DOMAIN}")
        await self.page.wait_for("ha-config-entry-row")

    async def go_to_player(self, entity_id: str) -> None:
        """Open the dialogue of a player, in which all can be done with it."""
        await self.go(f"/config/integrations/integration/{DOMAIN}?more-info-entity-id={entity_id}")
        await self.page.wait_for("more-info-media_player")

    async def speak(self, language: str = _ENGLISH) -> None:
        """Have the frontend in a language, from the next page on."""
        await self.page.remember("selectedLanguage", language)

    # Menus

    async def choose(self, item: str, *, of: Place) -> None:
        """Choose an item of the menu behind the three dots of something."""
        await self.page.click("button[aria-label=Menu]", within=of, shows=Place("ha-dropdown-item", item))
        await self.page.click("ha-dropdown-item", item, within=of)

    # The dialogues of the integration

    async def see(self, *texts: str) -> None:
        """Read the dialogue, and miss nothing."""
        for text in texts:
            await self.page.wait_for(DIALOGUE.selector, text)

    async def fill(self, label: str, text: str) -> None:
        """Type into a field of the dialogue."""
        await self.page.fill("input", text, within=Place("ha-selector", label))

    async def pick(self, name: str) -> None:
        """Add an entity to the dialogue's list of them."""
        await self._pick("ha-picker-field, ha-button", name, text="entity", within=DIALOGUE)
        await self.page.wait_for("ha-entity-picker", name)

    async def drop(self, name: str) -> None:
        """Take an entity out of the dialogue's list of them."""
        await self.page.click("button[aria-label=Clear]", within=Place("ha-entity-picker", name))
        await self.page.wait_until_gone("ha-entity-picker", name)

    async def submit(self) -> None:
        """Send the form."""
        await self.page.click("ha-button", "Submit", within=DIALOGUE)

    async def end(self, told: str) -> None:
        """Close the dialogue once it tells how it ended."""
        await self.see(told)
        await self.page.click("ha-dialog-footer ha-button", within=DIALOGUE)
        await self.page.wait_until_gone("ha-dialog", within=DIALOGUE)

    async def leave(self) -> None:
        """Close the dialogue by its cross: nothing is done."""
        await self.page.click("ha-icon-button", within=DIALOGUE)
        await self.page.wait_until_gone("ha-dialog", within=DIALOGUE)

    # Players

    async def play_folder(self, folder: str, *, on: str) -> None:
        """Play all of a folder of the media browser's top."""
        await self.go("/media-browser/browser")
        await self._pick("ha-media-player-picker", on)
        await self.page.click("ha-card", folder)
        await self.page.click("ha-button", "Play", within=Place("ha-media-player-browse"))

    async def press(self, label: str) -> None:
        """Press a button of a player's dialogue."""
        await self.page.click(f"button[aria-label='{label}']", within=Place("more-info-media_player"))

    async def press_play_or_pause(self, shown: str) -> None:
        """Press the big button of a player's dialogue, once that shows what is meant."""
        await self.page.wait_for(f"ha-svg-icon[aria-label={shown}]", within=Place("more-info-media_player"))
        await self.page.click("ha-button.center-control")

    async def slide(self, slider: str, across: float) -> None:
        """Put a slider of a player's dialogue somewhere, from 0 at its left end to 1."""
        await self.page.click(f"ha-slider{slider}", within=Place("more-info-media_player"), across=across)

    async def toggle_companion(self, name: str) -> None:
        """Put another player to the one whose dialogue is open, or take it out."""
        await self.page.click("#grouping-button", shows=Place("ha-media-player-toggle", name))
        await self.page.click("ha-switch", within=Place("ha-media-player-toggle", name))
        await self.page.click("ha-button", "Apply")
        await self.page.wait_until_gone("ha-media-player-toggle")

    # Developer tools

    async def perform(self, action: str, name: str, *, on: str) -> None:
        """Perform an action, found by typing it and picking its name; what it answers is shown in a ha-yaml-editor."""
        await self.go("/config/tools/action")
        await self.page.click("ha-picker-field", within=Place("ha-service-picker"), shows=Place("ha-list-item-option"))
        await self.page.fill("input", action, within=Place("ha-picker-combo-box"))
        await self.page.click("ha-list-item-option", name)
        await self.page.wait_for("ha-picker-field", action)
        await self._pick("ha-button", on, text="Add target")
        await self.page.click("ha-progress-button", "Perform action")

    async def _pick(self, opener: str, name: str, *, text: str = "", within: Place | None = None) -> None:
        """Open a list and pick something from it."""
        option = Place("ha-list-item-option", name)
        await self.page.click(opener, text, within=within, shows=option)
        await self.page.click(option.selector, option.text)
        await self.page.wait_until_gone(option.selector)


def texts_in(language: str) -> dict[str, Any]:
    """Return the integration's own texts."""
    texts: dict[str, Any] = json.loads((TRANSLATIONS / f"{language}.json").read_text())
    return texts


def texts_of(step: dict[str, Any]) -> list[str]:
    """Return all that the form of a dialogue's step must show; placeholders cut its texts into pieces."""
    shown = (text for part in _FORM_PARTS if part in step for text in _leaves(step[part]))
    return [" ".join(piece.split()) for text in shown for piece in _PLACEHOLDER.split(text) if piece.strip()]


def _leaves(texts: str | dict[str, str]) -> Iterator[str]:
    if isinstance(texts, str):
        yield texts
    else:
        yield from texts.values()
