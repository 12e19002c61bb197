"""What the bench's players make of bytes."""

import json

from hypothesis import given, strategies as st
import pytest

from core.protocol.messages.client_hello import parse_client_hello
from core.protocol.messages.client_state import parse_client_state
from core.protocol.websocket import Opcode, frame
from devtools.bench.wire import BINARY, PONG, TEXT, Format, FrameReader, Line, client_frame, hello, request, state

sizes = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])


@given(st.lists(st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), sizes), max_size=4), st.data())
def test_frames_are_whole_however_they_come(messages: list[tuple[Opcode, int]], data: st.DataObject) -> None:
    sent = [(opcode, bytes([number + 1]) * size) for number, (opcode, size) in enumerate(messages)]
    stream = b"".join(frame(opcode, payload) for opcode, payload in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader()
    received = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += list(reader.feed(stream[begin:end]))
    assert received == [(int(opcode), payload) for opcode, payload in sent]


@pytest.mark.parametrize("size", [0, 125, 126, 300])
def test_what_a_client_sends_is_masked(size: int) -> None:
    sent = client_frame(PONG, b"x" * size)
    head = 2 if size < 126 else 4
    assert sent[0] == 0x80 | PONG
    assert sent[1] & 0x80
    assert int.from_bytes(sent[2:4]) == size if size >= 126 else sent[1] & 0x7F == size
    assert sent[head : head + 4] == bytes(4)
    assert sent[head + 4 :] == b"x" * size


def test_the_request_asks_for_a_websocket() -> None:
    head, end, rest = request("ws://127.0.0.1:8927/sendspin").decode().partition("\r\n\r\n")
    assert (end, rest) == ("\r\n\r\n", "")
    assert head.startswith("GET /sendspin HTTP/1.1\r\nHost: 127.0.0.1:8927\r\n")


def test_our_own_server_understands_players() -> None:
    listed = Format("flac", 44_100, 24, 1)
    message = json.loads(hello("bench-007", listed, 1_000_000)[8:])
    assert message["type"] == "client/hello"
    notes: list[str] = []
    parsed = parse_client_hello(message["payload"], notes)
    assert (parsed.client_id, parsed.capacity_bytes) == ("bench-007", 1_000_000)
    assert [(str(f.codec), f.sample_rate, f.bit_depth, f.channel_count) for f in parsed.formats] == [tuple(listed)]
    words = parse_client_state(json.loads(state()[8:])["payload"], notes, parsed.player)
    assert (words["volume"], words["output_delay_ms"], notes) == (100, 0, [])


@pytest.mark.parametrize("text", ["pcm:48000:16:2", "flac:44100:24:1"])
def test_formats_by_name(text: str) -> None:
    assert str(Format.parse(text)) == text
    assert Format.parse("opus") == Format("opus", 48_000, 16, 2)


def test_pcm_joins_by_its_own_length() -> None:
    line = Line(Format("pcm", 44_100))
    assert line.joins(1_000_000, 4410 * 4)
    assert line.joins(1_100_001, 2205 * 4)  # rounding
    assert line.joins(1_150_000, 4)
    assert not line.joins(1_150_100, 4)


def test_other_codecs_join_by_the_length_of_the_first() -> None:
    line = Line(Format("opus"))
    assert all(line.joins(start, 300) for start in (0, 20_000, 40_000, 60_001))
    assert not line.joins(100_000, 300)
    line.cut()
    assert all(line.joins(start, 300) for start in (500_000, 525_000, 550_000))


def test_opcodes() -> None:
    assert (TEXT, BINARY) == (Opcode.TEXT, Opcode.BINARY)
