"""What measurements come to, and how they are told. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

SIDES: Final = ("ours", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One side, once."""

    cpu_ms_per_s: float
    """CPU of the whole server process per second of audio."""
    players_ms_per_s: float
    """The same of the players' process: at a thousand it has a core of its own, and holds the server up."""
    late: int
    gaps: int
    lost: int
    least_ahead_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One case with one number of players."""

    case: str
    clients: int
    target: float | None
    runs: Mapping[str, Sequence[Run]]

    def cpu_ms_per_s(self, side: str) -> float | None:
        """Return the median of a side; None when it was not measured."""
        runs = self.runs.get(side)
        return median(run.cpu_ms_per_s for run in runs) if runs else None

    @property
    def ratio(self) -> float | None:
        """Our CPU over the reference's."""
        ours, reference = (self.cpu_ms_per_s(side) for side in SIDES)
        return None if ours is None or not reference else ours / reference

    @property
    def spread(self) -> float | None:
        """Largest over smallest, of whichever side differs more from run to run: noise."""
        spreads = [
            max(run.cpu_ms_per_s for run in runs) / min(run.cpu_ms_per_s for run in runs)
            for runs in self.runs.values()
            if runs
        ]
        return max(spreads, default=None)

    def flaws(self, side: str) -> str:
        """Return what was wrong with what players heard, in words; empty when nothing."""
        runs = self.runs.get(side, ())
        counts = {name: sum(getattr(run, name) for run in runs) for name in ("late", "gaps", "lost")}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        return {
            "case": self.case,
            "clients": self.clients,
            "ratio": self.ratio,
            "target": self.target,
            "spread": self.spread,
            "cpu_ms_per_s": {side: self.cpu_ms_per_s(side) for side in self.runs},
            "runs": {
                side: [{name: getattr(run, name) for name in Run.__slots__} for run in runs]
                for side, runs in self.runs.items()
            },
        }


HEADER: Final = (
    "| case | players | ours, ms/s | reference, ms/s | ratio | aim | spread | flaws of ours |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def row(comparison: Comparison) -> str:
    """Return a line of the table."""
    ours, reference = (comparison.cpu_ms_per_s(side) for side in SIDES)
    cells = (
        comparison.case,
        str(comparison.clients),
        _number(ours, 1),
        _number(reference, 1),
        _number(comparison.ratio, 3),
        _number(comparison.target, 2),
        _number(comparison.spread, 2),
        comparison.flaws("ours") or "-",
    )
    return f"| {' | '.join(cells)} |"


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """Return median and worst of some lengths in µs."""
    return {"median_ms": round(median(values) / 1000, 2), "worst_ms": round(max(values) / 1000, 2)}


def lengths(began_us: int, firsts: Sequence[tuple[str, int]], clients: int) -> list[int]:
    """Return how long after `began_us` each player had its first chunk. Raises ValueError when some had none."""
    first_by_client: dict[str, int] = {}
    for client_id, at_us in firsts:
        if at_us >= began_us:
            first_by_client.setdefault(client_id, at_us)
    if len(first_by_client) < clients:
        raise ValueError(f"only {len(first_by_client)} of {clients} players heard something")
    return sorted(at_us - began_us for at_us in first_by_client.values())


CLOCK_HEADER: Final = (
    "| stall of Home Assistant's loop | our loop | p50, µs | p99, µs | worst, µs | replies | late chunks |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def clock_row(result: Mapping[str, Any]) -> str:
    """Return a line of the table of clock replies."""
    error = result["error_us"]
    cells = (result["stall"], result["loop"], error["p50"], error["p99"], error["max"], result["replies"])
    return f"| {' | '.join(map(str, (*cells, result['late'])))} |"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
