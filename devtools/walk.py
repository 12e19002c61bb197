"""A walk through the integration as a person takes it: by clicks, in a real Home Assistant's frontend. script/walk.

Whether each step really did what it is for is then asked of Home Assistant and of the players.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any, Final

from . import home_assistant, lifetime, players
from .api import until
from .browser import browsing, chromium_or_how
from .demo import FOLDER
from .folders import free_port, new_folder
from .home_assistant import DOMAIN, HomeAssistant
from .house import find_players
from .journal import FAILURES, About, Journal, StepError, expect
from .library import make_library
from .page import BrowserError, Page, Place
from .players import PARTS, Player
from .proof import complaints_in
from .visitor import TRANSLATIONS, Visitor, texts_in, texts_of

_WAIT_S: Final = 30.0
_GROUP: Final = "Downstairs"
_NEW_NAME: Final = "Ground floor"
_TITLES: Final = ("Afternoon", "Evening")
"""Of the first two pieces of the library's folder."""
_VOLUME: Final = 0.3
_SLACK: Final = 0.04
"""How exactly a slider can be hit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    language: str
    chromium: str | None
    """None: the first that is there."""


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for. Ends the process with status 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="script/walk", description=__doc__)
    languages = sorted(path.stem for path in TRANSLATIONS.glob("*.json"))
    parser.add_argument(
        "--language", choices=languages, default="de", help="one more to read a dialogue in (default: %(default)s)"
    )
    parser.add_argument(
        "--chromium", metavar="COMMAND", help="which browser to take (default: the first that is there)"
    )
    parsed = parser.parse_args(arguments)
    return Options(language=parsed.language, chromium=parsed.chromium)


class Walk:
    """The steps, each of which begins where the one before it ended."""

    def __init__(self, host: HomeAssistant, page: Page, options: Options) -> None:
        """Walk through `host` at `page`."""
        self.rooms: list[Player] = []
        self.port = free_port()
        self._host = host
        self._visitor = Visitor(page, host.api.url)
        self._page = page
        self._options = options
        self._texts = texts_in("en")
        self._kitchen = self._living_room = self._group = ""

    async def set_up(self) -> None:
        """Add the integration."""
        await self._visitor.go(f"/config/integrations/dashboard/add?domain={DOMAIN}")
        await self._page.click("ha-button", "OK", within=Place("dialog-box"))
        await self._visitor.see(*texts_of(self._texts["config"]["step"]["user"]))
        await self._visitor.submit()
        await self._visitor.end("Created configuration for Resonate.")
        await expect("the entry", self._entry_state, "loaded")

    async def add_group_too_early(self) -> None:
        """Be told that there is no player yet."""
        await self._page.click("ha-integration-card", "Resonate")
        await self._open_group_dialogue()
        await self._visitor.end(self._texts["config_subentries"]["group"]["abort"]["no_players"])

    async def change_port(self) -> None:
        """Let the server listen where the players will look for it."""
        step = self._texts["config"]["step"]["reconfigure"]
        await self._visitor.choose("Reconfigure", of=Place("ha-config-entry-row"))
        await self._visitor.see(*texts_of(step))
        await self._visitor.fill(step["data"]["port"], str(self.port))
        await self._visitor.fill(step["data"]["host"], "127.0.0.1")
        await self._visitor.submit()
        await self._visitor.end("Reconfiguration was successful")
        await expect("the port", lambda: self._kept("data", "port"), self.port)

    async def receive_players(self) -> None:
        """See the players come, at the new port."""
        self._kitchen, self._living_room = await until("they appear", lambda: find_players(self._host), _WAIT_S)
        await asyncio.gather(*(player.settle() for player in self.rooms))
        for part in PARTS:
            await self._page.wait_for("ha-config-entry-device-row", part.name)

    async def read_in_another_language(self) -> None:
        """Read the dialogue for a group in another language."""
        texts = texts_in(self._options.language)["config_subentries"]["group"]
        await self._visitor.speak(self._options.language)
        await self._visitor.go_to_integration()
        await self._page.click("ha-button", texts["initiate_flow"]["user"])
        await self._visitor.see(*texts_of(texts["step"]["user"]))
        await self._visitor.leave()
        await self._visitor.speak()

    async def add_group(self) -> None:
        """Make a named group of both players."""
        await self._visitor.go_to_integration()
        form = await self._open_group_dialogue()
        await self._visitor.see(*texts_of(form))
        await self._visitor.fill(form["data"]["name"], _GROUP)
        for part in PARTS:
            await self._visitor.pick(part.name)
        await self._visitor.submit()
        await self._visitor.end(f"Created configuration for {_GROUP}.")
        self._group = await until("the group appears", self._find_group, _WAIT_S)
        await expect("its members", lambda: self._attribute(self._group, "group_members"), self._both)

    async def add_group_of_the_same_name(self) -> None:
        """Be told that a name is taken."""
        form = await self._open_group_dialogue()
        await self._visitor.fill(form["data"]["name"], _GROUP.upper())
        await self._visitor.pick(PARTS[0].name)
        await self._visitor.submit()
        await self._visitor.see(self._texts["config_subentries"]["group"]["error"]["name_taken"])
        await self._visitor.leave()

    async def play(self) -> None:
        """Play a folder of the media browser to the group."""
        await self._visitor.play_folder("My media", on=_GROUP)
        await expect("the group", lambda: self._state(self._group), "playing")
        await expect("what the players show", lambda: self._witnessed("metadata", "title"), [_TITLES[0]] * 2)
        await self._hear()

    async def pause(self) -> None:
        """Pause, in the group's dialogue."""
        await self._visitor.go_to_player(self._group)
        await self._visitor.press_play_or_pause("Pause")
        await expect("the group", lambda: self._state(self._group), "paused")
        await expect("what the players know", lambda: self._witnessed("group", "playback_state"), ["stopped"] * 2)

    async def go_on(self) -> None:
        """Let it go on."""
        await self._visitor.press_play_or_pause("Play")
        await expect("the group", lambda: self._state(self._group), "playing")
        await self._hear()

    async def next(self) -> None:
        """Go to the next track."""
        await self._visitor.press("Next track")
        await expect("the title", lambda: self._attribute(self._group, "media_title"), _TITLES[1])
        await expect("what the players show", lambda: self._witnessed("metadata", "title"), [_TITLES[1]] * 2)
        await self._hear()

    async def seek(self) -> None:
        """Go to the middle of the track."""
        duration = await self._attribute(self._group, "media_duration")
        await self._visitor.slide("#position-slider", 0.5)
        middle = About(0.5 * duration, _SLACK * duration)
        await expect("the position", lambda: self._attribute(self._group, "media_position"), middle)
        await self._hear()

    async def set_volume(self) -> None:
        """Put the volume somewhere by the slider."""
        await self._visitor.slide(".volume-slider", _VOLUME)
        level, percent = About(_VOLUME, _SLACK), About(100 * _VOLUME, 100 * _SLACK)
        await expect("the volume of the group", lambda: self._attribute(self._group, "volume_level"), level)
        await expect("those of the players", lambda: self._witnessed("volume"), [percent, percent])

    async def mute(self) -> None:
        """Mute, and unmute."""
        await self._visitor.press("Volume mute")
        await expect("whether the players are muted", lambda: self._witnessed("muted"), [True, True])
        await self._visitor.press("Volume unmute")
        await expect("whether the players are muted", lambda: self._witnessed("muted"), [False, False])

    async def unjoin(self) -> None:
        """Take a player out, in the dialogue of the other."""
        await self._visitor.go_to_player(self._kitchen)
        await self._visitor.toggle_companion(PARTS[1].name)
        await expect("who plays", lambda: self._attribute(self._kitchen, "group_members"), [self._kitchen])
        await expect("the other", lambda: self._state(self._living_room), "idle")
        await expect("the one", lambda: self._state(self._kitchen), "playing")

    async def join(self) -> None:
        """Put it back, while the other plays."""
        await self._visitor.toggle_companion(PARTS[1].name)
        await expect("who plays", lambda: self._attribute(self._kitchen, "group_members"), self._both)
        await expect("the other", lambda: self._state(self._living_room), "playing")
        await self._hear()

    async def type_a_wrong_address(self) -> None:
        """Be told that an address is none, in the options."""
        texts = self._texts["options"]
        await self._open_options()
        await self._page.click("ha-button", texts["step"]["init"]["data"]["addresses"], within=Place("ha-input-multi"))
        await self._visitor.fill(texts["step"]["init"]["data"]["addresses"], "http://kitchen")
        await self._visitor.submit()
        await self._visitor.see(texts["error"]["invalid_address"].format(address="http://kitchen"))
        await self._visitor.leave()

    async def change_options(self) -> None:
        """Have more sent ahead."""
        await self._open_options()
        await self._page.click("ha-radio-option", self._texts["selector"]["policy"]["options"]["stable"])
        await self._visitor.submit()
        await self._visitor.end("Options successfully saved.")
        await expect("the policy", lambda: self._kept("options", "policy"), "stable")

    async def perform_action(self) -> None:
        """Ask for the queue in the developer tools, and see the answer."""
        name = self._texts["services"]["get_queue"]["name"]
        await self._visitor.perform(f"{DOMAIN}.get_queue", name, on=_GROUP)
        for words in (f"{self._group} :", "queue_size : 3", *(f"title : {title}" for title in _TITLES)):
            await self._page.wait_for("ha-yaml-editor", words)

    async def edit_group(self) -> None:
        """Call the group something else, and take a member out."""
        form = self._texts["config_subentries"]["group"]["step"]["reconfigure"]
        await self._visitor.go_to_integration()
        await self._page.click("button[aria-label='Edit group']", within=Place("ha-config-sub-entry-row", _GROUP))
        await self._visitor.see(*texts_of(form))
        await self._visitor.fill(form["data"]["name"], _NEW_NAME)
        await self._visitor.drop(PARTS[1].name)
        await self._visitor.submit()
        await self._visitor.end("Reconfiguration was successful")
        await expect("its name", lambda: self._attribute(self._group, "friendly_name"), _NEW_NAME)
        await expect("its members", lambda: self._attribute(self._group, "group_members"), [self._kitchen])

    async def delete_group(self) -> None:
        """Delete the group."""
        await self._visitor.choose("Delete", of=Place("ha-config-sub-entry-row", _NEW_NAME))
        await self._page.click("ha-button", "Delete", within=Place("dialog-box"))
        await self._page.wait_until_gone("ha-config-sub-entry-row")
        await expect("the players", self._player_ids, set(self._both))

    async def part(self) -> None:
        """Let the players leave, and hear what they and Home Assistant's log complain of."""
        reports = [await player.stop() for player in self.rooms]
        violations = [f"{report['name']}: {what}" for report in reports for what in report["violations"]]
        if complaints := violations + complaints_in(self._host.log()):
            raise StepError("\n".join(complaints))

    # What the visitor does more than once

    async def _open_group_dialogue(self) -> dict[str, Any]:
        """Open the dialogue in which a group is made, and return its texts."""
        texts: dict[str, Any] = self._texts["config_subentries"]["group"]
        await self._page.click("ha-button", texts["initiate_flow"]["user"])
        return dict(texts["step"]["user"])

    async def _open_options(self) -> None:
        await self._visitor.go_to_integration()
        await self._page.click("button[aria-label=Configure]", within=Place("ha-config-entry-row"))
        await self._visitor.see(*texts_of(self._texts["options"]["step"]["init"]))

    # What Home Assistant and the players say

    @property
    def _both(self) -> list[str]:
        return [self._kitchen, self._living_room]

    async def _entry_state(self) -> str:
        return str((await self._host.entry())["state"])

    async def _kept(self, part: str, key: str) -> object:
        """Return what is kept in the entry, as its diagnostics tell."""
        entry_id = (await self._host.entry())["entry_id"]
        told = await self._host.api.get(f"/api/diagnostics/config_entry/{entry_id}")
        return told["data"]["entry"][part].get(key)

    async def _state(self, entity_id: str) -> str:
        return str((await self._host.api.state(entity_id))["state"])

    async def _attribute(self, entity_id: str, name: str) -> Any:
        return (await self._host.api.state(entity_id))["attributes"].get(name)

    async def _find_group(self) -> str | None:
        return (await self._host.players()).get(_GROUP)

    async def _player_ids(self) -> set[str]:
        return set((await self._host.players()).values())

    async def _witnessed(self, *keys: str) -> list[Any]:
        """Return what each player says of something."""
        seen = []
        for player in self.rooms:
            told: Any = await player.witness()
            for key in keys:
                told = told.get(key)
            seen.append(told)
        return seen

    async def _hear(self) -> None:
        """Return once every player was sent more than until now."""
        before = await self._witnessed("chunk_count")

        async def do_more_come() -> list[bool]:
            return [new > old for new, old in zip(await self._witnessed("chunk_count"), before, strict=True)]

        await expect("whether the players receive music", do_more_come, [True, True])


async def walk(options: Options, chromium: str) -> int:
    """Walk all steps and return the exit status."""
    with new_folder(FOLDER) as work:
        try:
            await _walk(work, options, chromium)
        except (*FAILURES, StepError) as err:
            sys.stderr.write(f"script/walk: {str(err) or type(err).__name__}\n")
            return 1
    return 0


async def _walk(work: Path, options: Options, chromium: str) -> None:
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(home_assistant.running(work, port=free_port()))
        making = asyncio.create_task(asyncio.to_thread(make_library, host.media))
        page = await stack.enter_async_context(browsing(chromium, work / "chromium", host.api))
        await page.resize(1000, 900)
        await making
        _say(f"Home Assistant {await host.version()} runs at {host.api.url}")
        try:
            await _take_steps(Walk(host, page, options), work, stack)
        except StepError:
            _say(f"Home Assistant's log: {work / 'home-assistant.log'}")
            with suppress(BrowserError, OSError):  # it may be the browser that failed
                await page.capture(work / "failed.png")
                _say(f"What was seen last: {work / 'failed.png'}")
            raise


async def _take_steps(steps: Walk, work: Path, stack: AsyncExitStack) -> None:
    journal = Journal(_say)
    for step in (steps.set_up, steps.add_group_too_early, steps.change_port):
        await _take(journal, step)
    url = f"ws://127.0.0.1:{steps.port}/sendspin"
    steps.rooms = await stack.enter_async_context(players.playing(url, work, wav=None))
    for step in (
        steps.receive_players,
        steps.read_in_another_language,
        steps.add_group,
        steps.add_group_of_the_same_name,
        steps.play,
        steps.pause,
        steps.go_on,
        steps.next,
        steps.seek,
        steps.set_volume,
        steps.mute,
        steps.unjoin,
        steps.join,
        steps.type_a_wrong_address,
        steps.change_options,
        steps.perform_action,
        steps.edit_group,
        steps.delete_group,
        steps.part,
    ):
        await _take(journal, step)


async def _take(journal: Journal, step: Callable[[], Awaitable[None]]) -> None:
    with journal.step(str(step.__doc__).rstrip(".")):
        await step()


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Walk; needs a Chromium."""
    options = parse_options()
    if (chromium := options.chromium or chromium_or_how()) is None:
        return 1
    return lifetime.run(walk(options, chromium))


if __name__ == "__main__":
    sys.exit(main())
