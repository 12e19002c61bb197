"""The header of a WAV stream."""

from collections.abc import Callable
import struct

from hypothesis import example, given, strategies as st
import pytest

from core.media.wave_header import HeaderReader, WaveHeader, read_wave_header
from tests.fakes.media import PiecewiseStream


def reader_of(data: bytes, sizes: list[int] | None = None) -> HeaderReader:
    return HeaderReader(PiecewiseStream(data, sizes or [4096]).read)


def header(
    *,
    tag: int = 1,
    channel_count: int = 2,
    bits: int = 16,
    data_bytes: int = 400,
    rest: bytes = b"",
    before: bytes = b"",
) -> bytes:
    frame_bytes = channel_count * bits // 8
    body = struct.pack("<HHIIHH", tag, channel_count, 22_050, 22_050 * frame_bytes, frame_bytes, bits) + rest
    chunk = b"fmt " + struct.pack("<I", len(body)) + body
    return b"RIFF\xff\xff\xff\xffWAVE" + before + chunk + b"data" + struct.pack("<I", data_bytes)


def extensible(mask: int, tag: int) -> bytes:
    return struct.pack("<HHIH", 22, 24, mask, tag) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (header(), WaveHeader("s16le", 22_050, "2 channels", 400)),
        (header(channel_count=1, bits=8), WaveHeader("u8", 22_050, "1 channels", 400)),
        (header(tag=3, bits=32), WaveHeader("f32le", 22_050, "2 channels", 400)),
        (header(tag=3, bits=64), WaveHeader("f64le", 22_050, "2 channels", 400)),
        (header(bits=32), WaveHeader("s32le", 22_050, "2 channels", 400)),
        (header(tag=0xFFFE, bits=24, rest=extensible(3, 1)), WaveHeader("s24le", 22_050, "0x3", 400)),
        (header(tag=0xFFFE, bits=32, rest=extensible(0, 3)), WaveHeader("f32le", 22_050, "2 channels", 400)),
        (header(data_bytes=0), WaveHeader("s16le", 22_050, "2 channels", None)),
        (header(data_bytes=0xFFFFFFFF), WaveHeader("s16le", 22_050, "2 channels", None)),
        (header(before=b"LIST\x03\x00\x00\x00abc\x00"), WaveHeader("s16le", 22_050, "2 channels", 400)),
    ],
)
@pytest.mark.parametrize("sizes", [[4096], [1], [3, 1, 7]])
def test_what_ffmpeg_must_be_told(data: bytes, expected: WaveHeader, sizes: list[int]) -> None:
    reader = reader_of(data + b"samples", sizes)
    assert read_wave_header(reader) == expected
    assert reader.seen == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIF",
        b"RIFF\x00\x00\x00\x00AVI fmt ",
        header()[:30],
        header(tag=2, bits=4),  # ADPCM
        header(channel_count=0),
        b"RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00",
        b"RIFF\x00\x00\x00\x00WAVEfmt \x04\x00\x00\x00\x01\x00\x02\x00data\x00\x00\x00\x00",
        header(before=b"LIST\xff\xff\xff\x7f"),
    ],
)
def test_what_is_left_to_ffmpeg(data: bytes) -> None:
    assert read_wave_header(reader_of(data)) is None


def test_a_short_stream_of_another_kind_is_not_waited_for() -> None:
    reader = reader_of(b"ID3\x04 and so on")
    assert read_wave_header(reader) is None
    assert reader.seen == b"ID3\x04"


@given(data=st.binary(max_size=200), make=st.sampled_from([lambda data: data, lambda data: b"RIFF    WAVE" + data]))
@example(data=b"fmt \xff\xff\xff\xff", make=lambda data: b"RIFF    WAVE" + data)
def test_nonsense_raises_nothing_and_is_handed_back(data: bytes, make: Callable[[bytes], bytes]) -> None:
    reader = reader_of(make(data))
    read_wave_header(reader)
    assert make(data).startswith(reader.seen)
