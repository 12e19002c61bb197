"""The processes of a measurement: a server, its players, what they say, and what CPU they used."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
import json
from pathlib import Path
import sys
import time
from typing import Any, Final

from .wire import Format

ROOT: Final = Path(__file__).parents[2]
_REFERENCE_PYTHON: Final = ROOT / ".envs" / "bench" / "bin" / "python"
_ANSWER_TIMEOUT_S: Final = 120.0
_LINE_BYTES: Final = 1 << 24


class Peer:
    """A process that answers each line on its standard input with one line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    def tell(self, *words: object) -> None:
        """Say something that has no answer."""
        self._stdin.write(" ".join(map(str, words)).encode() + b"\n")

    async def ask(self, *words: object) -> dict[str, Any]:
        """Say something and return the answer."""
        self.tell(*words)
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """Return the next line."""
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            line = await self._stdout.readline()
        if not line:
            raise RuntimeError(f"process {self.pid} ended with {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def cpu_ns(self) -> int:
        """Return the CPU time, user and system, of all its threads so far."""
        return time.clock_gettime_ns((~self.pid << 3) | 2)  # the clock that clock_getcpuclockid(3) names

    def private_bytes(self) -> int:
        """Return the memory that is its own."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024

    async def end(self) -> None:
        """Have it end, and wait for that."""
        self._stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def started(python: Path | str, module: str, *arguments: object) -> AsyncIterator[Peer]:
    """Yield a running module of this package."""
    process = await asyncio.create_subprocess_exec(
        python,
        "-m",
        f"devtools.bench.{module}",
        *map(str, arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    peer = Peer(process)
    try:
        yield peer
    finally:
        await peer.end()


@asynccontextmanager
async def server(side: str, *arguments: object) -> AsyncIterator[tuple[Peer, int]]:
    """Yield a server, `ours` or `reference`, and its port."""
    python = _REFERENCE_PYTHON if side == "reference" else sys.executable
    async with started(python, side, *arguments) as peer:
        yield peer, (await peer.answer())["port"]


@asynccontextmanager
async def players(
    port: int, count: int, formats: Sequence[Format], *, ask_every_s: float = 1.0, capacity_bytes: int = 4_000_000
) -> AsyncIterator[Peer]:
    """Yield so many players of a server on this machine; the formats go round."""
    url = f"ws://127.0.0.1:{port}/sendspin"
    options = ["--ask-every", ask_every_s, "--capacity", capacity_bytes, "--format", *formats]
    async with started(sys.executable, "players", url, count, *options) as peer:
        yield peer
