"""What a medium says of itself."""

from hypothesis import given, strategies as st

from core.media.tags import Tags, read_tags

texts = st.dictionaries(st.sampled_from(["title", "ARTIST", "album", "StreamTitle", "icy-name"]), st.text())


def test_names_of_tags() -> None:
    assert read_tags({"TITLE": "Song", "album_artist": "Band", "album": "Record"}) == Tags("Song", "Band", "Record")
    assert read_tags({}) == Tags()


def test_the_container_comes_first() -> None:
    assert read_tags({"title": " "}, {"title": "of the stream"}).title == "of the stream"
    assert read_tags({"title": "of the container"}, {"title": "of the stream"}).title == "of the container"


def test_a_radio_tells_what_it_plays() -> None:
    tags = read_tags({"StreamTitle": "Band - Song", "icy-name": "Radio", "icy-genre": "Jazz"})
    assert tags == Tags("Band - Song", None, "Radio")


def test_old_tags_in_latin_1() -> None:
    assert read_tags({"title": "für".encode("latin-1").decode("utf-8", "surrogateescape")}).title == "für"


@given(texts)
def test_whatever_is_told_can_be_sent(metadata: dict[str, str]) -> None:
    for text in read_tags(metadata):
        assert text is None or (0 < len(text) <= 500 and text.encode() and text.isprintable())
