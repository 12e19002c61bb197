"""Show that the tests notice: script/mutants."""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import sys
import time
from typing import Final

from .table import MUTANTS, Mutant
from .trial import Trial, Verdict, run_tests, try_mutant

_AT_A_TIME: Final = 2
_ROOT: Final = Path(__file__).parents[2]


def main(arguments: Sequence[str], mutants: Sequence[Mutant] = MUTANTS, root: Path = _ROOT) -> int:
    """Try the faults that are asked for, or all; return 0 when each is noticed."""
    parser = argparse.ArgumentParser(prog="script/mutants", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="this fault alone; may be given again")
    options = parser.parse_args(arguments)
    if unknown := set(options.only or ()) - {mutant.name for mutant in mutants}:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in mutants if options.only is None or mutant.name in options.only]
    began = time.monotonic()
    status, output = run_tests(root, sorted({mutant.test for mutant in chosen}))
    if status:
        print(output)
        print("A test fails without any fault in it: nothing to be seen so.")
        return 1
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        trials = list(pool.map(lambda mutant: _tried(root, mutant), chosen))
    missed = [trial for trial in trials if trial.verdict is not Verdict.KILLED]
    for trial in missed:
        print(f"\n{trial.mutant.name}: {trial.verdict}\n{trial.mutant.test}\n{trial.output}")
    seconds = time.monotonic() - began
    print(f"\n{len(chosen) - len(missed)} of {len(chosen)} faults noticed in {seconds:.0f} s")
    return 1 if missed else 0


def _tried(root: Path, mutant: Mutant) -> Trial:
    trial = try_mutant(root, mutant)
    test = mutant.test.rpartition("::")[2]
    print(f"{trial.verdict:<11}  {trial.seconds:5.1f} s  {mutant.name:<52}  {test}", flush=True)
    return trial


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
