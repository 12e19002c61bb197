"""When a moment of what plays is due, by what states say."""

from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import State
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st

from custom_components.resonate.moments import Moment, Progress, read_progress

NOW = dt_util.utcnow()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def progress(position_s: float, valid_s: float = 0, *, media_id: str = "a", duration_s: float | None = 100) -> Progress:
    return Progress(media_id=media_id, position_s=position_s, valid_at=at(valid_s), duration_s=duration_s)


def test_read_from_a_state() -> None:
    attributes: dict[str, Any] = {
        "media_content_id": "a",
        "media_position": 5,
        "media_position_updated_at": NOW,
        "media_duration": 100,
    }
    assert read_progress(State("media_player.a", "playing", attributes)) == progress(5)
    without_end = State("media_player.a", "playing", attributes | {"media_duration": None})
    assert read_progress(without_end) == progress(5, duration_s=None)
    assert read_progress(State("media_player.a", "paused", attributes)) is None
    assert read_progress(State("media_player.a", "playing", attributes | {"media_position": None})) is None
    assert read_progress(State("media_player.a", "playing", attributes | {"media_position_updated_at": "x"})) is None
    assert read_progress(None) is None


def test_from_the_start_and_from_the_end() -> None:
    assert Moment(30, is_from_end=False).due_at(progress(10), NOW) == at(20)
    assert Moment(30, is_from_end=True).due_at(progress(10), NOW) == at(60)


def test_a_shorter_medium_ends_soon_from_its_start_and_has_no_such_position() -> None:
    short = progress(0, duration_s=5)
    assert Moment(30, is_from_end=True).due_at(short, NOW) == NOW
    assert Moment(30, is_from_end=False).due_at(short, NOW) is None


def test_without_an_end_nothing_is_about_to_end() -> None:
    assert Moment(30, is_from_end=True).due_at(progress(10, duration_s=None), NOW) is None
    assert Moment(30, is_from_end=False).due_at(progress(10, duration_s=None), NOW) == at(20)


def test_nothing_plays() -> None:
    assert Moment(30, is_from_end=False).due_at(None, NOW) is None


def test_what_was_leapt_over_is_not_met_until_somebody_goes_back() -> None:
    moment = Moment(30, is_from_end=False)
    assert moment.due_at(progress(40), NOW) is None
    assert moment.due_at(progress(29.5), NOW) is None  # a rounded position is no going back
    assert moment.due_at(progress(20), NOW) == at(10)


def test_once_for_each_medium() -> None:
    moment = Moment(30, is_from_end=False)
    assert moment.due_at(progress(20), NOW) == at(10)
    moment.met()
    assert moment.due_at(progress(30, 11), at(11)) is None  # paused and gone on
    assert moment.due_at(progress(0, 20, media_id="b"), at(20)) == at(50)


def test_a_late_state_is_told_at_once_but_not_to_who_comes_later() -> None:
    assert Moment(30, is_from_end=False).due_at(progress(29), at(5)) == at(1)
    late = Moment(30, is_from_end=False)
    assert late.due_at(progress(29), at(5), is_first=True) is None
    assert late.due_at(progress(35, 6), at(6)) is None


@given(
    point_s=st.floats(0, 100),
    steps=st.lists(st.tuples(st.floats(0, 20), st.booleans()), min_size=1, max_size=30),
)
def test_any_way_of_pausing_meets_a_moment_once(point_s: float, steps: list[tuple[float, bool]]) -> None:
    """Play so long, pause or be told anew, all in whole seconds: it is met when it is heard, and once."""
    moment, now_s, position_s, met_at = Moment(point_s, is_from_end=False), 0.0, 0.0, []
    for length_s, is_pause in steps:
        stated = progress(round(position_s), now_s)
        due_at = moment.due_at(stated, at(now_s))
        if due_at is not None and due_at <= at(now_s + length_s):
            moment.met()
            met_at.append(position_s + (due_at - at(now_s)).total_seconds())
        now_s += length_s + (5 if is_pause else 0)
        position_s += length_s
    assert len(met_at) <= 1
    assert met_at or position_s <= point_s + 1
    assert all(abs(heard_s - point_s) <= 1 + 1e-6 for heard_s in met_at)
