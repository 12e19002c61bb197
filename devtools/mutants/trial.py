"""Puts a fault into a copy of the tree and looks whether its test notices."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Final

from .table import Mutant

_COPIED: Final = ("custom_components", "devtools", "tests", "pyproject.toml")
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
_TIMEOUT_S: Final = 120
# Faults must be noticed by chance no more than anything else: always the same examples. A smaller one tells no more.
_OPTIONS: Final = (
    *("-q", "-x", "-p", "no:cacheprovider"),
    *("--hypothesis-seed=0", "--hypothesis-profile=unshrunk"),
)


class Verdict(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    NOT_APPLIED = "NOT APPLIED"
    """Its text does not occur exactly once: the code has moved on, the table has to follow."""
    NOT_JUDGED = "NOT JUDGED"
    """The test could not be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A fault and what became of it."""

    mutant: Mutant
    verdict: Verdict
    seconds: float = 0.0
    output: str = ""
    """What pytest said."""


class TextNotUniqueError(Exception):
    """The text to be replaced does not occur exactly once."""


def mutate(text: str, mutant: Mutant) -> str:
    """Return the text of the mutant's file with the fault in it. Raises TextNotUniqueError."""
    if (count := text.count(mutant.before)) != 1:
        raise TextNotUniqueError(f"occurs {count} times in {mutant.file}: {mutant.before!r}")
    return text.replace(mutant.before, mutant.after)


def try_mutant(root: Path, mutant: Mutant) -> Trial:
    """Run the mutant's test on a copy of the tree at `root` with the fault in it. Blocking."""
    began = time.monotonic()
    try:
        mutated = mutate((root / mutant.file).read_text(), mutant)
    except (TextNotUniqueError, OSError) as err:
        return Trial(mutant=mutant, verdict=Verdict.NOT_APPLIED, output=str(err))
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        copy_tree(root, copy)
        (copy / mutant.file).write_text(mutated)
        status, output = run_tests(copy, [mutant.test])
    match status:
        case 0:
            verdict = Verdict.SURVIVED
        case 1:
            verdict = Verdict.KILLED
        case _:
            verdict = Verdict.NOT_JUDGED
    return Trial(mutant=mutant, verdict=verdict, seconds=time.monotonic() - began, output=output)


def copy_tree(root: Path, copy: Path) -> None:
    """Copy what tests need."""
    for name in _COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=_LEFT_OUT)
        elif (root / name).exists():
            shutil.copy2(root / name, copy / name)


def run_tests(root: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Return pytest's exit status and what it said of these tests of the tree at `root`; -1 when it took too long."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *tests]
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTEST_ADDOPTS"}}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as err:
        return -1, f"no end after {err.timeout:.0f} s"
    return done.returncode, done.stdout + done.stderr
