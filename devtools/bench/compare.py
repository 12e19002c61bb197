"""One case measured on both sides in turn."""

import asyncio
from dataclasses import dataclass
import socket
import time
from typing import Any, Final

from . import processes
from .cases import Case
from .figures import SIDES, Comparison, Run
from .processes import Peer

_BURST_CAPACITY_BYTES: Final = 16_000_000
_BURST_OVER_S: Final = 1.0
"""Nothing came for so long: it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how often."""

    rounds: int
    warm_up_s: float
    """After which buffers are as full as they will be."""
    window_s: float
    burst_s: float
    """Audio of a burst; 16 MB are 83 s of PCM."""
    ask_every_s: float
    """How often each player asks for the time."""


FULL: Final = Plan(rounds=3, warm_up_s=4.0, window_s=12.0, burst_s=60.0, ask_every_s=1.0)
QUICK: Final = Plan(rounds=1, warm_up_s=4.0, window_s=6.0, burst_s=20.0, ask_every_s=1.0)


async def compare(case: Case, clients: int, plan: Plan, sides: tuple[str, ...] = SIDES) -> Comparison:
    """Measure the sides in turn, so that what else the machine does falls on both."""
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for _ in range(plan.rounds):
        for side in sides:
            runs[side].append(await measure(side, case, clients, plan))
    return Comparison(case=case.name, clients=clients, target=case.targets.get(clients), runs=runs)


async def measure(side: str, case: Case, clients: int, plan: Plan) -> Run:
    """Measure one side once, in new processes."""
    arguments: list[object] = ["--burst", plan.burst_s] if case.is_burst else []
    if case.feed_count:
        arguments += ["--feeds", case.feed_count]
    if side == "reference":
        arguments += ["--port", free_port()]
    capacity_bytes = _BURST_CAPACITY_BYTES if case.is_burst else 4_000_000
    async with (
        processes.server(side, *arguments) as (server, port),
        processes.players(
            port, clients, case.formats, ask_every_s=plan.ask_every_s, capacity_bytes=capacity_bytes
        ) as players,
    ):
        await server.ask("gather", clients)
        return await (_burst if case.is_burst else _steady)(server, players, plan)


async def _steady(server: Peer, players: Peer, plan: Plan) -> Run:
    await server.ask("play")
    await asyncio.sleep(plan.warm_up_s)
    players.tell("reset")
    began = time.monotonic()
    before_ns = server.cpu_ns(), players.cpu_ns()
    await asyncio.sleep(plan.window_s)
    used_ns = server.cpu_ns() - before_ns[0], players.cpu_ns() - before_ns[1]
    return _run(used_ns, time.monotonic() - began, await players.ask("report"))


async def _burst(server: Peer, players: Peer, plan: Plan) -> Run:
    before_ns = server.cpu_ns(), players.cpu_ns()
    await server.ask("play")
    report: dict[str, Any] = {"chunks": 0}
    while True:
        await asyncio.sleep(_BURST_OVER_S)
        before = report["chunks"]
        report = await players.ask("report")
        if before and report["chunks"] == before:
            break
    used_ns = server.cpu_ns() - before_ns[0], players.cpu_ns() - before_ns[1]
    return _run(used_ns, plan.burst_s, report)


def _run(used_ns: tuple[int, int], seconds: float, report: dict[str, Any]) -> Run:
    least_ahead_us = report["least_ahead_us"]
    return Run(
        cpu_ms_per_s=used_ns[0] / 1e6 / seconds,
        players_ms_per_s=used_ns[1] / 1e6 / seconds,
        late=report["late"],
        gaps=report["gaps"],
        lost=report["lost"],
        least_ahead_ms=None if least_ahead_us is None else least_ahead_us / 1000,
    )


def free_port() -> int:
    """Return a port that nobody listens at: the reference does not tell which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
