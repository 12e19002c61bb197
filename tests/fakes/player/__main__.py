"""The command line: `python -m tests.fakes.player --url ws://127.0.0.1:8927/sendspin`."""

import argparse
import asyncio
import contextlib
from pathlib import Path
import random
import signal
import sys

from .clock import DriftingClock
from .config import DEFAULT_FORMATS, Era, PlayerConfig, PlayerFormat
from .core import SoftwarePlayer
from .process import PlayerProcess, write_report
from .record import NullRecorder, WavRecorder


def main(arguments: list[str] | None = None) -> int:
    """Play until SIGTERM or SIGINT, or for a while; then write what was heard, and at every SIGUSR1 until then."""
    options = _parse(arguments)
    clock = DriftingClock(drift_ppm=options.drift_ppm, rng=random.Random(options.seed))
    recorder = NullRecorder() if options.wav is None else WavRecorder(options.wav)
    player = SoftwarePlayer(_config(options), clock, recorder)
    try:
        asyncio.run(_run(player, options))
    finally:
        recorder.close()
        if options.report is not None:
            write_report(player, options.report)
    return 0


async def _run(player: SoftwarePlayer, options: argparse.Namespace) -> None:
    process = PlayerProcess(player)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop.set)
    if options.report is not None:
        loop.add_signal_handler(signal.SIGUSR1, write_report, player, options.report)
    carry = process.dial(options.url) if options.url else process.listen(options.listen, host=options.host)
    task = asyncio.create_task(carry)
    if options.seconds is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), options.seconds)
        process.stop.set()
    await task


def _config(options: argparse.Namespace) -> PlayerConfig:
    return PlayerConfig(
        client_id=options.client_id,
        name=options.name or options.client_id,
        formats=tuple(options.format or DEFAULT_FORMATS),
        era=options.era,
        both_spellings=options.both_spellings,
        buffer_capacity=options.buffer_capacity,
        volume=options.volume,
        delay_ms=options.delay_ms,
        required_lead_time_ms=options.lead_ms,
        min_buffer_ms=options.min_buffer_ms,
        mac_address=options.mac,
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.player", description=__doc__)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--url", help="dial this server")
    way.add_argument("--listen", type=int, metavar="PORT", help="wait for a server that dials; 0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--client-id", default="software-player")
    parser.add_argument("--name")
    parser.add_argument("--format", type=PlayerFormat.parse, action="append", metavar="CODEC:RATE:BITS:CHANNELS")
    parser.add_argument("--era", type=Era, choices=list(Era), default=Era.A5)
    parser.add_argument("--both-spellings", action="store_true", help="say the support object under both its keys")
    parser.add_argument("--buffer-capacity", type=int, default=1_000_000, metavar="BYTES")
    parser.add_argument("--volume", type=int, default=100)
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--lead-ms", type=int, default=250)
    parser.add_argument("--min-buffer-ms", type=int, default=250)
    parser.add_argument("--mac", metavar="aa:bb:cc:dd:ee:ff")
    parser.add_argument("--drift-ppm", type=float, help="of the player's clock; by lot within ±50 when not given")
    parser.add_argument("--seed", type=int, help="for the lot of origin and drift")
    parser.add_argument("--wav", type=Path, help="write what was audible")
    parser.add_argument("--report", type=Path, help="write what was witnessed, as JSON")
    parser.add_argument("--seconds", type=float, help="leave after this long")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
