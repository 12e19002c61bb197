"""Pictures that media bring: read without being decoded, and no part of what is heard."""

import pytest

from core.images import MAX_PICTURE_BYTES
from core.media.decoder import Decoder
from core.media.request import MediaLocation, MediaRequest
from tests.fakes.media import PiecewiseStream, encode, tones
from tests.fakes.pictures import flac_with, mp3_with, picture_file

COVER = picture_file(30, 30)
BACK = picture_file(20, 20)
MP3 = encode(tones(48_000), "libmp3lame", "mp3")
FLAC = encode(tones(48_000), "flac", "flac", sample_format="s16")


def opened(location: MediaLocation) -> tuple[bytes | None, int]:
    """Return the cover and the frame count of a medium, after a seek to its beginning where that is possible."""
    decoder = Decoder(MediaRequest(location=location))
    info = decoder.open()
    if info.is_seekable:
        decoder.seek(0)
    count = 0
    while decoded := decoder.read():
        count += len(decoded.block)
    decoder.close()
    return info.cover, count


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("plain", "pictured"),
    [(MP3, mp3_with(MP3, (3, COVER))), (FLAC, flac_with(FLAC, COVER))],
    ids=["mp3", "flac"],
)
def test_a_cover_is_found_and_the_audio_is_the_same(plain: bytes, pictured: bytes, is_stream: bool) -> None:
    def located(data: bytes) -> MediaLocation:
        return (lambda: PiecewiseStream(data)) if is_stream else data

    _, expected = opened(located(plain))
    cover, frame_count = opened(located(pictured))
    assert cover == COVER
    assert frame_count == expected > 0


def test_the_front_cover_counts_more_than_other_pictures() -> None:
    assert opened(mp3_with(MP3, (4, BACK), (3, COVER)))[0] == COVER
    assert opened(mp3_with(MP3, (4, BACK), (8, COVER)))[0] == BACK


def test_a_cover_that_is_too_large_is_none() -> None:
    cover, frame_count = opened(mp3_with(MP3, (3, COVER + bytes(MAX_PICTURE_BYTES))))
    assert (cover, frame_count > 0) == (None, True)


def test_without_a_picture_there_is_none() -> None:
    assert opened(MP3)[0] is None
    assert opened(FLAC)[0] is None
