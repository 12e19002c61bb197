"""Texts of peers and of ours."""

from hypothesis import given, strategies as st
import pytest

from core.protocol.messages.text import (
    MAX_NAME_LENGTH,
    MAX_SENT_LENGTH,
    clean,
    is_fit,
    sendable,
    sendable_or_none,
    shown,
)

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=600)


@pytest.mark.parametrize(
    "unfit", ["\x00", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ud800"]
)
def test_control_characters_become_a_space(unfit: str) -> None:
    assert clean(f"a{unfit}{unfit}b") == "a b"
    assert clean(f"{unfit}a{unfit}") == "a"
    assert not is_fit(f"a{unfit}b")


@pytest.mark.parametrize("name", ["Küche", "客廳", "👨‍👩‍👧", "a\xa0b", "Kitchen (2)"])
def test_names_of_all_kinds_stay(name: str) -> None:
    assert clean(name) == name
    assert is_fit(name)


def test_a_name_is_capped() -> None:
    assert clean("x" * 300) == "x" * MAX_NAME_LENGTH == "x" * 256
    assert is_fit("x" * 256)
    assert not is_fit("x" * 257)
    assert not is_fit("")


@given(any_text)
def test_a_cleaned_text_is_short_clean_and_can_be_encoded(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= MAX_NAME_LENGTH
    assert clean(cleaned) == cleaned
    assert cleaned == "" or is_fit(cleaned)
    cleaned.encode()
    assert "\n" not in cleaned


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        *((None, "None"), (True, "True"), (1, "1"), (1.5, "1.5"), ("a\nb", "'a b'"), ("x" * 99, repr("x" * 40))),
        *(([1], "a list"), ({"a": 1}, "an object"), (10**60, "1" + "0" * 39)),
    ],
)
def test_a_peers_value_is_shown_short(value: object, picture: str) -> None:
    assert shown(value) == picture


@given(any_text)
def test_whatever_a_tag_holds_can_be_sent(text: str) -> None:
    sent = sendable(text)
    assert len(sent) == min(len(text), MAX_SENT_LENGTH)
    sent.encode()
    assert sendable_or_none(text) == sent


def test_no_text_stays_none() -> None:
    assert sendable_or_none(None) is None
    assert sendable("a\udcffb") == "a?b"
