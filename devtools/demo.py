"""Proof that it works: a real Home Assistant plays real media on two players that know nothing of it. script/demo."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
import json
from pathlib import Path
import sys
import time
from typing import Any, Final

from tests.fakes.player import make_media
from tests.fakes.skew import SKIP_S, WINDOW_S, Skew, measure

from . import home_assistant, lifetime, players
from .api import ApiError, until
from .children import ROOT, ChildError
from .folders import free_port, new_folder
from .home_assistant import HomeAssistant
from .house import find_players
from .players import Player
from .proof import Proof, complaints_in

FOLDER: Final = ROOT / ".demo"
DEFAULT_SECONDS: Final = 15.0
LEAST_SECONDS: Final = SKIP_S + 2 * WINDOW_S + 1
_MEDIUM: Final = "demo.flac"
_SPARE_S: Final = 20.0
"""How much longer the medium is than it is listened to: its end is not part of the demo."""
_APPEAR_TIMEOUT_S: Final = 20.0
_PLAY_TIMEOUT_S: Final = 20.0
_LOG_LINES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    seconds: float
    wav: Path | None
    is_json: bool


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for. Ends the process with status 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=DEFAULT_SECONDS, help="how long to play (default: %(default)s)"
    )
    parser.add_argument("--wav", type=Path, metavar="DIR", help="keep what each player heard")
    parser.add_argument("--json", action="store_true", help="end with the result as one JSON object on a line")
    parsed = parser.parse_args(arguments)
    if not LEAST_SECONDS <= parsed.seconds <= 24 * 3600:
        parser.error(f"--seconds: {LEAST_SECONDS:.0f} at least, for the first {SKIP_S:.0f} do not count")
    return Options(seconds=parsed.seconds, wav=parsed.wav, is_json=parsed.json)


async def demonstrate(options: Options) -> int:
    """Do it all, print what came of it, and return the exit status."""
    with new_folder(FOLDER) as folder:
        try:
            proof = await _play(folder, options)
        except (ApiError, ChildError, TimeoutError, OSError) as err:
            return _fail(folder, options, str(err) or type(err).__name__)
    print(f"\n{proof.table()}")
    if proof.problems():
        _show_log(folder)
    if options.is_json:
        print(json.dumps(proof.as_json()))
    return 1 if proof.problems() else 0


async def _play(folder: Path, options: Options) -> Proof:
    wav = folder if options.wav is None else options.wav.absolute()
    wav.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        _say("Starting Home Assistant")
        house = await stack.enter_async_context(home_assistant.running(folder, port=free_port()))
        medium = house.media / _MEDIUM
        making = asyncio.create_task(asyncio.to_thread(make_media, medium, options.seconds + _SPARE_S))
        version = await house.version()
        port = free_port()
        await house.set_up_integration(port=port)
        _say(f"Home Assistant {version} runs at {house.api.url}, the integration listens on port {port}")
        url = f"ws://127.0.0.1:{port}/sendspin"
        rooms = await stack.enter_async_context(players.playing(url, folder, wav=wav))
        entity_ids = await until("both players appear", lambda: find_players(house), _APPEAR_TIMEOUT_S)
        await asyncio.gather(making, *(player.settle() for player in rooms))
        _say(f"Playing {medium.name} on {' and '.join(entity_ids)}")
        seconds, states = await _listen(house, entity_ids, options.seconds)
        reports = [await player.stop() for player in rooms]
        if (status := await house.stop()) != 0:
            raise ApiError(f"Home Assistant ended with status {status}")
        _say("Measuring how far apart they were")
        return Proof(
            seconds=seconds,
            home_assistant=version,
            entities=states,
            reports=reports,
            skew=await asyncio.to_thread(_measure, reports, rooms),
            complaints=complaints_in(house.log()),
        )


async def _listen(house: HomeAssistant, entity_ids: list[str], seconds: float) -> tuple[float, dict[str, str]]:
    """Play for a while, and return for how long, and what the entities' states were at the end of it."""

    async def states() -> dict[str, str]:
        return {entity_id: (await house.api.state(entity_id))["state"] for entity_id in entity_ids}

    async def are_all(wanted: str) -> bool:
        return set((await states()).values()) == {wanted}

    await house.api.act(
        "media_player.play_media",
        entity_id=entity_ids,
        media={
            "media_content_id": f"media-source://media_source/local/{_MEDIUM}",
            "media_content_type": "audio/flac",
        },
    )
    await until("both play", lambda: are_all("playing"), _PLAY_TIMEOUT_S)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    seen = await states()
    lasted = time.monotonic() - began
    await house.api.act("media_player.media_stop", entity_id=entity_ids)
    await until("both are idle again", lambda: are_all("idle"), _PLAY_TIMEOUT_S)
    return round(lasted, 2), seen


def _measure(reports: Sequence[dict[str, Any]], rooms: Sequence[Player]) -> Skew:
    first, second = rooms
    return measure(reports[0], first.wav, reports[1], second.wav)


def _fail(folder: Path, options: Options, message: str) -> int:
    _show_log(folder)
    sys.stderr.write(f"script/demo: {message}\n")
    if options.is_json:
        print(json.dumps({"ok": False, "error": message}))
    return 1


def _show_log(folder: Path) -> None:
    lines = home_assistant.log_of(folder).splitlines()[-_LOG_LINES:]
    sys.stderr.write("\n".join(["", "The end of Home Assistant's log:", *lines, ""]))
    sys.stderr.flush()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(lifetime.run(demonstrate(parse_options())))
