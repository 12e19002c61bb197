"""The player's clock, and the time filter against clocks that drift."""

import random

from hypothesis import given, settings, strategies as st
import pytest

from tests.fakes.player.clock import DriftingClock, monotonic_raw_ns
from tests.fakes.player.exchange import BURST, FIRST_BURST, TimeExchange
from tests.fakes.player.timefilter import TimeFilter

CONVERGED_SAMPLES = 24  # 12 s at one sample every half second
LOCAL_US = 5_000_000_000
OFFSET_US = 123_456_789_012


def feed(clock: TimeFilter, drift: float, jitter_us: float, count: int, rng: random.Random) -> int:
    """Give the filter samples of a server that runs faster by `drift`; return the last local instant."""
    at_us = LOCAL_US
    for _ in range(count):
        at_us += 500_000
        error_us = rng.uniform(-jitter_us, jitter_us)
        clock.add(OFFSET_US + drift * (at_us - LOCAL_US) + error_us, jitter_us, at_us)
    return at_us


@pytest.mark.parametrize("drift_ppm", [-50, -7, 0, 3, 50])
@pytest.mark.parametrize("jitter_us", [0, 100, 400])
def test_filter_converges(drift_ppm: float, jitter_us: float) -> None:
    clock, drift = TimeFilter(), drift_ppm * 1e-6
    at_us = feed(clock, drift, jitter_us, CONVERGED_SAMPLES, random.Random(7))
    truth_us = at_us + OFFSET_US + drift * (at_us - LOCAL_US)
    assert abs(clock.to_server(at_us) - truth_us) < 1 + jitter_us / 3
    assert abs(clock.drift_estimate - drift) < (0.1 + jitter_us / 15) * 1e-6
    ahead_us = at_us + 1_000_000
    assert abs(clock.to_server(ahead_us) - (truth_us + 1_000_000 * (1 + drift))) < 2 + jitter_us / 3


def test_filter_reports_honest_sigmas() -> None:
    errors = []
    for seed in range(60):
        clock = TimeFilter()
        at_us = feed(clock, 20e-6, 200, CONVERGED_SAMPLES, random.Random(seed))
        error_us = clock.offset_us - (OFFSET_US + 20e-6 * (at_us - LOCAL_US))
        errors.append(abs(error_us) / clock.offset_sigma_us)
    within = sum(error < 2 for error in errors) / len(errors)
    assert within > 0.8
    assert max(errors) > 0.5  # a sigma that is far too large would be as dishonest


def test_filter_ignores_drift_that_is_not_significant() -> None:
    clock = TimeFilter()
    clock.add(1000, 400, 1_000_000)
    clock.add(1020, 400, 1_500_000)
    assert clock.drift_estimate > 0
    assert clock.drift == 0
    assert clock.to_server(2_500_000) - clock.to_server(1_500_000) == 1_000_000


def test_filter_ignores_samples_of_the_past() -> None:
    clock = TimeFilter()
    clock.add(1000, 100, 2_000_000)
    clock.add(9000, 100, 2_000_000)
    clock.add(9000, 100, 1_000_000)
    assert (clock.offset_us, clock.sample_count) == (1000, 1)


def test_filter_forgets_when_the_clock_jumps() -> None:
    clock, rng = TimeFilter(), random.Random(3)
    at_us = feed(clock, 10e-6, 100, 120, rng)
    assert clock.forgotten_count == 0
    for _ in range(30):
        at_us += 500_000
        clock.add(OFFSET_US + 10e-6 * (at_us - LOCAL_US) + 5_000, 100, at_us)
    assert clock.forgotten_count > 0
    assert abs(clock.to_server(at_us) - at_us - OFFSET_US - 10e-6 * (at_us - LOCAL_US) - 5_000) < 100


@settings(max_examples=50)
@given(st.floats(-50e-6, 50e-6), st.integers(-(10**12), 10**12))
def test_conversions_are_inverse(drift: float, local_us: int) -> None:
    clock = TimeFilter()
    feed(clock, drift, 20, 10, random.Random(1))
    assert clock.to_local(clock.to_server(local_us)) == pytest.approx(local_us, abs=0.01)


def test_clock_drifts_from_its_origin() -> None:
    now_ns = 77_000_000_000
    clock = DriftingClock(drift_ppm=50, origin_us=1_000, raw_ns=lambda: now_ns)
    assert clock.now_us() == 1_000
    now_ns += 100_000_000_000
    assert clock.now_us() == 1_000 + 100_005_000
    assert clock.true_ns(clock.now_us()) == pytest.approx(now_ns, abs=1000)


def test_clock_is_drawn_by_lot() -> None:
    clocks = [DriftingClock(rng=random.Random(seed)) for seed in range(50)]
    assert all(-50 <= clock.drift_ppm <= 50 for clock in clocks)
    assert len({clock.origin_us for clock in clocks}) == 50
    assert monotonic_raw_ns() <= monotonic_raw_ns()


def test_exchange_takes_the_best_of_a_burst() -> None:
    exchange = TimeExchange(0)
    for number in range(FIRST_BURST):
        asked_us = number * 1000
        assert exchange.due_us <= asked_us
        exchange.ask(asked_us)
        late_us = 10 if number == 5 else 500
        assert exchange.answer(asked_us, asked_us + 7_000, asked_us + 7_000, asked_us + late_us)
    assert exchange.filter.sample_count == 1
    assert exchange.filter.offset_us == 7_000 - 5
    assert exchange.best_max_error_us == 5
    assert exchange.due_us == 500_000


def test_exchange_asks_in_small_bursts_later() -> None:
    exchange, now_us, asked = TimeExchange(0), 0, []
    while now_us < 10_000_000:
        if exchange.due_us <= now_us:
            asked.append(exchange.ask(now_us))
            exchange.answer(now_us, now_us, now_us, now_us + 200)
        now_us += 250
    later = [stamp for stamp in asked if stamp > 400_000]
    assert len(asked) - len(later) == FIRST_BURST
    assert len(later) == BURST * 19
    assert exchange.filter.sample_count == 20


def test_exchange_goes_on_when_answers_are_lost_and_late() -> None:
    exchange = TimeExchange(0)
    stamps = [exchange.ask(now_us) for now_us in range(0, 2_000_000, 50_000) if exchange.due_us <= now_us]
    assert len(stamps) > FIRST_BURST
    assert exchange.answer(stamps[3], 0, 0, 2_000_000)
    assert not exchange.answer(stamps[2], 0, 0, 2_000_000)
    assert not exchange.answer(12345, 0, 0, 2_000_000)


@pytest.mark.parametrize(("jitter_us", "earliest_s", "latest_s"), [(0, 1.5, 3.5), (400, 3, 8), (20_000, 10, 10.6)])
def test_exchange_settles(jitter_us: int, earliest_s: float, latest_s: float) -> None:
    exchange, rng, now_us = TimeExchange(0), random.Random(5), 0
    while not exchange.is_settled(now_us):
        if exchange.due_us <= now_us:
            asked_us, there_us, back_us = exchange.ask(now_us), rng.randint(0, jitter_us), rng.randint(0, jitter_us)
            received_us = asked_us + 100 + there_us
            exchange.answer(asked_us, received_us, received_us, received_us + 100 + back_us)
        now_us += 1000
    assert earliest_s <= now_us / 1e6 <= latest_s
