"""What must hold for every file of the repository."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import stat
import subprocess
import tomllib

from homeassistant.util import yaml as yaml_util
import pytest

ROOT = Path(__file__).parents[1]

# Absolute paths that belong to one machine. Interpreters (#!/usr/bin/env) and paths in a container are none.
_ABSOLUTE = re.compile(r"(?<![\w.:$}~/-])/(?:home|root|work|Users|mnt|opt)/[\w.-]+")
# Hosts that a lock file could name; they would tie every user to one mirror.
_REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|\"resolved\":|files\.pythonhosted|registry\.npmjs|pypi\.org/simple"
)
_CONFLICT = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.MULTILINE)
_TEXTS_OF_OTHERS = {"LICENSE"}


def _tracked() -> list[Path]:
    """Return the files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({path for name in listed.split("\0") if name and (path := ROOT / name).is_file()})


def text_problems(name: str, data: bytes) -> Iterator[str]:
    """Say what is wrong with a text file; nothing of a binary one."""
    if b"\0" in data:
        return
    text = data.decode("utf-8")
    if text and not text.endswith("\n"):
        yield "no newline at the end"
    if text.endswith("\n\n"):
        yield "empty lines at the end"
    if "\r" in text:
        yield "carriage returns"
    if not name.endswith(".md") and re.search(r"[ \t]$", text, re.MULTILINE):
        yield "space at the end of a line"
    if _CONFLICT.search(text):
        yield "the mark of a conflict"
    if name == "tests/test_repository.py":  # it has to name what it looks for
        return
    if found := _ABSOLUTE.search(text):
        yield f"a path of one machine: {found[0]}"
    if found := _REGISTRY.search(text):
        yield f"a registry: {found[0]}"


def syntax_problem(path: Path) -> str | None:
    """Say why a JSON, TOML or YAML file cannot be read."""
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case ".toml":
                tomllib.loads(path.read_text(encoding="utf-8"))
            case ".yaml" | ".yml":
                yaml_util.load_yaml(str(path))
    except Exception as error:  # noqa: BLE001 - each format has errors of its own
        return f"{type(error).__name__}: {error}"
    return None


def mode_problem(is_executable: bool, data: bytes) -> str | None:
    """Say when a file is executable but no command, or the other way round."""
    is_command = data.startswith(b"#!")
    if is_executable == is_command:
        return None
    return "a command that cannot be run" if is_command else "executable, but no command"


def test_texts() -> None:
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in _tracked()
        if path.name not in _TEXTS_OF_OTHERS
        for problem in text_problems(str(path.relative_to(ROOT)), path.read_bytes())
    ]
    assert problems == []


def test_syntax() -> None:
    problems = {str(path.relative_to(ROOT)): problem for path in _tracked() if (problem := syntax_problem(path))}
    assert problems == {}


def test_modes() -> None:
    problems = {
        str(path.relative_to(ROOT)): problem
        for path in _tracked()
        if (problem := mode_problem(bool(path.stat().st_mode & stat.S_IXUSR), path.read_bytes()[:2]))
    }
    assert problems == {}


def test_every_script_can_be_run() -> None:
    scripts = [path for path in _tracked() if path.parent == ROOT / "script" and not path.suffix]
    assert scripts
    assert [path.name for path in scripts if not path.stat().st_mode & stat.S_IXUSR] == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a", "no newline at the end"),
        (b"a\n\n", "empty lines at the end"),
        (b"a\r\n", "carriage returns"),
        (b"a \nb\n", "space at the end of a line"),
        (b"a\n<<<<<<< HEAD\n", "the mark of a conflict"),
        (b"see /home/somebody/x\n", "a path of one machine: /home/somebody"),
        (b"--index-url x\n", "a registry: --index-url"),
    ],
)
def test_bad_texts(data: bytes, problem: str) -> None:
    assert list(text_problems("a.txt", data)) == [problem]


def test_good_texts() -> None:
    assert (
        list(text_problems("a.txt", b"#!/usr/bin/env bash\nhttps://example.org/home/page ~/work/x $ROOT/opt/y\n")) == []
    )
    assert list(text_problems("a.png", b"\x89PNG\0 \r\n \n\n")) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("a.json", '{"a": 1}', "{"), ("a.toml", "a = 1", "a ="), ("a.yaml", "a: 1", "a: [1"), ("a.txt", "{", None)],
)
def test_syntax_problem(tmp_path: Path, name: str, good: str, bad: str | None) -> None:
    path = tmp_path / name
    path.write_text(good, encoding="utf-8")
    assert syntax_problem(path) is None
    if bad is not None:
        path.write_text(bad, encoding="utf-8")
        assert syntax_problem(path) is not None


def test_mode_problem() -> None:
    assert mode_problem(True, b"#!") is None
    assert mode_problem(False, b"im") is None
    assert mode_problem(True, b"im") == "executable, but no command"
    assert mode_problem(False, b"#!") == "a command that cannot be run"
