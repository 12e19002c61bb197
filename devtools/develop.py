"""A Home Assistant to click through: this integration, two software players, music, a dashboard. script/develop."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Final

from . import home_assistant, lifetime
from .api import PASSWORD, USERNAME, ApiError
from .children import ROOT, ChildError
from .folders import FolderInUseError, free_port, locked
from .house import House, inhabited
from .library import make_library

FOLDER: Final = ROOT / ".develop"
HTTP_PORT: Final = 8123
PLAYERS_PORT: Final = 8927
_RESTART_STATUS: Final = 100
"""What Home Assistant ends with when somebody asks it to restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    port: int
    wav: Path | None
    folder: Path


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for. Ends the process with status 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="script/develop", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=HTTP_PORT, help="of the web interface, or the next free one (default: %(default)s)"
    )
    parser.add_argument("--wav", type=Path, metavar="DIR", help="keep what each player hears (11 MB a minute)")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where it keeps what you set up (default: .develop)"
    )
    parsed = parser.parse_args(arguments)
    if not 0 <= parsed.port < 1 << 16:
        parser.error("--port: 0 to 65535")
    return Options(port=parsed.port, wav=parsed.wav, folder=parsed.folder.absolute())


async def develop(options: Options) -> int:
    """Run it until somebody ends it, from here or from its own web interface."""
    wav = None if options.wav is None else options.wav.absolute()
    if wav is not None:
        wav.mkdir(parents=True, exist_ok=True)
    try:
        with locked(options.folder) as folder:
            port, players_port = free_port(options.port), free_port(PLAYERS_PORT)
            print("Making music and starting Home Assistant", flush=True)
            media = home_assistant.media_folder(folder)
            media.mkdir(exist_ok=True)
            await asyncio.to_thread(make_library, media)
            while True:
                async with inhabited(folder, port=port, players_port=players_port, wav=wav, with_assist=True) as house:
                    _greet(house, folder)
                    status = await house.home_assistant.wait()
                if status != _RESTART_STATUS:
                    return status
    except (ApiError, ChildError, FolderInUseError, OSError) as err:
        sys.stderr.write(f"script/develop: {err}\n")
        return 1


def _greet(house: House, folder: Path) -> None:
    host = house.home_assistant
    print(
        f"""
  {host.api.url}{house.dashboard}

  user {USERNAME}, password {PASSWORD}
  players     {", ".join(house.entity_ids)}
  music       {host.media} (in the media browser: My media, or the players' "browse media")
  log         {folder / "home-assistant.log"}
  more players may dial {house.players_url}

  Ctrl-C ends it; {folder} keeps what you set up.
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(lifetime.run(develop(parse_options()), is_endless=True))
