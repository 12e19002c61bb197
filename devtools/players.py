"""Software players as processes of their own, each with a clock that is wrong in its own way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import signal
import sys
import time
from typing import Any, Final

from .children import Child, ChildError

_SETTLE_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 10.0
_REPORT_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A player that is to be."""

    client_id: str
    name: str
    format: str
    """codec:sample_rate:bit_depth:channels"""


# Two formats, so that the server has to resample and encode for each of them.
KITCHEN: Final = Part(client_id="software-player-kitchen", name="Kitchen", format="flac:48000:16:2")
LIVING_ROOM: Final = Part(client_id="software-player-living-room", name="Living room", format="pcm:44100:16:2")
PARTS: Final = (KITCHEN, LIVING_ROOM)


class Player:
    """A running one."""

    def __init__(self, part: Part, child: Child, report: Path, wav: Path) -> None:
        """Made by `playing`."""
        self.part = part
        self.wav = wav
        """What was heard; there once it has ended, if it was to be kept."""
        self._child = child
        self._report = report

    async def settle(self) -> None:
        """Return when it knows the server's time well enough to play. Raises ChildError when that takes too long."""
        await self._child.wait_for("synchronized", _SETTLE_TIMEOUT_S)

    async def witness(self) -> dict[str, Any]:
        """Return what it has witnessed until now, once it has settled. Raises ChildError when it does not say."""
        self._report.unlink(missing_ok=True)
        self._child.send(signal.SIGUSR1)
        give_up_at = time.monotonic() + _REPORT_TIMEOUT_S
        while not self._report.exists():
            if self._child.status is not None or time.monotonic() > give_up_at:
                raise ChildError(f"{self.part.name} does not report:\n{self._child.last_words()}")
            await asyncio.sleep(_POLL_S)
        return await self._read()

    async def stop(self) -> dict[str, Any]:
        """Let it leave, and return what it witnessed. Raises ChildError when it did not end well."""
        if (status := await self._child.stop(_STOP_TIMEOUT_S)) != 0:
            raise ChildError(f"{self.part.name} ended with status {status}:\n{self._child.last_words()}")
        return await self._read()

    async def _read(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(await asyncio.to_thread(self._report.read_text))
        return report


@asynccontextmanager
async def playing(
    url: str, folder: Path, *, wav: Path | None, parts: Sequence[Part] = PARTS
) -> AsyncIterator[list[Player]]:
    """Run players that dial `url`, and keep what they heard in the folder `wav`; they end with the block."""
    async with AsyncExitStack() as stack:
        players = []
        for part in parts:
            report, heard = folder / f"{part.client_id}.json", (wav or folder) / f"{part.client_id}.wav"
            command = [sys.executable, "-P", "-m", "tests.fakes.player", "--url", url, "--client-id", part.client_id]
            command += ["--name", part.name, "--format", part.format, "--report", str(report)]
            if wav is not None:
                command += ["--wav", str(heard)]
            child = await Child.start(part.name, command, output=folder / f"{part.client_id}.txt")
            stack.push_async_callback(child.close, _STOP_TIMEOUT_S)
            players.append(Player(part, child, report, heard))
        yield players
