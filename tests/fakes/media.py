"""Media for tests, made by PyAV in memory, and streams that give them slowly, in pieces, or not to the end."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
import io
from itertools import cycle
import struct
from threading import Event
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from core.media.icy import Station

type Samples = npt.NDArray[np.float64]
"""Shape (frame_count, lane_count), full scale ±1."""

_INTEGERS: Final[dict[str, tuple[npt.DTypeLike, int, int]]] = {
    "u8": (np.uint8, 8, 128),
    "s16": (np.int16, 16, 0),
    "s16p": (np.int16, 16, 0),
    "s32": (np.int32, 32, 0),
    "s32p": (np.int32, 32, 0),
}
_TONES_HZ: Final = (997, 2003, 3001, 1499, 2503, 3499, 1201, 2707)


def tones(frame_count: int, lane_count: int = 2, sample_rate: int = 48_000) -> Samples:
    """Return another pair of tones on each lane; high enough that one frame of shift is heard in the difference."""
    seconds = np.arange(frame_count)[:, np.newaxis] / sample_rate
    first, second = np.array(_TONES_HZ[:lane_count]), 0.61 * np.array(_TONES_HZ[:lane_count])
    return 0.3 * np.sin(2 * np.pi * first * seconds) + 0.2 * np.sin(2 * np.pi * second * seconds)


def noise(frame_count: int, lane_count: int = 2, seed: int = 1) -> Samples:
    """Return white noise to full scale."""
    return np.random.default_rng(seed).uniform(-1, 1, (frame_count, lane_count))


def quantised(samples: Samples, bit_depth: int) -> Samples:
    """Return `samples` on the grid of integers of `bit_depth` bits, within their range."""
    full_scale = 2.0 ** (bit_depth - 1)
    return np.clip(np.round(samples * full_scale), -full_scale, full_scale - 1) / full_scale


def encode(
    samples: Samples,
    codec: str,
    container: str,
    *,
    sample_rate: int = 48_000,
    layout: str = "stereo",
    sample_format: str | None = None,
    bit_rate: int | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    cover: bool = False,
) -> bytes:
    """Return a file of `samples`; integers are made by rounding to their grid (24 bits in 32: quantise first)."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=dict(container_options or {})) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream(codec, rate=sample_rate, options={"strict": "-2", **(options or {})})
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        if sample_format:
            stream.codec_context.format = sample_format
        if bit_rate:
            stream.bit_rate = bit_rate
        picture = output.add_stream("mjpeg", rate=1) if cover else None
        if isinstance(picture, av.VideoStream):
            picture.width = picture.height = 16
            picture.pix_fmt = "yuvj420p"
            output.mux(picture.encode(_picture()))
            output.mux(picture.encode(None))
        frame = _frame(samples, stream.codec_context.format.name, layout)
        frame.sample_rate = sample_rate
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def pictures() -> bytes:
    """Return a film without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mjpeg", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuvj420p"
        for _ in range(5):
            output.mux(stream.encode(_picture()))
        output.mux(stream.encode(None))
    return file.getvalue()


def transport_stream(samples: Samples, said: Mapping[int, bytes], *, sample_rate: int = 48_000) -> bytes:
    """Return AAC in MPEG-TS, as HLS has it, with bytes beside it that hold from frames on."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        audio = container.add_stream("aac", rate=sample_rate)
        audio.layout = "stereo"
        beside = container.add_data_stream("timed_id3")
        for begin in range(0, len(samples) - 1_023, 1_024):
            for at in [at for at in said if begin <= at < begin + 1_024]:
                packet = av.Packet(said[at])
                packet.stream = beside
                packet.time_base = Fraction(1, 90_000)
                packet.pts = packet.dts = at * 90_000 // sample_rate
                container.mux(packet)
            frame = av.AudioFrame.from_ndarray(
                samples[begin : begin + 1_024].T.astype(np.float32).copy(), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = sample_rate, begin
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return file.getvalue()


def id3(title: str, artist: str | None = None) -> bytes:
    """Return an ID3v2.4 tag of less than 128 bytes."""
    texts = b""
    for name, text in ((b"TIT2", title), (b"TPE1", artist)):
        if text is not None:
            raw = b"\x03" + text.encode()
            texts += name + bytes([0, 0, 0, len(raw)]) + b"\0\0" + raw
    return b"ID3\x04\0\0\0\0\0" + bytes([len(texts)]) + texts


def id3_with_cover(picture_bytes: int) -> bytes:
    """Return an ID3 tag that holds a picture, to go in front of a stream (ID3v2.3, 3.1 and 4.15)."""
    body = b"\0image/jpeg\0\x03\0\xff\xd8" + bytes(picture_bytes)
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    return b"ID3\x03\0\0" + bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame


def ogg_end(data: bytes) -> int:
    """Return the position, in frames, that the last page of an Ogg file tells."""
    begin = data.rfind(b"OggS")
    return int.from_bytes(data[begin + 6 : begin + 14], "little")


def with_ogg_end(data: bytes, granule: int) -> bytes:
    """Return the Ogg file `data` with another number of frames in its last page: encoders trim their padding so."""
    begin = data.rfind(b"OggS")
    page = bytearray(data[begin:])
    page[6:14] = struct.pack("<q", granule)
    page[22:26] = bytes(4)
    page[22:26] = struct.pack("<I", _ogg_checksum(bytes(page)))
    return data[:begin] + bytes(page)


class PiecewiseStream:
    """A ByteStream that gives as many bytes at a time as `sizes` say, over and over; not seekable."""

    def __init__(self, data: bytes, sizes: Iterable[int] = (4096,)) -> None:
        self.given = 0
        self.closed = False
        self._data = data
        self._sizes = cycle(sizes)

    def read(self, byte_count: int, /) -> bytes:
        piece = self._data[self.given :][: min(byte_count, next(self._sizes))]
        self.given += len(piece)
        return piece

    def close(self) -> None:
        self.closed = True


class RadioBytes(PiecewiseStream):
    """A radio, as far as there are bytes of it."""

    def __init__(self, data: bytes, sizes: Iterable[int] = (4096,), *, station: Station) -> None:
        super().__init__(data, sizes)
        self.station = station


def with_titles(audio: bytes, interval: int, titles: Mapping[int, str]) -> bytes:
    """Return what a radio sends: behind every `interval` bytes of audio a block, with the title that is due by then.

    `titles` are by position in `audio`; each goes into the first block behind it.
    """
    waiting = sorted(titles.items())
    sent = b""
    for begin in range(0, len(audio), interval):
        piece = audio[begin : begin + interval]
        sent += piece
        if len(piece) < interval:
            break
        text = b""
        if waiting and waiting[0][0] < begin + interval:
            text = f"StreamTitle='{waiting.pop(0)[1]}';StreamUrl='';".encode()
        units = -(-len(text) // 16)
        sent += bytes([units]) + text.ljust(16 * units, b"\0")
    return sent


class GreedyStream(PiecewiseStream):
    """One that does not care how many bytes were asked for."""

    def read(self, byte_count: int, /) -> bytes:
        return super().read(10 * byte_count)


class BrokenStream(PiecewiseStream):
    """One that raises where the others end."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def read(self, byte_count: int, /) -> bytes:
        if piece := super().read(byte_count):
            return piece
        raise self._error


class StalledStream(PiecewiseStream):
    """One that waits where the others end, until it is closed. `is_waiting` tells another thread that it does."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_waiting = Event()
        self._released = Event()

    def read(self, byte_count: int, /) -> bytes:
        if piece := super().read(byte_count):
            return piece
        self.is_waiting.set()
        self._released.wait()
        return b""

    def close(self) -> None:
        super().close()
        self._released.set()


def _frame(samples: Samples, sample_format: str, layout: str) -> av.AudioFrame:
    if integer := _INTEGERS.get(sample_format):
        dtype, bit_depth, midpoint = integer
        lanes = (quantised(samples, bit_depth) * 2.0 ** (bit_depth - 1) + midpoint).astype(dtype)
    else:
        lanes = samples.astype(np.float64 if sample_format.startswith("dbl") else np.float32)
    if not sample_format.endswith("p"):
        return av.AudioFrame.from_ndarray(lanes.reshape(1, -1), format=sample_format, layout=layout)
    return av.AudioFrame.from_ndarray(np.ascontiguousarray(lanes.T), format=sample_format, layout=layout)


def _picture() -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((24, 16), 90, np.uint8), format="yuv420p").reformat(format="yuvj420p")


def _ogg_checksum(page: bytes) -> int:
    """Return the CRC of RFC 3533, 6: polynomial 0x04c11db7, no reflection, start and end at 0."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x04C11DB7 if checksum & 0x80000000 else 0)
            checksum &= 0xFFFFFFFF
    return checksum
