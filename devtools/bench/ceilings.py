"""What has a ceiling of its own rather than a rival: how soon, how much, how long at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import av

from . import processes
from .figures import lengths, milliseconds
from .house import home
from .music import RATE, SECONDS, make_music
from .wire import Format

_FLAC: Final = (Format("flac"),)
_SETTLE_S: Final = 3.0
_ANSWER_S: Final = 0.5


async def seek(times: int) -> dict[str, object]:
    """Measure from the command to the first chunk of the new place, at the last of 8 players; a file."""
    slowest: list[float] = []
    fastest: list[float] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "music.flac"
        _write_flac(path)
        async with (
            processes.server("ours") as (server, port),
            processes.players(port, 8, _FLAC) as players,
        ):
            await server.ask("gather", 8)
            await server.ask("play", path)
            await asyncio.sleep(_SETTLE_S)
            for number in range(times):
                players.tell("reset")
                began_us = (await server.ask("seek", number * 7 % SECONDS * 1_000_000))["at_us"]
                await asyncio.sleep(_ANSWER_S + number % 10 / 100)
                waits = lengths(began_us, (await players.ask("report"))["firsts"], 8)
                fastest.append(waits[0])
                slowest.append(waits[-1])
    return {"last_of_8": milliseconds(slowest), "first_of_8": milliseconds(fastest), "aim_median_ms": 10}


async def join(times: int) -> dict[str, object]:
    """Measure from the command to the first chunk for a player that joins a format in use."""
    waits: list[float] = []
    async with processes.server("ours") as (server, port), processes.players(port, 2, _FLAC) as players:
        await server.ask("wait", 2)
        await server.ask("gather", 1)
        await server.ask("play")
        await asyncio.sleep(_SETTLE_S)
        for number in range(times):
            players.tell("reset")
            began_us = (await server.ask("join", "bench-001"))["at_us"]
            await asyncio.sleep(_ANSWER_S + number % 10 / 100)
            waits += lengths(began_us, (await players.ask("report"))["firsts"], 1)
            await server.ask("leave", "bench-001")
            await asyncio.sleep(_ANSWER_S)
    return {**milliseconds(waits), "aim_median_ms": 3}


async def callbacks(_times: int) -> dict[str, object]:
    """Measure the longest callbacks of the loop: grouping 100 FLAC clients, and playing to them."""
    async with (
        processes.server("ours", "--watch-loop") as (server, port),
        processes.players(port, 100, _FLAC) as players,
    ):
        await server.ask("wait", 100)
        await server.ask("gather", 1)
        await server.ask("play")
        await asyncio.sleep(_SETTLE_S)
        arriving = await server.ask("callbacks")
        players.tell("reset")
        began_us = (await server.ask("gather", 100))["at_us"]
        await asyncio.sleep(_SETTLE_S)
        grouping = await server.ask("callbacks")
        waits = lengths(began_us, (await players.ask("report"))["firsts"], 99)
        await asyncio.sleep(10)
        playing = await server.ask("callbacks")
        report = await players.ask("report")
    return {
        "arriving": arriving,
        "grouping": grouping | {"all_heard_after_ms": waits[-1] / 1000},
        "playing": playing | {"late": report["late"], "gaps": report["gaps"]},
        "aim_longest_ms": 5,
    }


async def memory(_times: int) -> dict[str, object]:
    """Measure what a client costs, idle and playing; what one costs that plays alone is taken to be shared."""
    idle: list[int] = []
    playing: list[int] = []
    for count in (1, 101):
        async with processes.server("ours") as (server, port), processes.players(port, count, _FLAC):
            await server.ask("wait", count)
            await asyncio.sleep(_SETTLE_S)
            idle.append(server.private_bytes())
            await server.ask("gather", count)
            await server.ask("play")
            await asyncio.sleep(4 * _SETTLE_S)
            playing.append(server.private_bytes())
    return {
        "idle_kb": round((idle[1] - idle[0]) / 100_000, 1),
        "playing_kb": round((playing[1] - playing[0]) / 100_000, 1),
        "alone_mb": round(playing[0] / 1e6, 1),
        "aim_idle_kb": 40,
        "aim_playing_kb": 80,
    }


CEILINGS: Final[dict[str, Callable[[int], Awaitable[dict[str, Any]]]]] = {
    "seek": seek,
    "join": join,
    "callbacks": callbacks,
    "memory": memory,
    "home": home,
}


def _write_flac(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout="stereo")
        samples = make_music()
        for at in range(0, len(samples), RATE):
            frame = av.AudioFrame.from_ndarray(samples[at : at + RATE].reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
