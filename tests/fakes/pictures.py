"""Pictures for tests, whole and broken, and files that bring them."""

import io
import struct
from typing import Final
import zlib

import numpy as np
from PIL import Image

RED: Final = (200, 30, 40)
GREEN: Final = (30, 180, 60)


def picture_file(
    width: int = 60,
    height: int = 40,
    *,
    colour: object = RED,
    mode: str = "RGB",
    name: str = "JPEG",
    orientation: int | None = None,
    seed: int | None = None,
) -> bytes:
    """Return a picture of one colour; with a seed, one of noise, which is hard to compress."""
    image = Image.new(mode, (width, height), colour)  # type: ignore[arg-type]
    if seed is not None:
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        image = Image.fromarray(noise).convert(mode)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    if orientation is None:
        image.save(file, name)
    else:
        image.save(file, name, exif=exif)
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says it is this large."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(1000))) + part(b"IEND", b"")


def shown(image: bytes) -> Image.Image:
    """Return an image as a display decodes it."""
    decoded = Image.open(io.BytesIO(image))
    decoded.load()
    return decoded


def mp3_with(data: bytes, *pictures: tuple[int, bytes]) -> bytes:
    """Return an MP3 with pictures in front, each with its type: 3 is the front cover (ID3v2.3, 4.15)."""
    frames = b""
    for kind, picture in pictures:
        body = b"\0image/jpeg\0" + bytes([kind]) + b"\0" + picture
        frames += b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    return b"ID3\x03\0\0" + bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames + data


def flac_with(data: bytes, picture: bytes) -> bytes:
    """Return a FLAC file with a front cover behind its STREAMINFO (RFC 9639, 8.8)."""
    mime = b"image/png"
    body = struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(picture)) + picture
    info_end = 4 + 4 + 34
    assert data[:4] == b"fLaC"
    block = bytes([6]) + len(body).to_bytes(3) + body
    return data[:4] + bytes([data[4] & 0x7F]) + data[5:info_end] + block + _rest_of_flac(data, info_end)


def _rest_of_flac(data: bytes, info_end: int) -> bytes:
    if data[4] & 0x80:  # STREAMINFO was the last block: a block of comments is, now
        comments = struct.pack("<II", 0, 0)
        return bytes([0x84]) + len(comments).to_bytes(3) + comments + data[info_end:]
    return data[info_end:]
