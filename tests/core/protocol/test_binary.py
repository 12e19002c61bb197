"""Layouts of binary messages."""

from hypothesis import given, settings, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.protocol.binary import (
    HEADER_BYTES,
    MAX_ARTWORK_CHANNELS,
    BinaryId,
    Frame,
    pack,
    pack_artwork,
    pack_audio,
    unpack,
)
from tests.core.protocol.wire import at


def test_audio_as_a_player_expects_it() -> None:
    assert pack_audio(at(0x0102030405060708), b"\xaa\xbb").hex(" ") == "04 01 02 03 04 05 06 07 08 aa bb"
    assert pack_audio(at(-1), b"").hex() == "04" + "ff" * 8
    assert HEADER_BYTES == 9


def test_an_id_for_each_artwork_channel() -> None:
    assert [pack_artwork(n, at(1), b"jpeg")[0] for n in range(MAX_ARTWORK_CHANNELS)] == [8, 9, 10, 11]
    assert pack_artwork(1, at(1), b"").hex() == "09" + "00" * 7 + "01"
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match="artwork channel"):
            pack_artwork(wrong, at(1), b"")


def test_ids() -> None:
    assert {word.name: word.value for word in BinaryId} == {
        "AUDIO": 4,
        "ARTWORK": 8,
        "SOURCE_AUDIO": 12,
        "LOUDNESS": 16,
        "BEAT": 17,
        "F_PEAK": 18,
        "SPECTRUM": 19,
        "PEAK": 20,
    }


@settings(max_examples=50)
@given(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1), st.binary())
def test_what_is_packed_is_unpacked(frame_id: int, timestamp: int, body: bytes) -> None:
    assert unpack(pack(frame_id, at(timestamp), body)) == Frame(frame_id, at(timestamp), body)


@settings(max_examples=50)
@given(st.binary(max_size=20))
def test_any_bytes_are_a_frame_or_too_short(data: bytes) -> None:
    if len(data) >= 9:
        assert pack(*unpack(data)) == data
    else:
        with pytest.raises(RemoteProtocolError):
            unpack(data)
