"""Whether a peer is there: the rules by themselves."""

from core.server.watch import PING_AFTER_US, PONG_WITHIN_US, PROGRESS_WITHIN_US, Finding, Watch
from core.units import ServerTimeUs


def at(us: int) -> ServerTimeUs:
    return ServerTimeUs(us)


def test_silence_a_ping_and_no_answer() -> None:
    watch = Watch(at(0))
    assert watch.next_at == PING_AFTER_US
    assert watch.look(0, at(PING_AFTER_US - 1)) is None
    assert watch.look(0, at(PING_AFTER_US)) is Finding.SILENT
    assert watch.next_at == PING_AFTER_US + PONG_WITHIN_US
    assert watch.look(0, at(PING_AFTER_US + PONG_WITHIN_US - 1)) is None
    assert watch.look(0, at(PING_AFTER_US + PONG_WITHIN_US)) is Finding.DEAD


def test_anything_heard_begins_anew() -> None:
    watch = Watch(at(0))
    watch.look(0, at(PING_AFTER_US))
    watch.heard(at(PING_AFTER_US + 5))
    assert watch.next_at == 2 * PING_AFTER_US + 5
    assert watch.look(0, at(2 * PING_AFTER_US)) is None


def test_what_was_taken_at_once_is_not_waited_for() -> None:
    watch = Watch(at(0))
    watch.wrote(1_000, 0, at(10))
    assert watch.next_at == PING_AFTER_US


def test_stuck_when_nothing_was_taken_for_long() -> None:
    watch = Watch(at(0))
    watch.wrote(1_000, 400, at(10))
    assert watch.next_at == 10 + PROGRESS_WITHIN_US
    watch.wrote(500, 900, at(20))
    assert watch.look(900, at(9 + PROGRESS_WITHIN_US)) is None
    assert watch.look(900, at(10 + PROGRESS_WITHIN_US)) is Finding.STUCK


def test_a_single_byte_is_progress() -> None:
    watch = Watch(at(0))
    watch.wrote(1_000, 1_000, at(0))
    assert watch.look(999, at(PROGRESS_WITHIN_US)) is None
    assert watch.next_at == 2 * PROGRESS_WITHIN_US
    assert watch.look(0, at(2 * PROGRESS_WITHIN_US)) is None
    assert watch.next_at == PING_AFTER_US
