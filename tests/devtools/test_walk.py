"""What the walk is told to do, and what it looks for in dialogues."""

import pytest

from devtools.visitor import TRANSLATIONS, texts_in, texts_of
from devtools.walk import parse_options


def test_options() -> None:
    usual = parse_options([])
    assert (usual.language, usual.chromium) == ("de", None)
    options = parse_options(["--language", "nl", "--chromium", "google-chrome"])
    assert (options.language, options.chromium) == ("nl", "google-chrome")


def test_a_language_without_texts_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options(["--language", "xx"])
    assert ended.value.code == 2
    assert "xx" in capsys.readouterr().err


def test_all_texts_of_a_form_are_looked_for_but_what_is_put_into_them() -> None:
    step = {
        "title": "Add {name}",
        "description": "{name}: is it \n yours?",
        "data": {"port": "Port", "host": "Address"},
        "data_description": {"port": "Else {port}, or the next."},
        "menu_options": {"keep": "Keep"},
    }
    expected = ["Add", ": is it yours?", "Port", "Address", "Else", ", or the next."]
    assert texts_of(step) == expected
    assert texts_of({}) == []


@pytest.mark.parametrize("language", sorted(path.stem for path in TRANSLATIONS.glob("*.json")))
def test_every_language_has_texts_of_the_dialogue_that_is_read_in_it(language: str) -> None:
    texts = texts_in(language)["config_subentries"]["group"]
    assert len(texts_of(texts["step"]["user"])) == 6
    assert texts["initiate_flow"]["user"]
