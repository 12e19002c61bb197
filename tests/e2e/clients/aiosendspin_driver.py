"""Run a real aiosendspin client and tell what it makes of its server: one JSON object a line on stdout.

Runs in the environment of the version under test (script/setup-clients) and imports nothing of this project.
Every event is {"event": NAME, ...}: listening, hello, stream_start, chunk, stream_clear, stream_end, group, metadata,
command, state, clock, disconnected, and log for whatever the library warns of; "at" is the server's time as the client
believes it, left out before it knows. The bytes of the chunks go to --audio.
Commands are JSON lines on stdin: {"do": "state", "volume", "muted"}, {"do": "format", ...}, {"do": "leave"}.
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import suppress
import json
import logging
from pathlib import Path
import socket
import sys
import time
from typing import Any, BinaryIO

from aiohttp import web
from aiosendspin.client import AudioFormat, ClientListener, SendspinClient
from aiosendspin.models.core import (
    GroupUpdateServerPayload,
    ServerCommandPayload,
    ServerHelloPayload,
    ServerStatePayload,
    StreamRequestFormatMessage,
    StreamRequestFormatPayload,
    StreamStartMessage,
)
from aiosendspin.models.player import ClientHelloPlayerSupport, StreamRequestFormatPlayer, SupportedAudioFormat
from aiosendspin.models.types import AudioCodec, GoodbyeReason, PlayerCommand, PlayerStateType, Roles

CLOCK_REPORT_S = 0.25


def emit(event: str, **fields: object) -> None:
    """Write one event; a field that is None is left out."""
    present = {name: value for name, value in fields.items() if value is not None}
    sys.stdout.write(json.dumps({"event": event, **present}) + "\n")
    sys.stdout.flush()


class LogEvents(logging.Handler):
    """Turns what the library warns of into events: a well-behaved server causes none."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one log event."""
        emit("log", level=record.levelname.lower(), message=self.format(record))


class Driver:
    """One player: a client that connects, or one after another that is dialled."""

    def __init__(self, options: argparse.Namespace, audio: BinaryIO) -> None:
        """Take the command line and the file that the audio goes to."""
        self._options = options
        self._audio = audio
        self._volume: int = options.volume
        self._muted = False
        self._client: SendspinClient | None = None
        self._left = asyncio.Event()

    async def run(self) -> None:
        """Play until told to leave or, as the one that connected, until the connection is over."""
        reader = asyncio.create_task(self._obey_stdin())
        clock = asyncio.create_task(self._report_clock())
        listener = await self._listen() if self._options.url is None else None
        if self._options.url is not None:
            await self._make_client().connect(self._options.url)
        await self._left.wait()
        if listener is not None:
            await listener.stop()
        for task in (reader, clock):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> ClientListener:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", self._options.listen))
            port = probe.getsockname()[1]
        listener = ClientListener(self._options.id, self._serve, host="127.0.0.1", port=port, advertise_mdns=False)
        await listener.start()
        emit("listening", port=port)
        return listener

    async def _serve(self, websocket: web.WebSocketResponse) -> None:
        gone = asyncio.Event()
        client = self._make_client()
        client.add_disconnect_listener(gone.set)
        await client.attach_websocket(websocket)
        await gone.wait()

    def _make_client(self) -> SendspinClient:
        client = SendspinClient(
            self._options.id,
            self._options.name,
            [Roles.PLAYER, Roles.METADATA],
            player_support=ClientHelloPlayerSupport(
                supported_formats=[_parse_format(text) for text in self._options.format],
                buffer_capacity=self._options.buffer_capacity,
                supported_commands=[PlayerCommand.VOLUME, PlayerCommand.MUTE],
            ),
            initial_volume=self._volume,
            initial_muted=self._muted,
        )
        client.add_audio_chunk_listener(self._heard)
        client.add_stream_clear_listener(lambda roles: emit("stream_clear", roles=_words(roles), at=self._server_now()))
        client.add_stream_end_listener(lambda roles: emit("stream_end", roles=_words(roles), at=self._server_now()))
        client.add_group_update_listener(_tell_group)
        client.add_metadata_listener(_tell_metadata)
        client.add_server_command_listener(self._commanded)
        client.add_disconnect_listener(self._disconnected)
        # Listeners for these came late (6.0), or do not tell of a stream that changes its format in place.
        _listen_in(client, "_handle_server_hello", _tell_hello)
        _listen_in(client, "_handle_stream_start", _tell_stream_start)
        self._client = client
        return client

    def _server_now(self) -> int | None:
        """Return what the client takes the server's clock for."""
        client = self._client
        if client is None or not client.is_time_synchronized():
            return None
        return int(client.compute_server_time(client._now_us()))

    def _heard(self, timestamp_us: int, data: bytes, _format: AudioFormat) -> None:
        offset = self._audio.tell()
        self._audio.write(data)
        self._audio.flush()
        emit("chunk", timestamp=timestamp_us, offset=offset, bytes=len(data), at=self._server_now())

    def _commanded(self, payload: ServerCommandPayload) -> None:
        if payload.player is None:
            return
        emit("command", **payload.player.to_dict())
        if payload.player.volume is not None:
            self._volume = payload.player.volume
        if payload.player.mute is not None:
            self._muted = payload.player.mute
        self._reporting = asyncio.ensure_future(self._report_state())

    def _disconnected(self) -> None:
        emit("disconnected")
        self._client = None
        if self._options.url is not None:
            self._left.set()

    async def _report_state(self) -> None:
        assert self._client is not None
        await self._client.send_player_state(state=PlayerStateType.SYNCHRONIZED, volume=self._volume, muted=self._muted)
        emit("state", volume=self._volume, muted=self._muted)

    async def _report_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_REPORT_S)
            server_us = self._server_now()
            if self._client is None or server_us is None:
                continue
            emit(
                "clock",
                error_us=self._client._time_filter.error,
                # Against a clock that all on this machine share.
                server_minus_monotonic_us=server_us - time.monotonic_ns() // 1000,
            )

    async def _obey_stdin(self) -> None:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            command = json.loads(line)
            match command.pop("do"):
                case "state":
                    self._volume, self._muted = command["volume"], command["muted"]
                    await self._report_state()
                case "format":
                    await self._request_format(**command)
                case "leave":
                    await self._leave()

    async def _request_format(self, codec: str | None = None, **wish: int) -> None:
        """Ask for another format, in the library's own words; it has no method for that."""
        assert self._client is not None
        player = StreamRequestFormatPlayer(codec=AudioCodec(codec) if codec else None, **wish)
        message = StreamRequestFormatMessage(StreamRequestFormatPayload(player=player))
        await self._client._send_message(message.to_json())

    async def _leave(self) -> None:
        if self._client is not None:
            if hasattr(self._client, "send_goodbye"):  # since 6.0; the older ones go without a word
                await self._client.send_goodbye(GoodbyeReason.USER_REQUEST)
            await self._client.disconnect()
        self._left.set()


def _listen_in(client: SendspinClient, name: str, tell: Callable[[Any], None]) -> None:
    handle = getattr(client, name)

    def told(message: Any) -> Any:
        tell(message)
        return handle(message)

    setattr(client, name, told)


def _tell_hello(payload: ServerHelloPayload) -> None:
    emit("hello", **payload.to_dict())


def _tell_stream_start(message: StreamStartMessage) -> None:
    if message.payload.player is not None:
        emit("stream_start", **message.payload.player.to_dict())


def _tell_group(payload: GroupUpdateServerPayload) -> None:
    emit("group", **payload.to_dict())


def _tell_metadata(payload: ServerStatePayload) -> None:
    assert payload.metadata is not None
    emit("metadata", **payload.metadata.to_dict())


def _words(roles: list[Roles] | list[str] | None) -> list[str] | None:
    return None if roles is None else [role.value if isinstance(role, Roles) else role for role in roles]


def _parse_format(text: str) -> SupportedAudioFormat:
    codec, sample_rate, bit_depth, channels = text.split(":")
    return SupportedAudioFormat(
        codec=AudioCodec(codec), sample_rate=int(sample_rate), bit_depth=int(bit_depth), channels=int(channels)
    )


def main() -> None:
    """Read the command line and play."""
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="connect to this server")
    where.add_argument("--listen", type=int, metavar="PORT", help="wait to be dialled; 0 takes a free port")
    parser.add_argument("--id", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--format", action="append", required=True, help="codec:rate:depth:channels, best first")
    parser.add_argument("--buffer-capacity", type=int, default=1_000_000)
    parser.add_argument("--volume", type=int, default=100)
    parser.add_argument("--audio", type=Path, required=True, help="file for the bytes of the chunks")
    options = parser.parse_args()
    logging.getLogger().addHandler(LogEvents(logging.WARNING))
    with options.audio.open("wb") as audio:

        async def play() -> None:
            await Driver(options, audio).run()

        asyncio.run(play())


if __name__ == "__main__":
    main()
