"""What a medium says of itself."""

from hypothesis import given, strategies as st
import pytest

from core.media.tags import Tags, merge_tags, read_tags, tags_of_stream_title

texts = st.dictionaries(st.sampled_from(["title", "ARTIST", "album", "StreamTitle", "icy-name"]), st.text())


def test_names_of_tags() -> None:
    assert read_tags({"TITLE": "Song", "album_artist": "Band", "album": "Record"}) == Tags("Song", "Band", "Record")
    assert read_tags({}) == Tags()


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
    assert merge_tags(Tags("Mine"), Tags("Its", "Band"), is_current=False) == Tags("Mine", "Band")


def test_what_a_radio_plays_counts_more_than_what_it_is_called() -> None:
    said = Tags("Song", "Band", "Its name")
    assert merge_tags(Tags("My radio"), said, is_current=True) == Tags("Song", "Band", "My radio")
    assert merge_tags(Tags("My radio", album="Mine"), said, is_current=True) == Tags("Song", "Band", "Mine")
    assert merge_tags(Tags("My radio"), Tags(album="Its name"), is_current=True) == Tags("My radio", None, "Its name")


def test_old_tags_in_latin_1() -> None:
    assert read_tags({"title": "für".encode("latin-1").decode("utf-8", "surrogateescape")}).title == "für"


@given(texts)
def test_whatever_is_told_can_be_sent(metadata: dict[str, str]) -> None:
    for text in read_tags(metadata):
        assert text is None or (0 < len(text) <= 500 and text.encode() and text.isprintable())
