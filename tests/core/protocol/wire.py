"""The other end of the wire, written from the client's side of protocol.md and with nothing of ours but value types.

`*_payload` spell what clients send; `StrictClient` reads what the server sends as the strictest client does.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
import json

from core.formats import Codec, StreamFormat
from core.protocol.connection import Connection
from core.protocol.messages.client_hello import ClientHello
from core.protocol.messages.client_state import ClientState
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller, Metadata, Progress, RepeatMode
from core.units import GroupId, ServerTimeUs

type Json = dict[str, object]

PCM_48 = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2)
PCM_44 = StreamFormat(codec=Codec.PCM, sample_rate=44_100, channel_count=2)
FLAC_48 = StreamFormat(codec=Codec.FLAC, sample_rate=48_000, channel_count=2)
OPUS_48 = StreamFormat(codec=Codec.OPUS, sample_rate=48_000, channel_count=2)
FORMATS = (PCM_48, PCM_44, FLAC_48, OPUS_48)
HEADER = b"fLaC" + bytes(38)


def anything(*values: object) -> tuple[object, ...]:
    """Return values of mixed types, as a tuple of anything."""
    return values


def at(us: int) -> ServerTimeUs:
    return ServerTimeUs(us)


def text(kind: str, payload: object) -> str:
    return json.dumps({"type": kind, "payload": payload})


def format_payload(entry: StreamFormat) -> Json:
    return {
        "codec": entry.codec.value,
        "sample_rate": entry.sample_rate,
        "channels": entry.channel_count,
        "bit_depth": entry.bit_depth,
    }


def support_payload(formats: tuple[StreamFormat, ...] = FORMATS, *commands: str, capacity: int = 1_000_000) -> Json:
    return {
        "supported_formats": [format_payload(entry) for entry in formats],
        "buffer_capacity": capacity,
        "supported_commands": list(commands),
    }


def hello_payload(**changes: object) -> Json:
    """Return a hello with every role we know; `...` as a value leaves a key out."""
    payload: Json = {
        "client_id": "kitchen",
        "name": "Kitchen",
        "version": 1,
        "supported_roles": ["player@v1", "controller@v1", "metadata@v1"],
        "player@v1_support": support_payload(FORMATS, "volume", "mute"),
    } | changes
    return {key: value for key, value in payload.items() if value is not ...}


def hello_as_payload(hello: ClientHello, key: str) -> Json:
    """Return the payload that stands for `hello`, its player support under `key`."""
    info = hello.device_info
    payload: Json = {
        "client_id": hello.client_id,
        "name": hello.name,
        "version": 1,
        "supported_roles": list(hello.supported_roles),
        "device_info": {
            name: value
            for name in ("product_name", "manufacturer", "software_version", "mac_address")
            if (value := getattr(info, name)) is not None
        },
    }
    if hello.player is not None:
        commands = [command.value for command in hello.player.commands]
        payload[key] = support_payload(hello.player.formats, *commands, capacity=hello.player.capacity_bytes)
    return payload


def state_as_payload(state: ClientState) -> Json:
    """Return the complete message that stands for `state`."""
    word = "error" if state.is_out_of_sync else "synchronized" if state.is_available else "external_source"
    return {
        "player": {
            "state": word,
            "volume": state.volume,
            "muted": state.is_muted,
            "static_delay_ms": state.output_delay_ms,
            "required_lead_time_ms": state.required_lead_time_ms,
            "min_buffer_ms": state.min_buffer_ms,
            "supported_commands": [command.value for command in state.supported_commands],
        }
    }


def new_connection(*, opened_at: int = 0) -> Connection:
    return Connection(server_id="server", server_name="Home", opened_at=at(opened_at))


def greeted(hello: Json | None = None, *, now: int = 0) -> Connection:
    """Return a connection after the client's hello."""
    connection = new_connection()
    connection.receive_text(text("client/hello", hello or hello_payload()), at(now))
    return connection


def opened(hello: Json | None = None, *, now: int = 0) -> Connection:
    """Return a connection after both hellos."""
    connection = greeted(hello, now=now)
    connection.server_hello(ConnectionReason.DISCOVERY)
    return connection


def known(hello: Json | None = None, *, state: Mapping[str, object] | None = None) -> Connection:
    """Return a connection that may stream."""
    connection = opened(hello)
    connection.receive_text(text("client/state", state or {"state": "synchronized"}), at(0))
    return connection


def streaming() -> Connection:
    """Return a connection with an active stream."""
    connection = known()
    connection.stream_start(PCM_48, None, transmitted=at(0))
    return connection


@dataclass
class StrictClient:
    """Reads the server's messages as the strictest client does: anything short of the tables is an AssertionError."""

    is_greeted: bool = False
    active_roles: list[str] = field(default_factory=list)
    stream_format: StreamFormat | None = None
    codec_header: bytes | None = None
    metadata: Metadata | None = None
    controller: Controller | None = None
    group: tuple[bool, GroupId, str] | None = None
    times: list[tuple[object, int, int]] = field(default_factory=list)
    commands: list[Json] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def receive(self, message: str) -> None:
        parsed = json.loads(message)
        assert set(parsed) == {"type", "payload"}
        kind, payload = parsed["type"], parsed["payload"]
        assert isinstance(payload, dict)
        assert self.is_greeted is (kind != "server/hello"), "the hello is the first, and the only one"
        self.kinds.append(kind)
        getattr(self, "_" + kind.replace("/", "_"))(payload)

    def audio(self) -> None:
        assert self.stream_format is not None

    def _server_hello(self, payload: Json) -> None:
        assert set(payload) == {"server_id", "name", "version", "connection_reason", "active_roles"}
        assert payload["version"] == 1
        assert payload["connection_reason"] in {"discovery", "playback"}
        assert isinstance(payload["active_roles"], list)
        self.active_roles = payload["active_roles"]
        self.is_greeted = True

    def _server_time(self, payload: Json) -> None:
        assert set(payload) == {"client_transmitted", "server_received", "server_transmitted"}
        received, transmitted = _integer(payload["server_received"]), _integer(payload["server_transmitted"])
        self.times.append((payload["client_transmitted"], received, transmitted))

    def _group_update(self, payload: Json) -> None:
        assert set(payload) == {"playback_state", "group_id", "group_name"}
        assert payload["playback_state"] in {"playing", "stopped"}
        name = payload["group_name"]
        assert isinstance(name, str)
        self.group = payload["playback_state"] == "playing", GroupId(str(payload["group_id"])), name

    def _server_state(self, payload: Json) -> None:
        assert len(payload) == 1, "metadata and controller in messages of their own"
        if (metadata := payload.get("metadata")) is not None:
            assert "metadata@v1" in self.active_roles
            self.metadata = read_metadata(metadata)
        else:
            assert "controller@v1" in self.active_roles
            self.controller = read_controller(payload["controller"])

    def _server_command(self, payload: Json) -> None:
        assert set(payload) == {"player"}
        assert "player@v1" in self.active_roles
        command = payload["player"]
        assert isinstance(command, dict)
        self.commands.append(command)

    def _stream_start(self, payload: Json) -> None:
        assert set(payload) == {"server_transmitted", "player"}
        assert "player@v1" in self.active_roles
        _integer(payload["server_transmitted"])
        player = payload["player"]
        assert isinstance(player, dict)
        assert set(player) - {"codec_header"} == {"codec", "sample_rate", "channels", "bit_depth"}
        assert ("codec_header" in player) is (player["codec"] == "flac")
        self.codec_header = base64.b64decode(player.get("codec_header", ""), validate=True)
        self.stream_format = StreamFormat(
            codec=Codec(player["codec"]),
            sample_rate=_integer(player["sample_rate"]),
            channel_count=_integer(player["channels"]),
            bit_depth=_integer(player["bit_depth"]),
        )

    def _stream_clear(self, payload: Json) -> None:
        assert set(payload) == {"server_transmitted"}
        _integer(payload["server_transmitted"])
        assert self.stream_format is not None

    def _stream_end(self, payload: Json) -> None:
        assert payload == {}
        assert self.stream_format is not None
        self.stream_format = None


def read_metadata(metadata: object) -> Metadata:
    assert isinstance(metadata, dict)
    assert set(metadata) == {
        *("timestamp", "title", "artist", "album_artist", "album", "artwork_url"),
        *("year", "track", "progress", "repeat", "shuffle"),
    }
    progress, repeat = metadata["progress"], metadata["repeat"]
    if progress is not None:
        assert set(progress) == {"track_progress", "track_duration", "playback_speed"}
    for key in ("year", "track"):
        assert metadata[key] is None or 0 <= _integer(metadata[key]) < 2**15
    return Metadata(
        timestamp=at(_integer(metadata["timestamp"])),
        title=metadata["title"],
        artist=metadata["artist"],
        album_artist=metadata["album_artist"],
        album=metadata["album"],
        artwork_url=metadata["artwork_url"],
        year=metadata["year"],
        track=metadata["track"],
        progress=progress
        and Progress(
            position_ms=_integer(progress["track_progress"]),
            duration_ms=_integer(progress["track_duration"]),
            speed=_integer(progress["playback_speed"]) / 1000,
        ),
        repeat=repeat and RepeatMode(repeat),
        is_shuffled=metadata["shuffle"],
    )


def read_controller(controller: object) -> Controller:
    assert isinstance(controller, dict)
    assert set(controller) == {"supported_commands", "volume", "muted", "repeat", "shuffle"}
    words = controller["supported_commands"]
    assert len(words) == len(set(words))
    assert not {"seek", "seek_relative"} & set(words)
    assert isinstance(controller["muted"], bool)
    assert isinstance(controller["shuffle"], bool)
    return Controller(
        actions=frozenset(words),
        volume=_integer(controller["volume"]),
        is_muted=controller["muted"],
        repeat=RepeatMode(controller["repeat"]),
        is_shuffled=controller["shuffle"],
    )


def _integer(value: object) -> int:
    """Small devices take JSON integers only: no float, no boolean."""
    assert type(value) is int
    return value
