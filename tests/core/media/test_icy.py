"""Tags between the audio of a radio."""

from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from core.media.icy import IcyFilter, Station, TagsAt, read_station
from core.media.tags import Tags
from tests.fakes.media import with_titles


def block(text: bytes) -> bytes:
    units = -(-len(text) // 16)
    return bytes([units]) + text.ljust(16 * units, b"\0")


@given(
    audio=st.binary(max_size=300),
    interval=st.integers(1, 40),
    titles=st.dictionaries(st.integers(0, 299), st.text("ab'; -=ü\0", max_size=30), max_size=4),
    cuts=st.lists(st.integers(0, 1000), max_size=20),
)
def test_any_split_of_the_bytes_gives_the_same_audio_and_the_same_titles(
    audio: bytes, interval: int, titles: dict[int, str], cuts: list[int]
) -> None:
    data = with_titles(audio, interval, titles)
    whole = IcyFilter(interval).feed(data)
    assert whole.audio == audio
    icy = IcyFilter(interval)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [icy.feed(data[begin:end]) for begin, end in pairwise(edges)]
    assert b"".join(part.audio for part in parts) == audio
    assert [tags for part in parts for tags in part.tags] == whole.tags


@given(st.binary(max_size=2_000), st.integers(1, 100))
def test_nonsense_is_taken_as_it_comes(data: bytes, interval: int) -> None:
    parts = IcyFilter(interval).feed(data)
    assert len(parts.audio) <= len(data)
    assert all(0 <= told.position <= len(parts.audio) for told in parts.tags)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (b"StreamTitle='Band - Song';StreamUrl='http://x';", Tags("Song", "Band")),
        (b"StreamTitle='Band - Song';", Tags("Song", "Band")),
        (b"StreamTitle='Band - Song'", Tags("Song", "Band")),
        (b"StreamTitle='Band - So", Tags("So", "Band")),
        (b"streamtitle='It's 5 o'clock'; really';StreamUrl='';", Tags("It's 5 o'clock'; really")),
        (b"StreamUrl='http://x';StreamTitle='Song';", Tags("Song")),
        (b"StreamTitle='';", Tags()),
        (b"StreamTitle=' - ';", Tags()),
        (b"StreamTitle='f\xfcr';", Tags("für")),
        ("StreamTitle='für';".encode(), Tags("für")),
    ],
)
def test_titles_as_radios_write_them(text: bytes, tags: Tags) -> None:
    assert IcyFilter(2).feed(b"ab" + block(text)).tags == [TagsAt(2, tags)]


@pytest.mark.parametrize("text", [b"", b"StreamUrl='http://x';", b"nonsense"])
def test_what_says_nothing_of_a_title_changes_nothing(text: bytes) -> None:
    assert IcyFilter(2).feed(b"ab" + block(text) + b"c") == (b"abc", [])


def test_the_longest_block() -> None:
    text = b"StreamTitle='" + b"'" * 4_000 + b" ';"
    (told,) = IcyFilter(1).feed(b"a" + block(text)).tags
    assert told.tags.title is not None
    assert len(told.tags.title) == 500


@pytest.mark.parametrize(
    ("headers", "station"),
    [
        ({"Content-Type": "audio/mpeg"}, None),
        ({"icy-name": "Radio", "ICY-MetaInt": "16000"}, Station(16_000, "Radio")),
        ({"icy-br": "128"}, Station()),
        ({"icy-metaint": "0", "icy-name": " "}, Station()),
        ({"icy-metaint": "-5"}, Station()),
        ({"icy-metaint": "9" * 5_000}, Station()),
        ({"icy-metaint": "99999999"}, Station()),
        ({"icy-metaint": "²"}, Station()),
    ],
)
def test_what_a_server_says(headers: dict[str, str], station: Station | None) -> None:
    assert read_station(headers) == station
