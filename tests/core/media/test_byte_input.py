"""Streams of the host, in front of FFmpeg."""

import io

from hypothesis import given, strategies as st
import pytest

from core.errors import MediaDecodeError
from core.media.byte_input import ByteInput
from core.media.icy import Station
from core.media.tags import Tags
from tests.fakes.media import BrokenStream, GreedyStream, PiecewiseStream, RadioBytes, with_titles


@pytest.mark.parametrize("kind", [PiecewiseStream, GreedyStream])
@given(
    data=st.binary(max_size=500),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    wanted=st.integers(1, 60),
)
def test_every_byte_once_and_never_more_than_asked(
    kind: type[PiecewiseStream], data: bytes, sizes: list[int], wanted: int
) -> None:
    byte_input = ByteInput(kind(data, sizes))
    pieces = list(iter(lambda: byte_input.read(wanted), b""))
    assert b"".join(pieces) == data
    assert all(len(piece) <= wanted for piece in pieces)


def test_a_failure_is_kept_and_looks_like_the_end() -> None:
    error = MediaDecodeError("gone")
    byte_input = ByteInput(BrokenStream(b"abc", error))
    assert [byte_input.read(10) for _ in range(3)] == [b"abc", b"", b""]
    assert byte_input.failure is error


def test_once_closed_it_is_at_its_end() -> None:
    stream = PiecewiseStream(b"abc")
    byte_input = ByteInput(stream)
    byte_input.close()
    assert stream.closed
    assert byte_input.read(1) == b""


def test_it_ends_where_it_is_told() -> None:
    byte_input = ByteInput(PiecewiseStream(b"abcdef"))
    byte_input.end_after(4)
    assert [byte_input.read(3) for _ in range(3)] == [b"abc", b"d", b""]


def test_what_is_handed_back_comes_again() -> None:
    byte_input = ByteInput(PiecewiseStream(b"def"))
    byte_input.unread(b"abc")
    assert [byte_input.read(2) for _ in range(4)] == [b"ab", b"c", b"de", b"f"]


def test_only_what_can_seek_is_sought() -> None:
    byte_input = ByteInput(PiecewiseStream(b"abc"))
    assert not byte_input.seekable()
    assert byte_input.seek(0) == -1
    assert byte_input.tell() == 0


@pytest.mark.parametrize(
    ("offset", "whence", "position"), [(4, io.SEEK_SET, 4), (1, io.SEEK_CUR, 3), (-1, io.SEEK_END, 5)]
)
def test_seeking(offset: int, whence: int, position: int) -> None:
    byte_input = ByteInput(io.BytesIO(b"abcdef"))
    assert byte_input.seekable()
    assert byte_input.read(2) == b"ab"
    assert byte_input.seek(offset, whence) == position
    assert byte_input.tell() == position
    assert byte_input.read(6) == b"abcdef"[position:]


def test_a_seek_that_fails() -> None:
    file = io.BytesIO(b"abc")
    file.close()
    assert ByteInput(file).seek(0) == -1


@pytest.mark.parametrize(
    ("data", "expected"), [(b"OggS\0\x02one OggS\0\x00two OggS\0\x02three", b"OggS\0\x02three"), (b"OggS\0\x00", b"")]
)
def test_back_to_the_last_ogg_stream(data: bytes, expected: bytes) -> None:
    byte_input = ByteInput(PiecewiseStream(data))
    byte_input.read(100)
    assert byte_input.return_to_link() is bool(expected)
    assert byte_input.read(100) == expected


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5), wanted=st.integers(1, 9))
def test_tags_of_a_radio_stand_where_they_stood(sizes: list[int], wanted: int) -> None:
    data = with_titles(bytes(range(40)), 8, {0: "A - B", 16: "C"})
    byte_input = ByteInput(RadioBytes(data, sizes, station=Station(8, "Radio")))
    audio, told = b"", []
    while piece := byte_input.read(wanted):
        audio += piece
        assert byte_input.position == len(audio)
        if (tags := byte_input.take_tags(byte_input.position)) is not None:
            told.append((len(audio) - len(piece), tags))
    assert audio == bytes(range(40))
    assert [tags for _, tags in told] == [Tags("B", "A"), Tags("C")]
    for (begin, _), position in zip(told, (8, 24), strict=True):
        # Known at the latest with the first byte behind it, and never earlier than the last one before it.
        assert begin - wanted <= position <= begin + wanted


def test_a_radio_without_tags_is_a_stream_like_any_other() -> None:
    byte_input = ByteInput(RadioBytes(b"abc", station=Station(None, "Radio")))
    assert byte_input.station == Station(None, "Radio")
    assert byte_input.read(10) == b"abc"
    assert byte_input.take_tags(3) is None
