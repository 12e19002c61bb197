"""What a demo shows, and whether it is what was promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Any, Final

from tests.fakes.skew import Skew

MOST_P50_US: Final = 100.0
MOST_US: Final = 500.0
_FAULTS: Final = ("late_frames", "missing_frames", "overlapping_frames")
_TOLD: Final = ("client_id", "codec", "sample_rate", "bytes", *_FAULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Everything that was seen and heard."""

    seconds: float
    """For how long it played."""
    home_assistant: str
    entities: Mapping[str, str]
    """States while it played."""
    reports: Sequence[Mapping[str, Any]]
    """What the players witnessed."""
    skew: Skew
    complaints: Sequence[str] = ()
    """Lines of Home Assistant's log in which the integration does not look well."""

    def problems(self) -> list[str]:
        """Return what is not as promised, for a person; empty when all is well."""
        found = [f"{entity_id} was {state}" for entity_id, state in self.entities.items() if state != "playing"]
        if len(self.entities) != len(self.reports):
            found.append(f"{len(self.reports)} players, but {len(self.entities)} entities")
        for report in self.reports:
            found += [f"{report['client_id']}: {report[fault]} {fault}" for fault in _FAULTS if report[fault]]
            if not report["bytes"]:
                found.append(f"{report['client_id']} was sent nothing")
        if not self.skew.windows:
            found.append("the players were never heard together")
        elif self.skew.invalid:
            found.append(f"the skew could not be measured in {self.skew.invalid} windows")
        if not self.skew.p50_us <= MOST_P50_US:
            found.append(f"half of the time more than {MOST_P50_US:.0f} µs apart")
        if not self.skew.max_us <= MOST_US:
            found.append(f"more than {MOST_US:.0f} µs apart at worst")
        return found + [f"in the log: {line}" for line in self.complaints]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "ok": not self.problems(),
            "seconds": self.seconds,
            "home_assistant": self.home_assistant,
            "entities": dict(self.entities),
            "players": [{key: report[key] for key in _TOLD} for report in self.reports],
            "skew_us": {"p50": _number(self.skew.p50_us), "max": _number(self.skew.max_us)},
            "problems": self.problems(),
        }

    def table(self) -> str:
        """Return it for a person."""
        lines = [f"Home Assistant {self.home_assistant}, {self.seconds:.1f} s of music", ""]
        lines += [f"  {entity_id:<28} {state}" for entity_id, state in self.entities.items()]
        lines += [
            "",
            f"  {'player':<28} {'codec':<6} {'rate':>6} {'bytes':>9} {'late':>5} {'missing':>8} {'overlapping':>12}",
        ]
        for report in self.reports:
            told = {key: "-" if report[key] is None else report[key] for key in _TOLD}
            lines.append(
                "  {client_id:<28} {codec:<6} {sample_rate:>6} {bytes:>9} {late_frames:>5} {missing_frames:>8} "
                "{overlapping_frames:>12}".format_map(told)
            )
        lines += ["", *(f"  {_clock(report)}" for report in self.reports)]
        skew = f"  apart (µs): half of the time up to {self.skew.p50_us:.1f}, at worst {self.skew.max_us:.1f}"
        lines += ["", f"{skew}; found by correlation, {self.skew.windows} times", ""]
        problems = self.problems()
        return "\n".join([*lines, *(f"NOT OK: {problem}" for problem in problems)] if problems else [*lines, "OK"])


def complaints_in(log: str) -> list[str]:
    """Return the lines of Home Assistant's log that speak of trouble in the integration."""
    words = ("custom_components.resonate", "custom_components/resonate", "integration 'resonate'")
    marks = (" ERROR ", " CRITICAL ", "Detected ")
    return [
        line for line in log.splitlines() if any(mark in line for mark in marks) and any(word in line for word in words)
    ]


def _clock(report: Mapping[str, Any]) -> str:
    clock = report["clock"]
    began, drift = clock["origin_us"] / 1e6, clock["drift_ppm"]
    return f"{report['name']}'s clock began at {began:.3f} s and drifts by {drift:+.1f} ppm"


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
