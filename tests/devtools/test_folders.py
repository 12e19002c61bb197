"""Folders of one run, and free ports."""

from pathlib import Path
import socket

import pytest

from devtools.folders import FolderInUseError, free_port, locked, new_folder


def test_each_run_has_a_folder_and_those_of_runs_that_are_over_go(tmp_path: Path) -> None:
    base = tmp_path / "base"
    with new_folder(base) as first, new_folder(base) as second:
        assert first != second
        (first / "log").write_text("first")
    assert (first / "log").read_text() == "first"
    with new_folder(base) as third:
        assert not first.exists()
        assert not second.exists()
        assert third.parent == base


def test_the_folder_of_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    with new_folder(tmp_path) as first:
        with new_folder(tmp_path):
            pass
        assert first.is_dir()


def test_a_folder_is_for_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with locked(folder):
        with pytest.raises(FolderInUseError, match=str(folder)), locked(folder):
            pass
        (folder / "file").touch()
    with locked(folder):
        assert (folder / "file").exists()


@pytest.mark.usefixtures("socket_enabled")
def test_a_port_is_the_wanted_one_or_the_next_free_one() -> None:
    wanted = free_port()
    assert wanted > 1023
    assert free_port(wanted) == wanted
    with socket.create_server(("127.0.0.1", wanted)):
        assert free_port(wanted) > wanted
