"""Frames as RFC 6455 wants them, against its own examples and aiohttp's reader."""

import asyncio

from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given, settings, strategies as st
import pytest

from core.protocol.websocket import Opcode, apply_mask, frame, masked_frame
from tests.fakes.transport import parse_frames

KEY = bytes.fromhex("37fa213d")


def test_the_examples_of_the_rfc() -> None:
    assert frame(Opcode.TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert masked_frame(Opcode.TEXT, b"Hello", KEY) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame(Opcode.BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert frame(Opcode.BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")


@pytest.mark.parametrize(
    ("byte_count", "header"),
    [(0, "8200"), (125, "827d"), (126, "827e007e"), (65535, "827effff"), (65536, "827f0000000000010000")],
)
def test_the_shortest_form_of_each_length(byte_count: int, header: str) -> None:
    payload = b"x" * byte_count
    assert frame(Opcode.BINARY, payload) == bytes.fromhex(header) + payload
    masked = masked_frame(Opcode.BINARY, payload, KEY)
    first = bytes.fromhex(header)
    assert masked[: len(first)] == bytes((first[0], first[1] | 0x80)) + first[2:]
    assert masked[len(first) : len(first) + 4] == KEY
    assert len(masked) == len(first) + 4 + byte_count


@given(payload=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4))
@settings(max_examples=50)
def test_the_mask_is_a_byte_by_byte_xor_and_its_own_inverse(payload: bytes, key: bytes) -> None:
    masked = apply_mask(payload, key)
    assert masked == bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    assert apply_mask(masked, key) == payload


@given(
    messages=st.lists(
        st.tuples(st.booleans(), st.sampled_from([0, 1, 125, 126, 1000, 65535, 65536, 70001])), max_size=5
    ),
    cut=st.integers(1, 4000),
)
@settings(max_examples=30, deadline=None)
def test_aiohttp_reads_them_whole_however_they_are_split(messages: list[tuple[bool, int]], cut: int) -> None:
    payloads = [bytes(index % 251 for index in range(byte_count)) for _, byte_count in messages]
    wire = b"".join(
        masked_frame(Opcode.BINARY, payload, KEY) if is_masked else frame(Opcode.BINARY, payload)
        for (is_masked, _), payload in zip(messages, payloads, strict=True)
    )

    async def read() -> list[bytes]:
        loop = asyncio.get_running_loop()
        queue = WebSocketDataQueue(BaseProtocol(loop), 2**20, loop=loop)
        reader = WebSocketReader(queue, 2**20, compress=False, decode_text=True)
        for at in range(0, len(wire), cut):
            reader.feed_data(wire[at : at + cut])
        received = []
        for _ in payloads:
            message = await queue.read()
            assert message.type is WSMsgType.BINARY
            received.append(message.data)
        return received

    assert asyncio.run(read()) == payloads
    assert [payload for _, payload, _ in parse_frames(wire)] == payloads
