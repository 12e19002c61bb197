"""Measure our server, beside the reference where there is something to compare: script/bench."""

import argparse
import asyncio
import json
import sys
from typing import Final

from . import ceilings, processes
from .cases import CASES
from .compare import FULL, QUICK, compare
from .figures import CLOCK_HEADER, HEADER, SIDES, Comparison, clock_row, row

_TIMES: Final = 20
_CLOCK_CASES: Final = 6


async def main(options: argparse.Namespace) -> None:
    """Measure what is asked for; tell each result as it comes, or all as JSON at the end."""
    plan = QUICK if options.quick else FULL
    compared: list[Comparison] = []
    others: dict[str, object] = {}
    for name in options.case:
        if name in CASES:
            for clients in options.clients or CASES[name].clients:
                compared.append(await compare(CASES[name], clients, plan, tuple(options.side)))
                _say(options, row(compared[-1]), HEADER if len(compared) == 1 else "")
        elif name == "clock":
            others[name] = await _clock(options)
        else:
            others[name] = await ceilings.CEILINGS[name](_TIMES // 4 if options.quick else _TIMES)
            _say(options, f"{name}: {json.dumps(others[name])}")
    if options.json:
        print(json.dumps({"compared": [comparison.as_json() for comparison in compared], **others}, indent=1))


async def _clock(options: argparse.Namespace) -> list[dict[str, object]]:
    """Measure the error of clock replies while another loop stalls, in each case."""
    results = []
    seconds = 10.0 if options.quick else 30.0
    async with processes.started(sys.executable, "clock_replies", "--seconds", seconds) as peer:
        for number in range(_CLOCK_CASES):
            results.append(await peer.answer())
            _say(options, clock_row(results[-1]), CLOCK_HEADER if number == 0 else "")
    return results


def _say(options: argparse.Namespace, text: str, header: str = "") -> None:
    lines = f"{header}\n{text}" if header else text
    print(lines, file=sys.stderr if options.json else sys.stdout, flush=True)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    every = [*CASES, *ceilings.CEILINGS, "clock"]
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--case", nargs="+", choices=every, default=every, help="which; default: all")
    parser.add_argument("--clients", nargs="+", type=int, help="how many players, where sides are compared")
    parser.add_argument("--side", nargs="+", choices=SIDES, default=SIDES, help="one side only: no ratio then")
    parser.add_argument("--quick", action="store_true", help="once, and shorter: for a first look")
    parser.add_argument("--json", action="store_true", help="all figures as JSON; progress goes to standard error")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(main(parse()))
