"""Where a Chromium comes from."""

import os
from pathlib import Path

import pytest

from devtools.browser import chromium_or_how, find_chromium


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which commands are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_command(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_first_that_is_there_is_taken(folder: Path) -> None:
    assert find_chromium() is None
    chrome = put_command(folder / "google-chrome", "exit 1")
    assert find_chromium() == str(chrome)
    chromium = put_command(folder / "chromium", "exit 1")
    assert chromium_or_how() == str(chromium)


def test_where_nothing_may_be_installed_it_is_told_how(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    put_command(folder / "apt-get", "exit 1")
    assert chromium_or_how() is None
    assert "sudo apt-get install chromium" in capsys.readouterr().err


@pytest.mark.parametrize("is_to_be_had", [True, False])
def test_root_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_to_be_had: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    chromium = folder / "chromium"
    made = f"printf '#!/bin/sh\\n' >'{chromium}'; /bin/chmod +x '{chromium}'"
    put_command(
        folder / "apt-get", f'test "$1 $4" = "install chromium" || exit 1\n{made if is_to_be_had else "exit 1"}'
    )
    assert chromium_or_how() == (str(chromium) if is_to_be_had else None)
    told = capsys.readouterr()
    assert "apt-get install" in told.out
    assert ("sudo apt-get" in told.err) is not is_to_be_had
