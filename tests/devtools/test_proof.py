"""What the demo accepts, and what it does not."""

import json
import math
from typing import Any

import pytest

from devtools.proof import Proof, complaints_in
from tests.fakes.skew import Skew

GOOD_SKEW = Skew(p50_us=13.166, max_us=40.0, median_us=-13.0, windows=40, invalid=0, silent=0, each=())
STATES = {"media_player.kitchen": "playing", "media_player.living_room": "playing"}


def report(client_id: str, **changes: object) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "name": client_id.title(),
        "codec": "flac",
        "sample_rate": 48_000,
        "bytes": 100_000,
        "late_frames": 0,
        "missing_frames": 0,
        "overlapping_frames": 0,
        "clock": {"origin_us": 5e6, "drift_ppm": -12.34},
        "segments": [{}],
    } | changes


def proof(**changes: Any) -> Proof:
    fields: dict[str, Any] = {
        "seconds": 15.01,
        "home_assistant": "2026.11.0",
        "entities": STATES,
        "reports": [report("kitchen"), report("living room", codec="pcm")],
        "skew": GOOD_SKEW,
    }
    return Proof(**fields | changes)


def skew(**changes: Any) -> Skew:
    fields: dict[str, Any] = {name: getattr(GOOD_SKEW, name) for name in GOOD_SKEW.__dataclass_fields__}
    return Skew(**fields | changes)


def test_all_is_well() -> None:
    shown = proof()
    assert shown.problems() == []
    assert shown.as_json() == {
        "ok": True,
        "seconds": 15.01,
        "home_assistant": "2026.11.0",
        "entities": STATES,
        "players": [
            {
                "client_id": client_id,
                "codec": codec,
                "sample_rate": 48_000,
                "bytes": 100_000,
                "late_frames": 0,
                "missing_frames": 0,
                "overlapping_frames": 0,
            }
            for client_id, codec in (("kitchen", "flac"), ("living room", "pcm"))
        ],
        "skew_us": {"p50": 13.17, "max": 40.0},
        "problems": [],
    }
    table = shown.table()
    assert table.endswith("OK")
    for words in ("2026.11.0", "media_player.kitchen", "living room", "-12.3 ppm", "13.2", "40.0"):
        assert words in table


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"entities": STATES | {"media_player.kitchen": "idle"}}, "media_player.kitchen was idle"),
        ({"entities": {"media_player.kitchen": "playing"}}, "2 players, but 1 entities"),
        ({"reports": [report("a", late_frames=1), report("b")]}, "a: 1 late_frames"),
        ({"reports": [report("a"), report("b", missing_frames=2)]}, "b: 2 missing_frames"),
        ({"reports": [report("a"), report("b", overlapping_frames=3)]}, "b: 3 overlapping_frames"),
        ({"reports": [report("a", bytes=0, codec=None, sample_rate=None), report("b")]}, "a was sent nothing"),
        ({"skew": skew(p50_us=100.1)}, "half of the time more than 100 µs apart"),
        ({"skew": skew(max_us=500.1)}, "more than 500 µs apart at worst"),
        ({"skew": skew(invalid=1)}, "the skew could not be measured in 1 windows"),
        ({"complaints": ["it failed"]}, "in the log: it failed"),
    ],
)
def test_each_thing_can_go_wrong(changes: dict[str, Any], problem: str) -> None:
    shown = proof(**changes)
    assert shown.problems() == [problem]
    assert shown.as_json()["ok"] is False
    assert shown.table().endswith(f"NOT OK: {problem}")


def test_nothing_measured_is_not_well_and_still_json() -> None:
    shown = proof(skew=skew(p50_us=math.inf, max_us=math.inf, windows=0))
    assert "the players were never heard together" in shown.problems()
    assert json.loads(json.dumps(shown.as_json(), allow_nan=False))["skew_us"] == {"p50": None, "max": None}


def test_the_limits_are_within() -> None:
    assert proof(skew=skew(p50_us=100.0, max_us=500.0)).problems() == []


def test_only_trouble_of_the_integration_counts() -> None:
    ours = "2026 ERROR (MainThread) [custom_components.resonate.media] A"
    blocking = "2026 WARNING (MainThread) [homeassistant.util.loop] Detected blocking call in integration 'resonate'"
    others = [
        "2026 WARNING (SyncWorker_0) [homeassistant.loader] We found a custom integration resonate",
        "2026 ERROR (MainThread) [haffmpeg.core] FFmpeg fails",
        "2026 INFO (MainThread) [custom_components.resonate] Fine",
    ]
    log = "\n".join([*others, ours, blocking, *others])
    assert complaints_in(log) == [ours, blocking]
