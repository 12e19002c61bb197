"""The account of what a player holds: exact to the byte."""

from copy import deepcopy

from hypothesis import given, strategies as st
import pytest

from core.stream.chunk import Batch, Chunk
from core.stream.player_buffer import BURST_US, PACE, PlayerBuffer
from core.units import ServerTimeUs

CHUNK_US = 25_000


def chunk(number: int, byte_count: int = 100) -> Chunk:
    start = ServerTimeUs(10_000_000 + number * CHUNK_US)
    return Chunk(start=start, duration_us=CHUNK_US, data=bytes(byte_count), frame=number, frame_count=1)


def buffer(capacity_bytes: int = 1000, output_delay_us: int = 0) -> PlayerBuffer:
    return PlayerBuffer(capacity_bytes=capacity_bytes, header_bytes=9, output_delay_us=output_delay_us)


def test_header_and_data_count_until_the_end_was_heard() -> None:
    held = buffer()
    now = ServerTimeUs(9_000_000)
    held.add(chunk(0), now)
    held.add(chunk(1, 50), now)
    assert held.held_bytes(now) == 109 + 59
    assert held.held_bytes(ServerTimeUs(chunk(0).end - 1)) == 109 + 59
    assert held.held_bytes(chunk(0).end) == 59
    assert held.held_bytes(chunk(1).end) == 0


def test_a_chunk_that_fills_the_last_byte_fits_and_one_byte_more_does_not() -> None:
    now = ServerTimeUs(9_000_000)
    held = buffer(capacity_bytes=2 * 109)
    held.add(chunk(0), now)
    assert held.ready_at(chunk(1), now) == now
    assert held.ready_at(chunk(1, 101), now) == chunk(0).end
    assert held.can_ever_hold(chunk(0, 2 * 109 - 9))
    assert not held.can_ever_hold(chunk(0, 2 * 109 - 8))


def test_an_output_delay_frees_earlier_also_what_was_sent_before_it_changed() -> None:
    now = ServerTimeUs(9_000_000)
    held = buffer(capacity_bytes=109)
    held.add(chunk(0), now)
    held.output_delay_us = 300_000
    assert held.ready_at(chunk(1), now) == chunk(0).end - 300_000
    assert held.held_bytes(ServerTimeUs(chunk(0).end - 300_000)) == 0


def test_after_the_first_burst_it_is_filled_at_a_pace() -> None:
    now = ServerTimeUs(9_000_000)
    held = buffer(capacity_bytes=10**9)
    number = 0
    while held.ready_at(chunk(number), now) == now:
        held.add(chunk(number), now)
        number += 1
    assert number == BURST_US // CHUNK_US
    assert held.ready_at(chunk(number), now) == now + -(-CHUNK_US // PACE)


def test_clear_forgets_bytes_and_pace() -> None:
    now = ServerTimeUs(9_000_000)
    held = buffer(capacity_bytes=10**9)
    for number in range(BURST_US // CHUNK_US):
        held.add(chunk(number), now)
    held.clear()
    assert held.held_bytes(now) == 0
    assert held.sent_until is None
    assert held.ready_at(chunk(1000), now) == now


@given(
    capacity=st.integers(120, 5_000),
    delay=st.integers(0, 500_000),
    sizes=st.lists(st.integers(1, 110), min_size=1, max_size=60),
)
def test_sending_when_it_says_so_never_exceeds_the_capacity_and_waits_no_longer_than_needed(
    capacity: int, delay: int, sizes: list[int]
) -> None:
    held = buffer(capacity, delay)
    now = ServerTimeUs(9_000_000)
    sent: list[Chunk] = []
    for number, size in enumerate(sizes):
        coming = chunk(number, size)
        ready = held.ready_at(coming, now)
        assert ready >= now
        if ready > now:
            just_before = ServerTimeUs(ready - 1)
            on_hand = sum(len(c.data) + 9 for c in sent if c.end - delay > just_before)
            too_much = on_hand + size + 9 > capacity
            too_fast = coming.end - sent[0].start > BURST_US + PACE * (just_before - 9_000_000)
            assert too_much or too_fast
        now = ready
        held.add(coming, now)
        sent.append(coming)
        assert sum(len(c.data) + 9 for c in sent if c.end - delay > now) == held.held_bytes(now) <= capacity


def test_bytes_are_counted_once_when_asked_twice() -> None:
    held = buffer()
    held.add(chunk(0), ServerTimeUs(0))
    assert held.held_bytes(ServerTimeUs(0)) == held.held_bytes(ServerTimeUs(0)) == 109


@pytest.mark.parametrize("number", [0, 1, 5])
def test_sent_until_is_the_end_of_the_last_chunk_without_the_delay(number: int) -> None:
    held = buffer(output_delay_us=400_000)
    for at in range(number + 1):
        held.add(chunk(at), ServerTimeUs(0))
    assert held.sent_until == chunk(number).end


@given(
    capacity=st.integers(120, 3_000),
    sizes=st.lists(st.lists(st.integers(1, 110), min_size=1, max_size=30), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 400_000), min_size=6, max_size=6),
)
def test_all_at_once_is_allowed_just_when_one_by_one_is_and_counts_the_same(
    capacity: int, sizes: list[list[int]], gaps: list[int]
) -> None:
    at_once, one_by_one = buffer(capacity), buffer(capacity)
    now = ServerTimeUs(9_000_000)
    number = 0
    for batch_sizes, gap in zip(sizes, gaps, strict=False):
        now = ServerTimeUs(now + gap)
        batch = Batch(chunk(number + at, size) for at, size in enumerate(batch_sizes))
        number += len(batch)
        trial = deepcopy(one_by_one)
        allowed = True
        for it in batch:
            allowed = allowed and trial.can_ever_hold(it) and trial.ready_at(it, now) == now
            trial.add(it, now)
        assert at_once.add_all(batch, now) is allowed
        if allowed:
            one_by_one = trial
        assert at_once.held_bytes(now) == one_by_one.held_bytes(now)
