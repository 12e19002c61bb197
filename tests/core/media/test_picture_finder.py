"""Where pictures are looked for, in which order, and what becomes of broken ones."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given, strategies as st
import pytest

from core.errors import MediaOpenError
from core.images import MAX_PICTURE_BYTES
from core.media.picture_finder import PictureFinder
from core.media.request import ByteStream, MediaRequest, PictureLocation
from tests.fakes.media import BrokenStream, PiecewiseStream, StalledStream
from tests.fakes.pictures import picture_file

ASKED = picture_file(10, 10)
BROUGHT = picture_file(20, 20)
BESIDE = picture_file(30, 30)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return tmp_path / "song.mp3"


def found(location: Path | bytes, artwork: PictureLocation | None = None, cover: bytes | None = None) -> bytes | None:
    folder = location.parent if isinstance(location, Path) else None
    picture = PictureFinder(MediaRequest(location=location, artwork=artwork), cover, folder).find()
    return None if picture is None else picture.data


class Endless(PiecewiseStream):
    """Gives for ever."""

    def read(self, byte_count: int, /) -> bytes:
        self.given += byte_count
        return bytes(byte_count)


def test_the_asker_counts_more_than_the_medium_and_that_more_than_the_folder(song: Path) -> None:
    (song.parent / "cover.jpg").write_bytes(BESIDE)
    assert found(song, ASKED, BROUGHT) == ASKED
    assert found(song, None, BROUGHT) == BROUGHT
    assert found(song) == BESIDE
    assert found(b"") is None


def test_what_cannot_be_used_is_passed_over(song: Path) -> None:
    (song.parent / "cover.jpg").write_bytes(BESIDE)

    def refuse() -> ByteStream:
        raise MediaOpenError("no")

    asked: tuple[PictureLocation, ...] = (b"nothing", song.parent / "missing.jpg", song.parent, refuse)
    for artwork in asked:
        assert found(song, artwork, BROUGHT) == BROUGHT
    assert found(song, None, b"nothing") == BESIDE


@given(st.lists(st.integers(1, 5000), min_size=1))
def test_a_stream_is_read_in_whatever_pieces_it_comes(sizes: list[int]) -> None:
    stream = PiecewiseStream(ASKED, sizes)
    assert found(b"", lambda: stream) == ASKED
    assert stream.closed


@pytest.mark.parametrize(
    "make",
    [
        lambda: Endless(b""),
        lambda: BrokenStream(ASKED[:100], MediaOpenError("gone")),
        lambda: BrokenStream(ASKED[:100], OSError("gone")),
        lambda: PiecewiseStream(b""),
    ],
)
def test_streams_that_give_no_picture(make: Callable[[], PiecewiseStream]) -> None:
    stream = make()
    assert found(b"", lambda: stream, BROUGHT) == BROUGHT
    assert stream.closed
    assert stream.given <= MAX_PICTURE_BYTES + 65_536


def test_closed_it_looks_no_further(song: Path) -> None:
    (song.parent / "cover.jpg").write_bytes(BESIDE)
    finder = PictureFinder(MediaRequest(location=song), BROUGHT, song.parent)
    finder.close()
    assert finder.find() is None

    streams: list[StalledStream] = []

    def open_stream() -> ByteStream:
        streams.append(StalledStream(ASKED))
        finder.close()
        return streams[0]

    finder = PictureFinder(MediaRequest(location=song, artwork=open_stream), BROUGHT, song.parent)
    assert finder.find() is None
    assert streams[0].closed


def test_folder_images_are_found_whatever_their_case_the_best_name_first(song: Path) -> None:
    folder = song.parent
    (folder / "Front.JPEG").write_bytes(ASKED)
    assert found(song) == ASKED
    (folder / "FOLDER.png").write_bytes(BROUGHT)
    assert found(song) == BROUGHT
    (folder / "Cover.Jpg").write_bytes(BESIDE)
    assert found(song) == BESIDE


def test_only_files_beside_the_medium_count(song: Path) -> None:
    (song.parent / "cover.jpg").mkdir()
    assert found(song) is None
    (song.parent / "back.jpg").write_bytes(BESIDE)
    assert found(song) is None
    assert found(song.parent / "gone" / "song.mp3") is None


def test_looking_is_not_worth_it_where_there_is_no_place_to_look(song: Path) -> None:
    assert not PictureFinder(MediaRequest(location=lambda: PiecewiseStream(b"")), None).is_worthwhile
    assert PictureFinder(MediaRequest(location=lambda: PiecewiseStream(b"")), BROUGHT).is_worthwhile
    assert PictureFinder(MediaRequest(artwork=ASKED), None).is_worthwhile
    assert PictureFinder(MediaRequest(location=song), None, song.parent).is_worthwhile
