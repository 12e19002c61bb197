"""Folders that belong to one run, and ports that nobody has."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import fcntl
from pathlib import Path
import shutil
import socket
import tempfile
from typing import IO, Final

_LOCK: Final = "lock"


class FolderInUseError(Exception):
    """Another process works in the folder."""


@contextmanager
def new_folder(base: Path) -> Iterator[Path]:
    """Make a folder in `base` for this run alone, which stays until the next one; those of runs that are over go."""
    base.mkdir(parents=True, exist_ok=True)
    with (base / _LOCK).open("w") as sweeping:
        fcntl.flock(sweeping, fcntl.LOCK_EX)
        for old in base.iterdir():
            if old.is_dir():
                with suppress(FolderInUseError), locked(old):
                    shutil.rmtree(old)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
        lock = _lock(folder)
    with lock:
        yield folder


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Keep `folder`, made if need be, for this process. Raises FolderInUseError when another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        yield folder


def _lock(folder: Path) -> IO[str]:
    lock = (folder / _LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise FolderInUseError(f"another process uses {folder}") from None
    return lock


def free_port(wanted: int = 0) -> int:
    """Return a port of the loopback address that is free at the moment: the wanted one, or the next that is."""
    while True:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", wanted))
            except OSError:
                if wanted == 0:
                    raise
                wanted += 1
            else:
                port: int = listener.getsockname()[1]
                return port
