"""A child process that tells what it does in JSON lines, and is told what to do in the same way."""

from collections.abc import Sequence
from contextlib import suppress
import json
from pathlib import Path
import signal
import subprocess
import time
from typing import Any

type Event = dict[str, Any]

ROOT = Path(__file__).parents[2]
POLL_S = 0.01


class JsonProcess:
    """A running child; its output is kept in files of `folder`, so it never waits for its reader."""

    def __init__(self, command: Sequence[str | Path], folder: Path, name: str) -> None:
        """Start the child."""
        self.name = name
        self._output = folder / f"{name}.jsonl"
        self._complaints = folder / f"{name}.stderr"
        with self._output.open("wb") as output, self._complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=complaints,
                text=True,
            )
        self._read_bytes = 0
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        """Everything it has told so far."""
        with self._output.open("rb") as output:
            output.seek(self._read_bytes)
            fresh = output.read()
        complete = fresh[: fresh.rfind(b"\n") + 1]
        self._read_bytes += len(complete)
        self._events += [json.loads(line) for line in complete.splitlines() if line.startswith(b"{")]
        return self._events

    def told(self, event: str | None, *, since: int = 0, **fields: object) -> list[Event]:
        """Return the events of that name (None: of any or none) with these fields, from the `since`-th event on."""
        wanted = fields if event is None else {"event": event, **fields}
        return [told for told in self.events[since:] if wanted.items() <= told.items()]

    def wait_for(
        self, event: str | None, *, since: int = 0, count: int = 1, timeout: float = 15, **fields: object
    ) -> Event:
        """Return the `count`-th event of that name with these fields; fails when it does not come in time."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self._process.poll() is not None  # asked before looking: what it told last is not missed
            found = self.told(event, since=since, **fields)
            if len(found) >= count:
                return found[count - 1]
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} told no {event or ''} {fields or ''}; {self._last_words()}")
            time.sleep(POLL_S)

    def send(self, **command: object) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Let it read the end of its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self, timeout: float = 10) -> int:
        """Return its exit status once it has ended by itself."""
        return self._process.wait(timeout)

    def kill(self) -> None:
        """End it without a chance to say anything."""
        self._process.kill()
        self._close()

    def stop(self, timeout: float = 5) -> int:
        """Ask it to end as a service manager does, and return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout)
        finally:
            self._process.kill()
            self._close()

    def complaints(self) -> str:
        """Return what it wrote to stderr."""
        return self._complaints.read_text(errors="replace")

    def _close(self) -> None:
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # a command that it did not live to read
            self._process.stdin.close()

    def _last_words(self) -> str:
        status = self._process.poll()
        state = "still running" if status is None else f"ended with status {status}"
        told = [told for told in self.events if told.get("event") not in ("chunk", "decoded", "clock")]
        return f"{state}; last told: {told[-12:]}; stderr: {self.complaints()[-2000:]}"
