"""Looking for pictures beside the audio: how many at a time, for how long, and until when."""

import asyncio

import pytest

from core.formats import STEREO
from core.images import ImageFormat, ImageSpec
from core.media.picture import read_picture
from core.media.request import ByteStream, MediaRequest
from core.media.source import SourceInfo
from core.server.pictures import FINDING_AT_A_TIME, MAX_KEPT, PATIENCE_US, Artwork, Pictures
from tests.fakes.clock import FakeClock
from tests.fakes.media import PiecewiseStream
from tests.fakes.pictures import picture_file
from tests.fakes.stage import GatedRunner

PICTURE = picture_file()
SPEC = ImageSpec(width=8, height=8, format=ImageFormat.PNG)


def stream() -> ByteStream:
    return PiecewiseStream(PICTURE)


async def test_only_so_many_at_a_time_and_nothing_for_media_that_are_gone() -> None:
    clock, media = FakeClock(), GatedRunner()
    pictures = Pictures(media, clock)
    opened: list[int] = []

    def asked(number: int) -> Artwork:
        def open_stream() -> ByteStream:
            opened.append(number)
            return stream()

        return Artwork(MediaRequest(artwork=open_stream))

    found: list[Artwork] = []
    artworks = [asked(number) for number in range(6)]
    media.shut()
    for artwork in artworks:
        artwork.look_for(pictures, None, found.append)
        artwork.look_for(pictures, None, found.append)
    await clock.sleep(1)
    artworks[0].cancel()
    artworks[5].cancel()
    media.open()
    await clock.sleep(1)
    assert found == artworks[1:5]
    assert opened == [1, 2, 3, 4]
    assert media.call_count == 5  # the first two had a thread already
    assert FINDING_AT_A_TIME == 2
    assert artworks[0].picture is None
    assert artworks[1].picture == read_picture(PICTURE)
    await pictures.close()


async def test_what_does_not_come_in_time_is_given_up_and_the_cover_shown() -> None:
    clock, media = FakeClock(), GatedRunner()
    pictures = Pictures(media, clock)
    cover = picture_file(9, 9)
    artwork = Artwork(MediaRequest(artwork=stream))
    media.shut()  # as a stream that gives nothing: the thread is taken and does not return
    info = SourceInfo(sample_rate=48_000, layout=STEREO, cover=cover)
    artwork.look_for(pictures, info, lambda _: None)
    await clock.sleep(PATIENCE_US + 1)
    was_settled = artwork.is_settled
    media.open()
    await clock.sleep(1)
    assert (was_settled, artwork.is_settled) == (False, True)
    assert artwork.picture == read_picture(cover)
    await pictures.close()


async def test_where_there_is_no_place_to_look_nothing_is_done() -> None:
    media = GatedRunner()
    pictures = Pictures(media, FakeClock())
    artwork = Artwork(MediaRequest())
    artwork.look_for(pictures, None, lambda _: pytest.fail("nothing was found"))
    assert artwork.is_settled
    assert media.call_count == 0
    assert await artwork.image(SPEC) == b""


async def test_images_are_made_once_and_the_last_ones_kept() -> None:
    clock, media = FakeClock(), GatedRunner()
    pictures = Pictures(media, clock)
    picture = read_picture(PICTURE)
    specs = [ImageSpec(width=width, height=8, format=ImageFormat.PNG) for width in range(1, MAX_KEPT + 2)]
    images = await asyncio.gather(*(pictures.image(picture, SPEC) for _ in range(5)))
    assert len(set(images)) == 1
    assert media.call_count == 1
    for spec in specs:
        await pictures.image(picture, spec)
    calls = media.call_count
    await pictures.image(picture, specs[-1])
    assert media.call_count == calls
    await pictures.image(picture, specs[0])
    assert media.call_count == calls + 1
    await pictures.close()


async def test_a_broken_picture_is_an_empty_image_and_tried_once() -> None:
    media = GatedRunner()
    pictures = Pictures(media, FakeClock())
    broken = read_picture(picture_file(200, 200, seed=1)[:3000])
    assert await pictures.image(broken, SPEC) == b""
    assert await pictures.image(broken, SPEC) == b""
    assert media.call_count == 1
    await pictures.close()


async def test_at_the_end_nothing_is_left() -> None:
    media = GatedRunner()
    pictures = Pictures(media, FakeClock())
    media.shut()
    Artwork(MediaRequest(artwork=PICTURE)).look_for(pictures, None, lambda _: pytest.fail("too late"))
    making = asyncio.ensure_future(pictures.image(read_picture(PICTURE), SPEC))
    await asyncio.sleep(0)
    await pictures.close()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert len(asyncio.all_tasks()) == 1
