"""Processes are watched, ended, and not left behind."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

from devtools.children import ROOT, Child, ChildError

POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('{"event": "ready", "n": 1}', flush=True)
time.sleep(600)
"""
STUBBORN = POLITE.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")


async def start(code: str, folder: Path) -> Child:
    return await Child.start("It", [sys.executable, "-c", code], output=folder / "it.txt", environment={"A": "b"})


async def test_what_it_says_is_heard_and_it_ends_when_asked(tmp_path: Path) -> None:
    child = await start(POLITE, tmp_path)
    assert await child.wait_for("ready", 10) == {"event": "ready", "n": 1}
    assert child.status is None
    assert os.getsid(child.pid) == child.pid
    assert await child.stop(10) == 0
    assert await child.stop(10) == 0
    assert child.status == 0


async def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    child = await start(STUBBORN, tmp_path)
    await child.wait_for("ready", 10)
    with pytest.raises(TimeoutError):
        await child.stop(0.2)
    assert child.status == -signal.SIGKILL
    await child.close(1)


async def test_what_it_did_not_live_to_say_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = await start("print('alas'); raise SystemExit(3)", tmp_path)
    with pytest.raises(ChildError, match=r"(?s)It ended with status 3 \(ready\):.*alas"):
        await child.wait_for("ready", 10)
    assert await child.wait() == 3


async def test_one_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    child = await start(POLITE, tmp_path)
    with pytest.raises(ChildError, match=r"did not get there within 0 s \(sung\)"):
        await child.wait_for("sung", 0.2)
    await child.close(10)


async def test_it_has_the_environment_and_the_repository(tmp_path: Path) -> None:
    child = await start("import os; print(os.environ['A'], os.getcwd())", tmp_path)
    assert await child.wait() == 0
    assert child.last_words() == f"b {ROOT}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's end")
def test_it_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, time; from pathlib import Path; from devtools.children import Child\n"
        f"child = asyncio.run(Child.start('It', ['sleep', '600'], output=Path({str(tmp_path / 'it.txt')!r})))\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    give_up_at = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert not is_running(pid)


@pytest.mark.parametrize(("is_endless", "status"), [(False, 143), (True, 0)])
def test_a_signal_cancels_and_cleaning_up_is_not_interrupted(is_endless: bool, status: int) -> None:
    code = (
        "import asyncio, sys; from devtools import lifetime\n"
        "async def work():\n"
        "    try:\n"
        "        print('ready', flush=True); await asyncio.sleep(600)\n"
        "    finally:\n"
        "        print('cleaning', flush=True); await asyncio.sleep(0.5); print('clean', flush=True)\n"
        f"sys.exit(lifetime.run(work(), is_endless={is_endless}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "clean\n"
    assert process.returncode == status


def test_what_ends_by_itself_says_how() -> None:
    code = "import sys; from devtools import lifetime\nasync def work(): return 7\nsys.exit(lifetime.run(work()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 7


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_signal_is_passed_on_and_none_to_what_has_ended(tmp_path: Path) -> None:
    child = await start(POLITE, tmp_path)
    await child.wait_for("ready", 10)
    child.send(signal.SIGUSR2)
    assert await child.wait() == -signal.SIGUSR2
    child.send(signal.SIGUSR2)
