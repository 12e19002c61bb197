"""Media to play, made on the spot."""

from collections.abc import Iterator
from fractions import Fraction
import io
import math
from pathlib import Path
import struct
import wave

import av
import numpy as np
from PIL import Image

RATE = 48_000


def tone(seconds: float, rate: int = RATE) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    instants = np.arange(round(seconds * rate)) / rate
    return np.round(np.sin(2 * math.pi * 440 * instants) * 8000).astype(np.int16)


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes(tone(seconds).tobytes())
    return file.getvalue()


def write_wav(path: Path, seconds: float) -> Path:
    path.write_bytes(wav(seconds))
    return path


def mp3(seconds: float, **tags: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        container.metadata.update(tags)
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        for packet in _encode(stream, seconds):
            container.mux(packet)
    return file.getvalue()


def with_cover(mp3_file: bytes, picture: bytes) -> bytes:
    """Return an MP3 with a front cover in front (ID3v2.3, 4.15)."""
    body = b"\0image/jpeg\0\x03\0" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    return b"ID3\x03\0\0" + bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame + mp3_file


def picture(colour: tuple[int, int, int], name: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (90, 60), colour).save(file, name)
    return file.getvalue()


def _encode(stream: av.AudioStream, seconds: float) -> Iterator[av.Packet[av.AudioStream]]:
    frame = av.AudioFrame.from_ndarray(tone(seconds)[np.newaxis, :], format="s16p", layout="mono")
    frame.sample_rate = RATE
    frame.time_base = Fraction(1, RATE)
    yield from stream.encode(frame)
    yield from stream.encode(None)
