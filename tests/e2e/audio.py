"""Sources for real players, and what became of them, without a line of the code under test."""

import base64
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
import wave

import av
from av.audio.codeccontext import AudioCodecContext
import numpy as np
import numpy.typing as npt

from .real_clients import ReceivedChunk, WireFormat

type Samples = npt.NDArray[np.int32]
"""(frame_count, 2), right-aligned."""


def noise(seconds: float, *, sample_rate: int, bit_depth: int, seed: int = 1) -> Samples:
    """Return stereo noise: of any piece of it one can tell where it is from."""
    limit = 1 << (bit_depth - 1)
    shape = (round(seconds * sample_rate), 2)
    return np.random.default_rng(seed).integers(-limit, limit, shape, dtype=np.int32)


def smooth_noise(seconds: float, *, sample_rate: int, seed: int = 1) -> Samples:
    """Return 16-bit noise without treble: a lossy codec keeps its shape."""
    white = np.random.default_rng(seed).standard_normal((round(seconds * sample_rate), 2))
    window = np.hanning(32)
    low = np.stack([np.convolve(lane, window, mode="same") for lane in white.T], axis=1)
    return np.asarray(low / np.abs(low).max() * 20_000, dtype=np.int32)


def to_pcm(samples: Samples, bit_depth: int) -> bytes:
    """Pack samples as WAV and the wire do: interleaved little-endian, 24 bits in three bytes."""
    packed = samples.astype("<i4").view(np.uint8).reshape(-1, 4)
    return packed[:, : bit_depth // 8].tobytes()


def write_wav(path: Path, samples: Samples, *, sample_rate: int, bit_depth: int) -> Path:
    """Write a WAV file with Python's own writer."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(bit_depth // 8)
        file.setframerate(sample_rate)
        file.writeframes(to_pcm(samples, bit_depth))
    return path


def decode_flac(header: str, chunks: Iterable[ReceivedChunk], *, bit_depth: int) -> list[Samples]:
    """Decode each chunk by itself behind the stream's header, as a browser does."""
    streaminfo = base64.b64decode(header)[8:]
    blocks = []
    for chunk in chunks:
        decoder = AudioCodecContext.create("flac", "r")
        decoder.extradata = streaminfo
        frames = [*decoder.decode(av.Packet(chunk.data)), *decoder.decode(None)]
        assert len(frames) == 1, "a chunk is to hold exactly one FLAC frame"
        packed = frames[0].to_ndarray().reshape(-1, 2).astype(np.int32)
        blocks.append(packed >> (frames[0].format.bits - bit_depth))
    return blocks


def decode_opus(chunks: Iterable[ReceivedChunk]) -> list[npt.NDArray[np.float32]]:
    """Decode the packets of one stream, 48 kHz stereo, one after another."""
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoder.layout = "stereo"
    decoder.open()
    blocks = []
    for chunk in chunks:
        (frame,) = decoder.decode(av.Packet(chunk.data))
        block = frame.to_ndarray()
        blocks.append((block.T if frame.format.is_planar else block.reshape(-1, 2)).astype(np.float32))
    return blocks


def assert_continuous(chunks: Sequence[ReceivedChunk], frame_counts: Sequence[int], sample_rate: int) -> None:
    """Check that every chunk starts where the frames before it end, to below one microsecond."""
    anchor = chunks[0].timestamp
    frames = accumulate(frame_counts, initial=0)
    errors = [
        chunk.timestamp - anchor - count * 1e6 / sample_rate for chunk, count in zip(chunks, frames, strict=False)
    ]
    assert max(map(abs, errors)) < 1


def locate(piece: bytes, source: bytes, frame_bytes: int) -> int:
    """Return the frame of the source that a piece of it starts with; fails when it is not from there, bit for bit."""
    at = source.find(piece[: 16 * frame_bytes])
    while at % frame_bytes:  # -1, or between two frames
        assert at > 0, "not a piece of the source"
        at = source.find(piece[: 16 * frame_bytes], at + 1)
    assert source[at : at + len(piece)] == piece
    return at // frame_bytes


def pcm_frames(chunks: Iterable[ReceivedChunk], wire: WireFormat) -> list[int]:
    """Return the number of frames in each PCM chunk."""
    return [len(chunk.data) // (wire.channels * wire.bit_depth // 8) for chunk in chunks]


def joined(chunks: Iterable[ReceivedChunk]) -> bytes:
    """Return the data of all chunks in a row."""
    return b"".join(chunk.data for chunk in chunks)


def best_lag(heard: np.ndarray, source: np.ndarray, reach: int = 960) -> tuple[int, float]:
    """Return by how many frames a second of what was heard is late, and how alike it then is (1: the same shape)."""
    piece = heard[reach : reach + 48_000, 0]
    scores = []
    for lag in range(-reach, reach + 1):
        original = source[reach - lag : reach - lag + 48_000, 0]
        scores.append(float(np.corrcoef(piece, original)[0, 1]))
    best = int(np.argmax(scores))
    return best - reach, scores[best]
