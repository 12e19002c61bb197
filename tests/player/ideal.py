"""An ideal server of the cleartext era, sans I/O: exact, so what is wrong is the player's."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
import json
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
import numpy as np
import numpy.typing as npt

from tests.fakes.player import PlayerFormat
from tests.fakes.player.decode import pack_pcm

SERVER_HELLO = {
    "server_id": "ideal",
    "name": "Ideal",
    "version": 1,
    "connection_reason": "discovery",
    "active_roles": ["player@v1"],
}
GROUP = {"playback_state": "playing", "group_id": "g", "group_name": "Everywhere"}
FLAC_48 = PlayerFormat.parse("flac:48000:16:2")
FLAC_44_24 = PlayerFormat.parse("flac:44100:24:2")
PCM_44 = PlayerFormat.parse("pcm:44100:16:2")
PCM_48 = PlayerFormat.parse("pcm:48000:16:2")
OPUS = PlayerFormat.parse("opus:48000:16:2")


def text(kind: str, **payload: Any) -> str:
    return json.dumps({"type": kind, "payload": payload})


def audio(timestamp_us: int, data: bytes) -> bytes:
    return b"\x04" + timestamp_us.to_bytes(8, signed=True) + data


@dataclass(frozen=True)
class Stream:
    """A medium in one format: what stream/start says, and chunks with the number of their first frame."""

    format: PlayerFormat
    header: str | None
    chunks: list[tuple[int, bytes]]

    @property
    def start(self) -> str:
        header = {} if self.header is None else {"codec_header": self.header}
        return text("stream/start", server_transmitted=0, player=self.format.as_json() | header)

    def messages(self, anchor_us: int) -> Iterator[tuple[int, bytes]]:
        """Yield (timestamp, message) for a stream whose frame 0 is due at `anchor_us`."""
        for frame, data in self.chunks:
            timestamp_us = anchor_us + frame * 1_000_000 // self.format.sample_rate
            yield timestamp_us, audio(timestamp_us, data)


def encode(signal: npt.NDArray[np.float32], stream: PlayerFormat, chunk_frames: int = 960) -> Stream:
    """Return the signal in a format, `chunk_frames` a chunk; Opus is 312 frames late, as its encoder is."""
    pieces = [(at, signal[at : at + chunk_frames]) for at in range(0, len(signal), chunk_frames)]
    if stream.codec == "pcm":
        return Stream(stream, None, [(at, pack_pcm(piece, stream.bit_depth)) for at, piece in pieces])
    sample_format = "flt" if stream.codec == "opus" else "s16" if stream.bit_depth == 16 else "s32"
    encoder = av.CodecContext.create("libopus" if stream.codec == "opus" else "flac", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = stream.sample_rate, "stereo", sample_format
    encoder.options = {} if stream.codec == "opus" else {"frame_size": str(chunk_frames)}
    encoder.open()
    packets: list[bytes] = []
    for at, piece in pieces:
        if stream.codec == "opus" and len(piece) < chunk_frames:
            break
        samples: npt.NDArray[Any] = piece
        if sample_format == "s16":
            samples = np.rint(piece * 32768).clip(-32768, 32767).astype(np.int16)
        elif sample_format == "s32":
            samples = (np.rint(piece * 8388608).clip(-8388608, 8388607)).astype(np.int32) << 8
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), sample_format, "stereo")
        frame.sample_rate, frame.pts, frame.time_base = stream.sample_rate, at, Fraction(1, stream.sample_rate)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    header = None
    if stream.codec == "flac":
        packets += [bytes(packet) for packet in encoder.encode(None)]
        header = base64.b64encode(b"fLaC\x80\x00\x00\x22" + bytes(encoder.extradata or b"")).decode()
    return Stream(stream, header, [(at, packet) for (at, _), packet in zip(pieces, packets, strict=False)])


class IdealServer:
    """Answers one client; keeps what the client said."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def answer(self, message: str, now_us: int) -> list[str]:
        """Return what the server says at once to a message."""
        content = json.loads(message)
        kind, payload = content["type"], content["payload"]
        if kind == "client/time":
            stamps = {"server_received": now_us, "server_transmitted": now_us}
            return [text("server/time", client_transmitted=payload["client_transmitted"], **stamps)]
        self.heard.append((kind, payload))
        if kind == "client/hello":
            self.hello = payload
            return [text("server/hello", **SERVER_HELLO), text("group/update", **GROUP)]
        return []

    @property
    def states(self) -> list[dict[str, Any]]:
        return [payload for kind, payload in self.heard if kind == "client/state"]
