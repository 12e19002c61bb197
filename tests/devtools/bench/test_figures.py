"""What measurements come to."""

import pytest

from devtools.bench.__main__ import parse
from devtools.bench.cases import CASES, CLIENTS
from devtools.bench.figures import CLOCK_HEADER, HEADER, Comparison, Run, clock_row, lengths, milliseconds, row


def _run(cpu: float, *, late: int = 0, gaps: int = 0) -> Run:
    return Run(cpu_ms_per_s=cpu, players_ms_per_s=1.0, late=late, gaps=gaps, lost=0, least_ahead_ms=2000.0)


def _compared(ours: list[Run], reference: list[Run]) -> Comparison:
    return Comparison(case="pcm", clients=8, target=0.2, runs={"ours": ours, "reference": reference})


def test_a_ratio_is_that_of_the_medians() -> None:
    compared = _compared([_run(9), _run(100), _run(10)], [_run(40), _run(50), _run(1)])
    assert compared.ratio == 10 / 40
    assert compared.spread == 50


def test_one_side_alone_has_no_ratio() -> None:
    alone = Comparison(case="pcm", clients=8, target=None, runs={"ours": [_run(9)]})
    assert alone.ratio is None
    assert row(alone) == "| pcm | 8 | 9.0 | - | - | - | 1.00 | - |"


def test_a_row_tells_what_was_wrong_with_ours() -> None:
    compared = _compared([_run(10, late=2), _run(10, gaps=1), _run(10, late=1)], [_run(50, gaps=7)])
    assert row(compared) == "| pcm | 8 | 10.0 | 50.0 | 0.200 | 0.20 | 1.00 | 3 late, 1 gaps |"
    assert row(compared).count("|") == HEADER.splitlines()[0].count("|") == HEADER.splitlines()[1].count("|")


def test_json_has_everything() -> None:
    told = _compared([_run(10)], [_run(50)]).as_json()
    assert told["ratio"] == 0.2
    assert told["cpu_ms_per_s"] == {"ours": 10, "reference": 50}
    assert told["runs"] == {
        side: [
            {
                "cpu_ms_per_s": cpu,
                "players_ms_per_s": 1.0,
                "late": 0,
                "gaps": 0,
                "lost": 0,
                "least_ahead_ms": 2000.0,
            }
        ]
        for side, cpu in (("ours", 10), ("reference", 50))
    }


def test_lengths_count_each_players_first_chunk_after_the_command() -> None:
    firsts = [("a", 90), ("b", 130), ("a", 120), ("a", 500)]
    assert lengths(100, firsts, 2) == [20, 30]
    with pytest.raises(ValueError, match="only 2 of 3"):
        lengths(100, firsts, 3)


def test_milliseconds() -> None:
    assert milliseconds([1000, 9000, 2000]) == {"median_ms": 2.0, "worst_ms": 9.0}


def test_a_row_of_the_clocks_table() -> None:
    result = {
        "stall": "busy",
        "loop": "own",
        "error_us": {"p50": 20, "p99": 900, "max": 1000},
        "replies": 5,
        "late": 0,
    }
    assert clock_row(result) == "| busy | own | 20 | 900 | 1000 | 5 | 0 |"
    assert clock_row(result).count("|") == CLOCK_HEADER.splitlines()[0].count("|")


def test_every_case_has_an_aim_for_each_number_of_players() -> None:
    assert [case.clients for case in CASES.values()] == [CLIENTS] * 3 + [(32,)] * 3 + [CLIENTS] * 3
    assert len(CASES["eight"].formats) == len(set(CASES["eight"].formats)) == 8


def test_everything_is_measured_unless_something_is_asked_for() -> None:
    assert set(CASES) < set(parse([]).case)
    options = parse(["--case", "pcm", "clock", "--clients", "1", "8", "--quick", "--json"])
    assert (options.case, options.clients, options.quick, options.json) == (["pcm", "clock"], [1, 8], True, True)
    with pytest.raises(SystemExit):
        parse(["--case", "nothing"])
