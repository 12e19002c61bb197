"""Processes that this one starts, watches, and never leaves behind."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
import ctypes
import json
import os
from pathlib import Path
import signal
import sys
import time
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parents[1]

type Event = dict[str, Any]

_POLL_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


class ChildError(Exception):
    """A process did not do what it is for; the text is for a person."""


class Child:
    """A running process that writes to a file, in a session of its own: a Ctrl-C of the terminal is ours to pass on."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, output: Path) -> None:
        """Made by `start`."""
        self.name = name
        self.output = output
        self._process = process

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str | Path], *, output: Path, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start it at the top of the repository; what it prints goes to `output`."""
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                cwd=ROOT,
                env=os.environ | (environment or {}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        return cls(name, process, output)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.returncode

    def events(self) -> list[Event]:
        """Return the JSON objects that it has printed, one a line."""
        lines = self.output.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    async def wait_for(self, event: str, timeout: float) -> Event:
        """Return the first event of this name. Raises ChildError when it ends before or takes longer."""
        give_up_at = time.monotonic() + timeout
        while True:
            has_ended = self.status is not None  # asked before looking: what it printed last is not missed
            for told in self.events():
                if told.get("event") == event:
                    return told
            if has_ended or time.monotonic() > give_up_at:
                what = f"ended with status {self.status}" if has_ended else f"did not get there within {timeout:.0f} s"
                raise ChildError(f"{self.name} {what} ({event}):\n{self.last_words()}")
            await asyncio.sleep(_POLL_S)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.status is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def wait(self) -> int:
        """Return its exit status once it has ended."""
        return await self._process.wait()

    async def stop(self, timeout: float) -> int:
        """Ask it to end, insist after `timeout`, and return its exit status. Again: nothing happens."""
        if self.status is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(timeout):
                    return await self._process.wait()
            finally:
                if self.status is None:
                    with suppress(ProcessLookupError):
                        self._process.kill()
                    await self._process.wait()
        return await self._process.wait()

    async def kill(self) -> None:
        """End it without a chance to do anything more, as a power cut does."""
        self._process.kill()
        await self._process.wait()

    async def close(self, timeout: float) -> None:
        """End it, whatever that takes."""
        with suppress(TimeoutError):
            await self.stop(timeout)

    def last_words(self, line_count: int = 15) -> str:
        """Return the end of what it printed."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-line_count:])


def _die_with_parent() -> None:
    """Have the kernel end this process when the one that started it is killed. Between fork and exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
