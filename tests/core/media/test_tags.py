"""What a medium says of itself."""

from hypothesis import given, strategies as st
import pytest

from core.media.tags import Tags, merge_tags, read_tags, tags_of_stream_title

names = ["title", "ARTIST", "album", "album_artist", "date", "track", "StreamTitle", "icy-name"]
texts = st.dictionaries(st.sampled_from(names), st.text() | st.from_regex(r"[0-9/-]{1,12}"))


def test_names_of_tags() -> None:
    assert read_tags({"TITLE": "Song", "album_artist": "Band", "album": "Record"}) == Tags(
        "Song", "Band", "Record", "Band"
    )
    assert read_tags({}) == Tags()


@pytest.mark.parametrize(
    ("metadata", "year", "track"),
    [
        ({"date": "1999", "track": "3"}, 1999, 3),
        ({"DATE": "1999-05-01T12:00", "TRACK": "03/12"}, 1999, 3),
        ({"year": "2001"}, 2001, None),
        ({"date": "0000", "track": "0"}, None, None),
        ({"date": "1.5.1999", "track": "A3"}, None, None),
        ({"date": "19991", "track": "123456"}, None, None),
        ({"date": "", "track": "/12"}, None, None),
        ({"date": "١٩٩٩", "track": "٣"}, None, None),
    ],
)
def test_numbers(metadata: dict[str, str], year: int | None, track: int | None) -> None:
    tags = read_tags(metadata)
    assert (tags.year, tags.track) == (year, track)


def test_the_container_comes_first() -> None:
    assert read_tags({"title": " "}, {"title": "of the stream"}).title == "of the stream"
    assert read_tags({"title": "of the container"}, {"title": "of the stream"}).title == "of the container"


def test_a_radio_tells_what_it_plays() -> None:
    tags = read_tags({"StreamTitle": "Band - Song", "icy-name": "Radio", "icy-genre": "Jazz"})
    assert tags == Tags("Song", "Band", "Radio")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Band - Song", Tags("Song", "Band")),
        ("Band - Song - Live", Tags("Song - Live", "Band")),
        ("Hip-Hop", Tags("Hip-Hop")),
        ("News", Tags("News")),
        (" - News", Tags("- News")),
        (" - ", Tags()),
        ("", Tags()),
    ],
)
def test_what_a_radio_plays_is_an_artist_and_a_title_where_it_says_so(text: str, tags: Tags) -> None:
    assert tags_of_stream_title(text) == tags


def test_a_title_with_a_dash_stays_one() -> None:
    assert read_tags({"title": "One - Two"}) == Tags("One - Two")


def test_what_the_asker_says_counts_more_than_what_the_medium_says() -> None:
    said = Tags("Its", "Band", "Record", "Bands", 1999, 3)
    assert merge_tags(Tags("Mine"), said, is_current=False) == Tags("Mine", "Band", "Record", "Bands", 1999, 3)
    asked = Tags("Mine", "Me", "My record", "We", 2001, 4)
    assert merge_tags(asked, said, is_current=False) == asked


def test_what_a_radio_plays_counts_more_than_what_it_is_called() -> None:
    said = Tags("Song", "Band", "Its name")
    assert merge_tags(Tags("My radio"), said, is_current=True) == Tags("Song", "Band", "My radio")
    assert merge_tags(Tags("My radio", album="Mine"), said, is_current=True) == Tags("Song", "Band", "Mine")
    assert merge_tags(Tags("My radio"), Tags(album="Its name"), is_current=True) == Tags("My radio", None, "Its name")


def test_old_tags_in_latin_1() -> None:
    assert read_tags({"title": "für".encode("latin-1").decode("utf-8", "surrogateescape")}).title == "für"


@given(texts)
def test_whatever_is_told_can_be_sent(metadata: dict[str, str]) -> None:
    tags = read_tags(metadata)
    for text in (tags.title, tags.artist, tags.album, tags.album_artist):
        assert text is None or (0 < len(text) <= 500 and text.encode() and text.isprintable())
    assert all(number is None or number > 0 for number in (tags.year, tags.track))
