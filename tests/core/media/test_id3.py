"""ID3v2 tags in the middle of a stream."""

from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from core.media.icy import TagsAt
from core.media.id3 import Id3Scanner
from core.media.tags import Tags
from tests.fakes.media import id3

AUDIO = bytes((0xFF, 0xFB, 0x90, 0x64)) + b"I ID ID3 ID3\x04\0\x0fID3\xff\0\0" + bytes(30)
"""With marks that begin no tag."""


@given(
    places=st.lists(st.tuples(st.integers(0, len(AUDIO)), st.text("abü", min_size=1, max_size=8)), max_size=3),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_any_split_of_the_bytes_gives_the_same_tags(places: list[tuple[int, str]], cuts: list[int]) -> None:
    data, expected = b"", []
    for number, (begin, title) in enumerate(places):
        data += AUDIO[begin:] + id3(title, "Band") + bytes(number)
        expected.append(TagsAt(len(data) - number, Tags(title, "Band")))
    data += AUDIO
    assert Id3Scanner().feed(data) == expected
    scanner = Id3Scanner()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert [told for begin, end in pairwise(edges) for told in scanner.feed(data[begin:end])] == expected


@given(st.lists(st.binary(max_size=400), max_size=5))
def test_nonsense_is_no_tag_and_is_not_kept(pieces: list[bytes]) -> None:
    scanner = Id3Scanner()
    for piece in pieces:
        for told in scanner.feed(piece.replace(b"ID3", b"")):
            pytest.fail(f"found {told}")
        assert len(scanner._kept) <= 2


@pytest.mark.parametrize(
    "head",
    [
        b"ID3\x01\0\0\0\0\0\x10",
        b"ID3\x05\0\0\0\0\0\x10",
        b"ID3\x04\xff\0\0\0\0\x10",
        b"ID3\x04\0\x01\0\0\0\x10",
        b"ID3\x04\0\0\x80\0\0\0",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        b"ID3\x04\0\0\0\0\0\x10",
    ],
)
def test_what_is_no_tag_or_an_empty_one_or_too_long_hides_no_later_one(head: bytes) -> None:
    data = head + bytes(16)
    assert Id3Scanner().feed(data + id3("Song")) == [TagsAt(len(data) + len(id3("Song")), Tags("Song"))]


def test_a_tag_that_never_ends_costs_no_more_than_it_may_hold() -> None:
    scanner = Id3Scanner()
    scanner.feed(b"ID3\x04\0\0\0\x0f\x7f\x7f")
    for _ in range(100):
        assert scanner.feed(bytes(10_000)) == []
        assert len(scanner._kept) <= 1 << 18
