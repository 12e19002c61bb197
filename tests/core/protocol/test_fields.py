"""Reading what peers send: what is tolerated, what is noted, what is not."""

from enum import StrEnum

from hypothesis import given, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.protocol.messages.fields import MAX_ENTRIES, Fields, is_number, whole_number

UNREADABLE_NUMBERS: list[object] = [
    *(True, False, "", "x", "1e3", "0x10", "١", "1.", ".5", "1_000", " 1", "1" * 21, "nan", "inf", [], {}, [1]),
]


class Word(StrEnum):
    ONE = "one"
    TWO = "two"


def read(value: object) -> Fields:
    return Fields({"key": value}, "message", [])


def read_integer(value: object) -> tuple[int | None, list[str]]:
    fields = read(value)
    return fields.integer("key", minimum=-5, maximum=50_000), fields.notes


@pytest.mark.parametrize("value", [0, 1, -5, 50_000])
def test_an_integer_in_its_range_is_taken_as_it_is(value: int) -> None:
    assert read_integer(value) == (value, [])


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        *((48_000.0, 48_000), ("48000", 48_000), ("48000.0", 48_000), ("+7", 7), ("-3", -3)),
        *((40.6, 41), ("40.6", 41), (-6, -5), (50_001, 50_000), (1e300, 50_000), (-1e300, -5), (2**70, 50_000)),
    ],
)
def test_other_spellings_of_a_number_are_taken_and_noted(value: object, taken: int) -> None:
    number, notes = read_integer(value)
    assert number == taken
    assert type(number) is int
    assert len(notes) == 1
    assert notes[0].startswith("message.key: ")
    assert f"taken as {taken}" in notes[0]


@pytest.mark.parametrize("value", UNREADABLE_NUMBERS)
def test_what_is_no_number_is_malformed(value: object) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^message\.key is "):
        read(value).integer("key", minimum=0, maximum=9)
    assert not is_number(value)
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("value", "whole"), [(16, 16), (16.0, 16), ("16", 16), ("16.00", 16), (-1, -1), (16.5, None), ("16.5", None)]
)
def test_a_whole_number_has_no_fraction(value: object, whole: int | None) -> None:
    assert whole_number(value) == whole
    assert is_number(value)


@pytest.mark.parametrize(
    ("value", "taken"),
    [*((0, False), (1, True), (1.0, True), ("0", False), ("1", True)), *(("true", True), ("False", False))],
)
def test_other_spellings_of_a_boolean_are_taken_and_noted(value: object, taken: bool) -> None:
    fields = read(value)
    assert fields.boolean("key") is taken
    assert len(fields.notes) == 1


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_taken_as_it_is(value: bool) -> None:
    fields = read(value)
    assert fields.boolean("key") is value
    assert not fields.notes


@pytest.mark.parametrize("value", [2, -1, 0.5, "yes", "", [], {}])
def test_what_is_no_boolean_is_malformed(value: object) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^message\.key is "):
        read(value).boolean("key")


def test_words_that_we_do_not_know_are_dropped_and_noted() -> None:
    fields = read("three")
    assert fields.word("key", Word) is None
    assert fields.notes == ["message.key: unknown word 'three'"]
    assert read("two").word("key", Word) is Word.TWO

    fields = read(["two", "three", 4, None, {"a": 1}, ["two"]])
    assert fields.words("key", Word) == frozenset({Word.TWO})
    assert fields.notes == ["message.key: unknown or repeated words dropped"]
    fields = read(["two", "one"])
    assert fields.words("key", Word) == frozenset(Word)
    assert not fields.notes


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}])
def test_what_is_no_text_is_malformed(value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        read(value).text("key")
    with pytest.raises(RemoteProtocolError):
        read(value).word("key", Word)


@pytest.mark.parametrize("value", [1, True, "[]", {}])
def test_what_is_no_list_is_malformed(value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        read(value).entries("key")
    with pytest.raises(RemoteProtocolError):
        read(value).words("key", Word)


@pytest.mark.parametrize("value", [1, True, "{}", []])
def test_what_is_no_object_is_malformed(value: object) -> None:
    with pytest.raises(RemoteProtocolError):
        read(value).nested("key")


def test_of_a_long_list_the_first_entries_are_read() -> None:
    fields = read(list(range(MAX_ENTRIES)))
    assert fields.entries("key") == list(range(MAX_ENTRIES))
    assert not fields.notes
    fields = read(list(range(MAX_ENTRIES + 3)))
    assert fields.entries("key") == list(range(MAX_ENTRIES))
    assert fields.notes == ["message.key: 3 entries too many"]


@pytest.mark.parametrize("source", [{}, {"key": None}])
def test_absent_and_null_read_alike_and_can_be_told_apart(source: dict[str, object]) -> None:
    fields = Fields(source, "message", [])
    assert fields.integer("key", minimum=0, maximum=1) is None
    assert fields.boolean("key") is None
    assert fields.text("key") is None
    assert fields.word("key", Word) is None
    assert fields.words("key", Word) is None
    assert fields.entries("key") is None
    assert fields.nested("key") is None
    assert ("key" in fields) is bool(source)
    assert not fields.notes


def test_a_nested_object_notes_where_it_is() -> None:
    fields = read({"inner": "7"})
    nested = fields.nested("key")
    assert nested is not None
    assert nested.integer("inner", minimum=0, maximum=9) == 7
    assert fields.notes == ["message.key.inner: '7' taken as 7"]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text() | st.booleans())
def test_a_number_read_is_within_its_range_whatever_came(value: object) -> None:
    try:
        number, _ = read_integer(value)
    except RemoteProtocolError:
        assert not is_number(value)
    else:
        assert number is not None
        assert -5 <= number <= 50_000
