"""A client of the cleartext era at the other end of a connection in memory: says what it is told to say."""

import asyncio
from collections.abc import Awaitable, Callable
import json
import struct
from typing import Any

from core.formats import Codec, StreamFormat
from core.server.transport import Transport
from core.units import ClientId
from tests.fakes.transport import MemoryTransport

PCM: StreamFormat = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2, bit_depth=16)


def hello_payload(
    client_id: str, *, stream_format: StreamFormat = PCM, capacity_bytes: int = 5_000_000, **changes: object
) -> dict[str, object]:
    """Return a hello of today's cleartext clients; `changes` replace or, being None, leave out."""
    payload: dict[str, object] = {
        "client_id": client_id,
        "name": client_id.title(),
        "version": 1,
        "supported_roles": ["player@v1", "metadata@v1"],
        "player@v1_support": {
            "supported_formats": [
                {
                    "codec": str(stream_format.codec),
                    "sample_rate": stream_format.sample_rate,
                    "channels": stream_format.channel_count,
                    "bit_depth": stream_format.bit_depth,
                }
            ],
            "buffer_capacity": capacity_bytes,
            "supported_commands": ["volume", "mute"],
        },
    }
    payload |= changes
    return {key: value for key, value in payload.items() if value is not None}


class MemoryClient:
    """Talks to a server over a `MemoryTransport`."""

    def __init__(self, client_id: str = "kitchen", *, is_masking: bool = False, peer: str = "192.0.2.1") -> None:
        self.client_id = ClientId(client_id)
        self.transport = MemoryTransport(is_masking=is_masking, peer=peer)
        self.task: asyncio.Task[None] | None = None

    def connect(self, serve: Callable[[Transport], Awaitable[None]]) -> MemoryClient:
        """Let the server have the connection."""

        async def run() -> None:
            await serve(self.transport)

        self.task = asyncio.get_running_loop().create_task(run(), name=f"client {self.client_id}")
        return self

    def say(self, kind: str, payload: object) -> None:
        """Send a message."""
        self.transport.feed(json.dumps({"type": kind, "payload": payload}))

    def say_hello(self, **changes: object) -> None:
        """Introduce itself."""
        self.say("client/hello", hello_payload(self.client_id, **changes))  # type: ignore[arg-type]

    def say_state(self, **player: object) -> None:
        """Tell the whole state; `player` changes its fields."""
        fields = {"volume": 50, "muted": False, "min_buffer_ms": 250, "static_delay_ms": 0}
        self.say("client/state", {"state": "synchronized", "player": fields | player})

    def introduce(self, **changes: object) -> None:
        """Say hello and tell the state, as clients do."""
        self.say_hello(**changes)
        self.say_state()

    @property
    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and payload of every text received."""
        texts = [json.loads(message) for message in self.transport.sent if isinstance(message, str)]
        return [(text["type"], text["payload"]) for text in texts]

    @property
    def kinds(self) -> list[str]:
        """The types of what was received, audio among them; runs of equal ones once."""
        kinds: list[str] = []
        for message in self.transport.sent:
            kind = _binary_kind(message) if isinstance(message, bytes) else json.loads(message)["type"]
            if not kinds or kinds[-1] != kind:
                kinds.append(kind)
        return kinds

    def got(self, kind: str) -> list[dict[str, Any]]:
        """Return the payloads received of one type."""
        return [payload for received, payload in self.messages if received == kind]

    @property
    def audio(self) -> list[tuple[int, bytes]]:
        """Timestamp and data of every chunk received."""
        chunks = []
        for message in self.transport.sent:
            if isinstance(message, bytes) and _binary_kind(message) == "audio":
                _, timestamp = struct.unpack_from(">Bq", message)
                chunks.append((timestamp, message[9:]))
        return chunks

    @property
    def images(self) -> list[tuple[int, bytes]]:
        """Channel and file of every image received; an empty one clears the channel."""
        messages = [message for message in self.transport.sent if isinstance(message, bytes)]
        return [(message[0] - 8, message[9:]) for message in messages if _binary_kind(message) == "image"]


def _binary_kind(message: bytes) -> str:
    assert message[0] in (4, 8, 9, 10, 11)
    return "audio" if message[0] == 4 else "image"
