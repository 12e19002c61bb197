"""From chunk bytes to float32 frames, in one call per chunk, as strict as the strictest player of the field."""

import base64
import binascii
from typing import Any, Protocol

import av
from av.audio.codeccontext import AudioCodecContext
import av.error
import numpy as np
import numpy.typing as npt

from .config import PlayerFormat

type Block = npt.NDArray[np.float32]
"""(frame_count, channel_count), full scale is 1."""

_FLAC_HEADER = b"fLaC\x80\x00\x00\x22"  # then 34 bytes of STREAMINFO
_FLAC_HEADER_BYTES = 42


class ChunkError(Exception):
    """A chunk or a stream header that a player of the field could not have played."""


class Decoder(Protocol):
    """Decodes the chunks of one stream."""

    def decode(self, data: bytes) -> Block:
        """Return the frames of one chunk; raise ChunkError when it is not exactly one."""


def make_decoder(stream: PlayerFormat, codec_header: str | None) -> Decoder:
    """Return a decoder for a stream; raise ChunkError for a header that does not fit."""
    if stream.codec == "pcm":
        return PcmDecoder(stream)
    if stream.codec == "flac":
        return FlacDecoder(stream, codec_header)
    return OpusDecoder(stream)


def unpack_pcm(data: bytes, bit_depth: int, channel_count: int) -> Block:
    """Return the frames of interleaved little-endian PCM: 16 bit in two bytes, 24 in three, 32 in four."""
    match bit_depth:
        case 16:
            samples = np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(1 << 15)
        case 24:
            padded = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            padded[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            samples = (padded.view("<i4")[:, 0] >> 8).astype(np.float32) / np.float32(1 << 23)
        case _:
            samples = np.frombuffer(data, dtype="<i4").astype(np.float32) / np.float32(1 << 31)
    return samples.reshape(-1, channel_count)


def pack_pcm(block: Block, bit_depth: int) -> bytes:
    """Return the frames as interleaved little-endian PCM, the inverse of `unpack_pcm` for 16 and 24 bit."""
    scale = float(1 << bit_depth - 1)
    samples = np.clip(np.rint(block.astype(np.float64) * scale), -scale, scale - 1).astype("<i4")
    if bit_depth == 16:
        return samples.astype("<i2").tobytes()
    if bit_depth == 24:
        return np.ascontiguousarray(samples).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return samples.tobytes()


class PcmDecoder:
    """Whole frames, as they are."""

    def __init__(self, stream: PlayerFormat) -> None:
        """Take depth and channels from the stream."""
        self._bit_depth, self._channel_count = stream.bit_depth, stream.channels
        self._frame_bytes = stream.channels * stream.bit_depth // 8

    def decode(self, data: bytes) -> Block:
        """Return the frames of one chunk."""
        if len(data) % self._frame_bytes:
            raise ChunkError("PCM chunk is not whole frames")
        return unpack_pcm(data, self._bit_depth, self._channel_count)


class _AvDecoder:
    """What FLAC and Opus share: a PyAV context, a packet in, one frame out."""

    def __init__(self, codec: str, stream: PlayerFormat, extradata: bytes | None) -> None:
        context = av.CodecContext.create(codec, "r")
        assert isinstance(context, AudioCodecContext)
        context.thread_count = 1  # threads would hold frames back
        context.sample_rate = stream.sample_rate
        context.layout = "mono" if stream.channels == 1 else "stereo" if stream.channels == 2 else f"{stream.channels}c"
        if extradata is not None:
            context.extradata = extradata
        self._context = context
        self._stream = stream

    def _decode_one(self, data: bytes) -> npt.NDArray[Any]:
        """Return the samples of one packet as (frame_count, channel_count), in the decoder's own type."""
        try:
            frames = self._context.decode(av.Packet(data))
        except av.error.FFmpegError as error:
            raise ChunkError(f"{self._stream.codec} chunk does not decode") from error
        if len(frames) != 1:
            raise ChunkError(f"{self._stream.codec} chunk is not exactly one frame")
        frame = frames[0]
        if frame.sample_rate != self._stream.sample_rate or frame.layout.nb_channels != self._stream.channels:
            raise ChunkError(f"{self._stream.codec} chunk is of another rate or channel count than the stream")
        samples = frame.to_ndarray()
        return samples.T if frame.format.is_planar else samples.reshape(-1, self._stream.channels)


class FlacDecoder(_AvDecoder):
    """One FLAC frame a chunk; the header comes with stream/start."""

    def __init__(self, stream: PlayerFormat, codec_header: str | None) -> None:
        """Check the header as strictly as the players that throw away what does not fit."""
        try:
            header = base64.b64decode(codec_header or "", validate=True)
        except binascii.Error as error:
            raise ChunkError("FLAC header is not base64") from error
        if not header.startswith(_FLAC_HEADER) or len(header) != _FLAC_HEADER_BYTES:
            raise ChunkError("FLAC stream without a proper header")
        packed = int.from_bytes(header[18:22])
        announced = (packed >> 12, (packed >> 9 & 7) + 1, (packed >> 4 & 31) + 1)
        if announced != (stream.sample_rate, stream.channels, stream.bit_depth):
            raise ChunkError("FLAC header and stream/start disagree")
        super().__init__("flac", stream, header[8:])

    def decode(self, data: bytes) -> Block:
        """Return the frames of one chunk."""
        samples = self._decode_one(data)
        return samples.astype(np.float32) / np.float32(1 << 8 * samples.dtype.itemsize - 1)  # 24 bit is left-aligned


class OpusDecoder(_AvDecoder):
    """One Opus packet a chunk, without a container; FFmpeg's own decoder."""

    def __init__(self, stream: PlayerFormat) -> None:
        """Decode at the only rate that Opus has."""
        super().__init__("opus", stream, None)

    def decode(self, data: bytes) -> Block:
        """Return the frames of one chunk."""
        return np.ascontiguousarray(self._decode_one(data), dtype=np.float32)


def to_channels(block: Block, channel_count: int) -> Block:
    """Return the block with another number of channels: the first ones, or the last one again."""
    lanes = [min(lane, block.shape[1] - 1) for lane in range(channel_count)]
    return block if channel_count == block.shape[1] else np.ascontiguousarray(block[:, lanes])
