"""What peers can do to a running server over real sockets: it ends their session and nobody else's."""

import asyncio
from collections.abc import AsyncIterator, Callable
import gc
import json
import logging
from pathlib import Path
import random
from weakref import WeakSet

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType, web
import pytest

from core.events import LossReason
from core.server.clock import MonotonicClock
from core.server.server import ResonateServer
from core.server.session import Session
from core.server.settings import ServerSettings
from core.units import ClientId
from tests.fakes.client import hello_payload
from tests.fakes.hum import hum
from tests.fakes.runner import InlineRunner

WITNESS = ClientId("witness")


def text(kind: str, payload: object) -> str:
    return json.dumps({"type": kind, "payload": payload})


async def until(is_so: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.005)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Witness:
    """A well-behaved player that plays while others misbehave."""

    def __init__(self, websocket: ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.chunk_count = 0

    async def listen(self) -> None:
        async for message in self.websocket:
            self.chunk_count += message.type is WSMsgType.BINARY


@pytest.fixture
async def server() -> AsyncIterator[ResonateServer]:
    settings = ServerSettings(server_id="s" * 43, name="Home", host="127.0.0.1", port=0)
    server = ResonateServer(settings, clock=MonotonicClock(), render=InlineRunner(), media=InlineRunner())
    await server.start()
    yield server
    await server.close()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as http:
        yield http


@pytest.fixture
async def witness(
    server: ResonateServer, http: ClientSession, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Witness]:
    """Play to a witness; afterwards it must still play, and nothing alarming may be in the log."""
    caplog.set_level(logging.INFO)
    async with http.ws_connect(url_of(server)) as websocket:
        witness = Witness(websocket)
        listening = asyncio.create_task(witness.listen())
        await websocket.send_str(text("client/hello", hello_payload(WITNESS)))
        await websocket.send_str(text("client/state", {"player": {"volume": 50}}))
        await until(lambda: WITNESS in server.snapshot.clients)
        await server.play(WITNESS, hum())
        await until(lambda: witness.chunk_count > 0)
        yield witness
        heard = witness.chunk_count
        await until(lambda: witness.chunk_count > heard)
        assert server.snapshot.clients[WITNESS].is_connected
        assert server.statistics.dropped_chunk_count == 0
    await listening
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]


def url_of(server: ResonateServer) -> str:
    return f"ws://127.0.0.1:{server.port}/sendspin"


async def introduce(websocket: ClientWebSocketResponse, client_id: str) -> None:
    await websocket.send_str(text("client/hello", hello_payload(client_id)))
    await websocket.send_str(text("client/state", {"player": {"volume": 50}}))


async def read_to_end(websocket: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(10):
        async for _ in websocket:
            pass
    return websocket.close_code


MISBEHAVIOURS: dict[str, list[str | bytes]] = {
    "no JSON": ["{"],
    "a list": ["[1, 2]"],
    "no type": ["{}"],
    "deep JSON": ["[" * 100_000],
    "a wrong time": [text("client/time", {"client_transmitted": None})],
    "a flood": [text("client/time", {"client_transmitted": index}) for index in range(500)],
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_who_breaks_the_rules_is_closed_alone(
    server: ResonateServer, http: ClientSession, witness: Witness, name: str
) -> None:
    async with http.ws_connect(url_of(server)) as websocket:
        await introduce(websocket, "rude")
        try:
            for message in MISBEHAVIOURS[name]:
                assert isinstance(message, str)
                await websocket.send_str(message)
        except ClientError:
            pass  # closed while it went on
        assert await read_to_end(websocket) in (1002, 1006)
    shown = server.snapshot.clients[ClientId("rude")]
    assert shown.loss_reason == LossReason.PROTOCOL_ERROR


@pytest.mark.parametrize("first", ["{", text("client/init", {}), b"\x00", text("client/time", {})])
async def test_who_begins_wrong_is_told_so(
    server: ResonateServer, http: ClientSession, witness: Witness, first: str | bytes
) -> None:
    async with http.ws_connect(url_of(server)) as websocket:
        await (websocket.send_str(first) if isinstance(first, str) else websocket.send_bytes(first))
        assert json.loads(await websocket.receive_str())["type"] == "server/error"
        assert await read_to_end(websocket) == 1002
    assert set(server.snapshot.clients) == {WITNESS}


async def test_a_storm_of_states_is_followed(server: ResonateServer, http: ClientSession, witness: Witness) -> None:
    async with http.ws_connect(url_of(server)) as websocket:
        await introduce(websocket, "busy")
        for index in range(2_000):
            await websocket.send_str(text("client/state", {"player": {"volume": index % 100}}))
        await websocket.send_str(text("client/state", {"player": {"volume": 100}}))
        await until(lambda: any(shown.volume == 100 for shown in server.snapshot.clients.values()))


async def test_a_storm_of_one_id_over_real_sockets(
    server: ResonateServer, http: ClientSession, witness: Witness
) -> None:
    sockets = []
    for _ in range(60):
        websocket = await http.ws_connect(url_of(server))
        await introduce(websocket, "twin")
        assert json.loads(await websocket.receive_str())["type"] == "server/hello"
        sockets.append(websocket)
    for websocket in sockets[:-1]:
        assert await read_to_end(websocket) in (1000, 1006)
    assert server.snapshot.clients[ClientId("twin")].is_connected
    await sockets[-1].close()


async def test_a_player_that_stops_reading_is_let_go(
    server: ResonateServer, http: ClientSession, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.server.watch.PROGRESS_WITHIN_US", 300_000)
    slow = ClientId("slow")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(
        b"GET /sendspin HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    for message in (text("client/hello", hello_payload("slow")), text("client/state", {"player": {"volume": 1}})):
        payload = message.encode()
        writer.write(b"\x81\xfe" + len(payload).to_bytes(2) + bytes(4) + payload)
    await until(lambda: slow in server.snapshot.clients)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await server.move(slow, server.snapshot.clients[WITNESS].group_id)
    # The kernel takes some seconds of audio for somebody who does not read; this makes them short.
    for _ in range(300):
        client = server._registry.clients[slow]
        if client.session is None:
            break
        client.session._outbox.say("x" * 60_000)
        client.session._pump.wake()
        await asyncio.sleep(0.005)
    await until(lambda: server.snapshot.clients[slow].loss_reason is not None)
    assert server.snapshot.clients[slow].loss_reason == LossReason.TOO_SLOW
    writer.close()


async def test_closing_at_every_point_of_the_way_in(server: ResonateServer, witness: Witness) -> None:
    payload = text("client/hello", hello_payload("hasty")).encode()
    whole = (
        b"GET /sendspin HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        b"\x81\xfe" + len(payload).to_bytes(2) + bytes(4) + payload
    )
    for cut in range(0, len(whole) + 1, 9):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[:cut])
        await asyncio.sleep(0)
        if cut % 2:
            writer.transport.abort()
        else:
            writer.close()
    await until(lambda: len(server._registry.sessions) == 1)


async def test_random_bytes_after_the_handshake(server: ResonateServer, http: ClientSession, witness: Witness) -> None:
    generator = random.Random(7)
    for _ in range(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /sendspin HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(generator.randbytes(300))
        writer.close()
    await until(lambda: len(server._registry.sessions) == 1)


async def test_many_sessions_leave_nothing_behind(server: ResonateServer, http: ClientSession) -> None:
    live: WeakSet[Session] = WeakSet()
    files = open_files()
    for index in range(150):
        websocket = await http.ws_connect(url_of(server))
        await introduce(websocket, "guest")
        assert json.loads(await websocket.receive_str())["type"] == "server/hello"
        live.update(server._registry.sessions)
        await (websocket.close() if index % 2 else _drop(websocket))
    await until(lambda: not server._running)
    await until(lambda: open_files() <= files + 2)
    gc.collect()
    assert len(live) == 0
    assert len(asyncio.all_tasks()) <= 3


async def _drop(websocket: ClientWebSocketResponse) -> None:
    transport = websocket._writer.transport
    assert transport is not None
    transport.abort()
    await websocket.close()


# Dialling over real sockets


async def test_dials_serves_and_dials_again(server: ResonateServer) -> None:
    greetings: list[dict[str, object]] = []
    stop = asyncio.Event()

    async def answer(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str(text("client/hello", hello_payload("dialled")))
        await websocket.send_str(text("client/state", {"player": {"volume": 50}}))
        greetings.append(json.loads(await websocket.receive_str()))
        if len(greetings) > 1:
            await stop.wait()
        await websocket.close()
        return websocket

    app = web.Application()
    app.router.add_get("/sendspin", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    server.dial("k", [f"ws://127.0.0.1:{port}/sendspin"])
    await until(lambda: len(greetings) == 2, seconds=8)
    await until(lambda: server.snapshot.clients[ClientId("dialled")].is_connected)
    await server.play(ClientId("dialled"), hum(1))
    server.undial("k")
    stop.set()
    await server.close()
    await runner.cleanup()
    assert [greeting["type"] for greeting in greetings] == ["server/hello"] * 2
