"""script/mutants: what it says of a fault that is noticed, one that is not, and one that cannot be put in."""

from dataclasses import replace
from pathlib import Path

import pytest

from devtools.mutants.__main__ import main
from devtools.mutants.table import MUTANTS, Mutant
from devtools.mutants.trial import TextNotUniqueError, Verdict, copy_tree, mutate, run_tests, try_mutant

ROOT = Path(__file__).parents[1]
CODE = "def twice(number):\n    return number + number\n"
# A tree as small as can be; the profile is one that tests/core/conftest.py has.
CONFTEST = 'from hypothesis import settings\nsettings.register_profile("unshrunk")\n'
TESTS = """
import sys
sys.path.insert(0, "custom_components")
from code_under_test import twice

def test_two():
    assert twice(2) == 4

def test_three():
    assert twice(3) == 6
"""
KILLED = Mutant(
    name="squared",
    file="custom_components/code_under_test.py",
    before="number + number",
    after="number * number",
    test="tests/test_code.py::test_three",
)
SURVIVES = replace(KILLED, name="unseen", test="tests/test_code.py::test_two")  # 2 + 2 == 2 * 2


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "custom_components/code_under_test.py": CODE,
        "tests/test_code.py": TESTS,
        "tests/conftest.py": CONFTEST,
        "tests/__pycache__/old.pyc": "",
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--disable-plugin-autoload -p hypothesispytest"\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_text_is_replaced_where_it_occurs_once() -> None:
    assert mutate(CODE, KILLED) == CODE.replace("+", "*")


@pytest.mark.parametrize("text", ["", "number - number", CODE + CODE])
def test_a_text_that_is_not_there_or_there_twice_is_not_replaced(text: str) -> None:
    with pytest.raises(TextNotUniqueError):
        mutate(text, KILLED)


@pytest.mark.parametrize(
    ("mutant", "verdict"),
    [
        (KILLED, Verdict.KILLED),
        (SURVIVES, Verdict.SURVIVED),
        (replace(KILLED, before="nowhere"), Verdict.NOT_APPLIED),
        (replace(KILLED, file="custom_components/nowhere.py"), Verdict.NOT_APPLIED),
        (replace(KILLED, after="number +"), Verdict.NOT_JUDGED),  # a syntax error proves nothing
        (replace(KILLED, test="tests/test_code.py::test_nowhere"), Verdict.NOT_JUDGED),
    ],
)
def test_verdicts(tree: Path, mutant: Mutant, verdict: Verdict) -> None:
    trial = try_mutant(tree, mutant)
    assert trial.verdict is verdict, trial.output
    assert (tree / KILLED.file).read_text() == CODE


def test_a_copy_holds_what_tests_need_and_nothing_of_earlier_runs(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("copy")
    copy_tree(tree, copy)
    assert (copy / "pyproject.toml").exists()
    assert not list(copy.rglob("__pycache__"))
    assert run_tests(copy, ["tests"])[0] == 0


def test_all_noticed_is_success(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [KILLED], tree) == 0
    assert "1 of 1 faults noticed" in capsys.readouterr().out


def test_one_that_survives_is_failure(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [KILLED, SURVIVES], tree) == 1
    out = capsys.readouterr().out
    assert "1 of 2 faults noticed" in out
    assert "unseen: SURVIVED" in out


def test_only_those_that_were_asked_for(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "squared"], [KILLED, SURVIVES], tree) == 0
    assert "unseen" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--only", "nobody"], [KILLED, SURVIVES], tree)


def test_nothing_is_tried_while_a_test_fails_anyway(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / KILLED.file).write_text(CODE.replace("+", "*"))
    assert main([], [KILLED], tree) == 1
    assert "without any fault" in capsys.readouterr().out


def test_every_fault_of_the_table_can_be_put_in_and_its_test_is_there() -> None:
    assert len(MUTANTS) >= 20
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        mutate((ROOT / mutant.file).read_text(), mutant)
        file, name = mutant.test.split("::")
        assert f"def {name}(" in (ROOT / file).read_text(), mutant.name
