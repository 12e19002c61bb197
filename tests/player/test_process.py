"""The player as a process: real sockets, real time, real files; and that it shares nothing with the server."""

import asyncio
import json
from pathlib import Path
import signal
import subprocess
import sys

import aiohttp
import numpy as np
import pytest

from tests.fakes.player import DriftingClock, PlayerConfig, SoftwarePlayer, WavRecorder
from tests.fakes.player.interpolate import interpolate
from tests.fakes.player.media import music
from tests.fakes.player.process import PlayerProcess
from tests.fakes.skew import measure

from .ideal import FLAC_48, PCM_44, SERVER_HELLO, encode, text
from .loopback import Client, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")

ROOT = Path(__file__).parents[2]
MUSIC_S = 2
FLAC_MUSIC = np.concatenate(list(music(MUSIC_S, 48_000))).astype(np.float32)
PCM_MUSIC = interpolate(FLAC_MUSIC, np.arange(MUSIC_S * 44_100, dtype=np.float64) * (48_000 / 44_100))


async def spawn(folder: Path, client_id: str, *arguments: str) -> asyncio.subprocess.Process:
    files = ("--wav", str(folder / f"{client_id}.wav"), "--report", str(folder / f"{client_id}.json"))
    command = (sys.executable, "-m", "tests.fakes.player", "--client-id", client_id, *files, *arguments)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)


async def finish(process: asyncio.subprocess.Process) -> list[dict[str, object]]:
    """End a player as a service manager does; return what it has printed."""
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_two_processes_play_in_step(tmp_path: Path) -> None:
    async with LoopbackServer() as server:
        url = f"ws://127.0.0.1:{server.port}/sendspin"
        players = [
            await spawn(tmp_path, "flac", "--url", url, "--drift-ppm", "45"),
            await spawn(tmp_path, "pcm", "--url", url, "--drift-ppm=-45", "--format", "pcm:44100:16:2"),
        ]
        await server.play({"flac": encode(FLAC_MUSIC, FLAC_48), "pcm": encode(PCM_MUSIC, PCM_44, 1024)})
        events = [await finish(player) for player in players]
        goodbyes = [client.goodbyes for client in server.clients.values()]
    assert goodbyes == [["shutdown"], ["shutdown"]]
    expected = ["connected", "synchronized", "stream", "ended", "lost"]
    assert [[event["event"] for event in printed] for printed in events] == [expected, expected]
    reports = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("flac", "pcm")]
    for report in reports:
        assert (report["late_frames"], report["missing_frames"], report["overlapping_frames"]) == (0, 0, 0)
        assert report["violations"] == {}
        assert report["process"]["cpu_s"] > 0
    assert reports[0]["frame_count"] == len(FLAC_MUSIC)
    assert reports[1]["bytes"] == 4 * len(PCM_MUSIC)
    skew = measure(reports[0], tmp_path / "flac.wav", reports[1], tmp_path / "pcm.wav", skip_s=0.5)
    assert skew.windows >= 3
    assert skew.invalid == 0
    assert skew.p50_us < 1000  # the music is short and the machine may be busy; the demo asks for more


async def test_a_server_may_dial(tmp_path: Path) -> None:
    player = await spawn(tmp_path, "dialled", "--listen", "0")
    assert player.stdout is not None
    listening = json.loads(await player.stdout.readline())
    assert listening["event"] == "listening"
    url = f"ws://127.0.0.1:{listening['port']}/sendspin"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as first_socket:
        first = Client(first_socket)
        first_talk = asyncio.create_task(first.converse())
        while not first.server.states:
            await asyncio.sleep(0.01)
        async with session.ws_connect(url) as second_socket:
            second = Client(second_socket)
            second_talk = asyncio.create_task(second.converse())
            await asyncio.wait_for(first_talk, 5)  # the second takes the player over
            assert first.goodbyes == ["another_server"]
            while not second.server.states:
                await asyncio.sleep(0.01)
            events = await finish(player)
            await second_talk
    assert second.goodbyes == ["shutdown"]
    assert [event["event"] for event in events] == ["connected", "lost", "connected", "lost"]


async def test_a_lost_server_is_dialled_again(tmp_path: Path) -> None:
    told: list[dict[str, object]] = []
    recorder = WavRecorder(tmp_path / "never.wav")
    process = PlayerProcess(SoftwarePlayer(PlayerConfig(client_id="back"), DriftingClock(), recorder), told.append)
    async with LoopbackServer() as server:
        task = asyncio.create_task(process.dial(f"ws://127.0.0.1:{server.port}/sendspin"))
        for _ in range(2):
            while "back" not in server.clients:
                await asyncio.sleep(0.01)
            await server.clients.pop("back").socket.close()
        process.stop.set()
        await asyncio.wait_for(task, 2)
    assert [event["event"] for event in told[:4]] == ["connected", "lost", "connected", "lost"]
    recorder.close()
    assert not (tmp_path / "never.wav").exists()


async def test_a_server_that_breaks_the_hello_is_left() -> None:
    told: list[dict[str, object]] = []
    process = PlayerProcess(SoftwarePlayer(PlayerConfig(client_id="strict"), DriftingClock()), told.append)
    task = asyncio.create_task(process.listen(0))
    while not told:
        await asyncio.sleep(0.01)
    url = f"ws://127.0.0.1:{told[0]['port']}/sendspin"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(text("server/hello", **{**SERVER_HELLO, "connection_reason": "none"}))
        kinds = [message.type async for message in socket]
    assert kinds == [aiohttp.WSMsgType.TEXT]
    process.stop.set()
    await asyncio.wait_for(task, 2)
    assert told[-1]["reason"] == "server/hello with an unknown connection_reason"


def test_the_witness_shares_nothing_with_the_server() -> None:
    program = (
        "import sys, tests.fakes.player.__main__, tests.fakes.player.process, tests.fakes.skew\n"
        "names = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(names & {'core', 'custom_components', 'homeassistant', 'resonate'}))"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_command_line_tells_its_options() -> None:
    command = [sys.executable, "-m", "tests.fakes.player", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--drift-ppm" in shown.stdout
