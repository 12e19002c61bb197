"""What leaves first, in one write, and what does not leave at all."""

from hypothesis import given, settings, strategies as st
import pytest

from core.protocol.websocket import Opcode
from core.server.outbox import MAX_ENTRIES, MAX_QUEUED_US, Outbox, Stamped
from core.stream.chunk import Batch, Chunk
from core.units import ServerTimeUs
from tests.fakes.clock import FakeClock
from tests.fakes.transport import parse_frames

ROOM = 64 * 1024


def make_chunk(start: int, duration_us: int = 25_000, byte_count: int = 100) -> Chunk:
    return Chunk(start=ServerTimeUs(start), duration_us=duration_us, data=b"a" * byte_count, frame=0, frame_count=1)


def play(outbox: Outbox, *chunks: Chunk) -> None:
    outbox.play(Batch(chunks))


def pack(chunk: Chunk) -> bytes:
    return str(chunk.start).encode() + chunk.data


def make_outbox(clock: FakeClock, *, is_masking: bool = False) -> Outbox:
    return Outbox(clock, is_masking=is_masking, pack=pack, is_streaming=lambda: True)


def at_any_time(text: str) -> Stamped:
    return lambda now: text


def payloads(data: bytes) -> list[bytes]:
    return [payload for _, payload, _ in parse_frames(data)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000)


def test_replies_leave_before_messages_before_the_stream_in_one_write(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.mark(lambda now: f"start {now}")
    play(outbox, make_chunk(2_000))
    outbox.mark(lambda now: f"clear {now}")
    play(outbox, make_chunk(3_000))
    outbox.say("command")
    outbox.say("state")
    outbox.reply(lambda now: f"first {now}")
    outbox.reply(lambda now: f"second {now}")
    clock.advance(5)
    assert outbox
    assert payloads(outbox.take(ROOM)) == [
        b"first 1005",
        b"second 1005",
        b"command",
        b"state",
        b"start 1005",
        b"2000" + b"a" * 100,
        b"clear 1005",
        b"3000" + b"a" * 100,
    ]
    assert not outbox
    assert outbox.take(ROOM) == b""


def test_pictures_leave_last_one_in_a_write_and_never_before_audio(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.show(lambda now: "start pictures")
    outbox.show(lambda now: b"image" * 20_000)
    outbox.show(lambda now: None)
    outbox.show(lambda now: b"")
    play(outbox, make_chunk(2_000, byte_count=ROOM), make_chunk(3_000))
    outbox.reply(lambda now: "reply")
    assert payloads(outbox.take(ROOM))[0] == b"reply"
    outbox.say("state")
    assert payloads(outbox.take(ROOM)) == [b"state", b"3000" + b"a" * 100, b"start pictures"]
    assert payloads(outbox.take(1)) == [b"image" * 20_000]
    assert outbox
    assert outbox.take(ROOM) == b""
    assert payloads(outbox.take(ROOM)) == [b""]
    assert not outbox


def test_a_reply_is_stamped_after_all_else_was_made(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.reply(lambda now: f"reply {now}")

    def slow(now: ServerTimeUs) -> str:
        clock.advance(7)
        return f"start {now}"

    outbox.mark(slow)
    assert payloads(outbox.take(ROOM)) == [b"reply 1007", b"start 1000"]


def test_our_hello_leaves_before_everything(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.reply(at_any_time("reply"))
    outbox.say("state")
    outbox.greet("hello")
    assert payloads(outbox.take(ROOM)) == [b"hello", b"reply", b"state"]


def test_what_is_no_longer_due_does_not_leave(clock: FakeClock) -> None:
    is_streaming = False
    outbox = Outbox(clock, is_masking=False, pack=pack, is_streaming=lambda: is_streaming)
    outbox.reply(lambda now: None)
    outbox.mark(lambda now: None)
    play(outbox, make_chunk(2_000))
    assert outbox.take(ROOM) == b""
    assert (outbox.dropped_chunk_count, outbox.sent_bytes, outbox.queued_us) == (1, 0, 0)
    is_streaming = True
    play(outbox, make_chunk(2_000))
    assert len(payloads(outbox.take(ROOM))) == 1


def test_no_more_than_there_is_room_for_but_replies_and_messages_always(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    for index in range(10):
        play(outbox, make_chunk(5_000 + index, byte_count=1_000))
    assert len(payloads(outbox.take(2_500))) == 3
    outbox.reply(lambda now: "reply")
    outbox.say("say")
    assert payloads(outbox.take(0)) == [b"reply", b"say"]
    assert len(payloads(outbox.take(ROOM))) == 7


def test_late_chunks_are_dropped_and_counted(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    for start in (700, 900, 901):
        play(outbox, make_chunk(start, duration_us=100, byte_count=10))
    outbox.mark(lambda now: "end")
    assert payloads(outbox.take(ROOM)) == [b"901" + b"a" * 10, b"end"]
    assert (outbox.dropped_chunk_count, outbox.sent_bytes, outbox.queued_us, outbox.queued_bytes) == (2, 10, 0, 0)


def test_what_was_dropped_before_a_clear_leaves_the_marks_in_place(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.mark(lambda now: "start")
    play(outbox, make_chunk(2_000))
    outbox.drop_chunks()
    outbox.mark(lambda now: "clear")
    play(outbox, make_chunk(9_000, byte_count=1))
    assert (outbox.queued_us, outbox.queued_bytes) == (25_000, 1)
    assert payloads(outbox.take(ROOM)) == [b"start", b"clear", b"9000a"]


def test_one_bytes_object_for_all_players_of_a_kind(clock: FakeClock) -> None:
    chunk = make_chunk(2_000)
    for is_masking in (False, True, False, True):
        outbox = make_outbox(clock, is_masking=is_masking)
        play(outbox, chunk)
        framed = outbox.take(ROOM)
        before = chunk.wire["masked" if is_masking else "plain"]
        assert framed == before
        assert parse_frames(framed) == [(Opcode.BINARY, pack(chunk), is_masking)]
    assert set(chunk.wire) == {"plain", "masked"}
    assert outbox.sent_bytes == 100


def test_every_masked_frame_has_a_key_of_its_own(clock: FakeClock) -> None:
    outbox = make_outbox(clock, is_masking=True)
    for _ in range(20):
        outbox.say("same")
    data = outbox.take(ROOM)
    frames = [data[at : at + 10] for at in range(0, len(data), 10)]
    assert len(set(frames)) == 20
    assert all(masked for _, _, masked in parse_frames(data))


def test_a_ping_is_asked_for_once(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    outbox.ping()
    outbox.ping()
    assert outbox
    assert parse_frames(outbox.take(0)) == [(Opcode.PING, b"", False)]
    assert not outbox


def test_limits(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    for _ in range(MAX_ENTRIES):
        outbox.say("x")
    assert not outbox.is_over_limit
    outbox.reply(lambda now: "x")
    assert outbox.is_over_limit


def test_the_audio_that_waits_is_limited(clock: FakeClock) -> None:
    outbox = make_outbox(clock)
    play(outbox, make_chunk(2_000, duration_us=MAX_QUEUED_US))
    assert not outbox.is_over_limit
    play(outbox, make_chunk(3_000))
    assert outbox.is_over_limit


@given(
    entries=st.lists(
        st.one_of(
            st.just("reply"), st.just("say"), st.just("mark"), st.just("drop"), st.integers(0, 4_000), st.just("take")
        ),
        max_size=60,
    ),
    room=st.integers(0, 3_000),
)
@settings(max_examples=50)
def test_any_order_keeps_the_stream_in_order_and_replies_never_behind_audio(
    entries: list[str | int], room: int
) -> None:
    clock = FakeClock(0)
    outbox = make_outbox(clock)
    writes: list[list[bytes]] = []
    for serial, entry in enumerate([*entries, *["take"] * 70]):
        match entry:
            case "reply":
                outbox.reply(at_any_time(f"r{serial:03}"))
            case "say":
                outbox.say(f"s{serial:03}")
            case "mark":
                outbox.mark(at_any_time(f"m{serial:03}"))
            case "drop":
                outbox.drop_chunks()
            case "take":
                writes.append(payloads(outbox.take(room)))
            case int():
                play(outbox, make_chunk(10_000_000 + serial, byte_count=entry))
    rank = {b"r": 0, b"s": 1, b"m": 2, b"1": 2}
    for write in writes:
        ranks = [rank[payload[:1]] for payload in write]
        assert ranks == sorted(ranks)
    for first in (b"r", b"s", b"m"):
        of_kind = [payload for write in writes for payload in write if payload.startswith(first)]
        assert of_kind == sorted(of_kind)
    sent = sum(len(payload) - 8 for write in writes for payload in write if payload.startswith(b"1"))
    assert outbox.sent_bytes == sent
    assert outbox.queued_us >= 0


def test_chunks_of_one_batch_are_framed_and_joined_once_for_all_who_get_them() -> None:
    clock = FakeClock(1_000)
    batch = Batch(make_chunk(2_000_000 + index * 25_000) for index in range(8))
    one, two, other = make_outbox(clock), make_outbox(clock), make_outbox(clock)
    for outbox in (one, two):
        outbox.play(batch)
    play(other, batch[0])
    together = one.take(100_000)
    assert two.take(100_000) is not None
    assert batch.wire["plain"] == together == b"".join(chunk.wire["plain"] for chunk in batch)
    assert other.take(100_000) == batch[0].wire["plain"]
    assert (one.sent_bytes, one.queued_us, one.queued_bytes, bool(one)) == (800, 0, 0, False)


def test_a_batch_is_split_where_the_room_or_the_present_ends() -> None:
    clock = FakeClock(1_000)
    outbox = make_outbox(clock)
    batch = Batch(make_chunk(2_000 + index * 25_000) for index in range(8))
    outbox.play(batch)
    first = outbox.take(250)
    assert first == b"".join(chunk.wire["plain"] for chunk in batch[:3])
    assert outbox.queued_us == 5 * 25_000
    clock.advance(batch[4].end - clock.now())
    assert outbox.take(10_000) == b"".join(chunk.wire["plain"] for chunk in batch[5:])
    assert outbox.dropped_chunk_count == 2
    assert (outbox.queued_us, outbox.queued_bytes) == (0, 0)
