"""What is told of steps, and how long is waited for what they are for."""

import pytest

from devtools.api import ApiError
from devtools.journal import About, Journal, StepError, expect


def test_each_step_is_told_when_it_is_done() -> None:
    told: list[str] = []
    journal = Journal(told.append)
    with journal.step("Begin"):
        assert told == []
    with journal.step("End"):
        pass
    assert [line.rpartition(" (")[0] for line in told] == [" 1 Begin", " 2 End"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ApiError("refused"), "refused"),
        (StepError("1 instead of 2"), "1 instead of 2"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_step_that_fails_says_which_one_it_is(error: Exception, words: str) -> None:
    told: list[str] = []
    journal = Journal(told.append)
    with journal.step("Begin"):
        pass
    with pytest.raises(StepError, match=rf"^step 2, Go on: {words}$"), journal.step("Go on"):
        raise error
    assert len(told) == 1


def test_a_fault_of_the_walk_itself_is_none_of_a_step() -> None:
    with pytest.raises(ZeroDivisionError), Journal(print).step("Divide"):
        raise ZeroDivisionError


async def test_what_is_expected_is_waited_for() -> None:
    states = iter(["idle", "playing"])

    async def look() -> str:
        return next(states)

    await expect("the player", look, "playing")
    assert next(states, None) is None


async def test_what_does_not_come_is_told_with_what_is_there_instead() -> None:
    async def look() -> list[float]:
        return [0.5, 0.3]

    await expect("the volumes", look, [About(0.52, 0.04), 0.3])
    with pytest.raises(StepError, match=r"^the volumes: \[0.5, 0.3\] instead of \[0.5, about 0.4\]$"):
        await expect("the volumes", look, [0.5, About(0.4, 0.04)], timeout=0)


def test_about() -> None:
    assert About(30, 4) == 34
    assert About(30, 4) != 34.5
    assert About(30, 4) != None  # noqa: E711 - what is not known is near nothing
