"""What is taken for a picture, and the images that are made of it."""

import io

from hypothesis import given, settings, strategies as st
from PIL import Image
import pytest

from core.errors import PictureError
from core.images import MAX_PICTURE_BYTES, MAX_SIDE, ImageFormat, ImageSpec
from core.media.picture import GOOD_BYTES, MAX_IMAGE_BYTES, fitted_size, make_image, read_picture
from tests.fakes.pictures import GREEN, RED, picture_file, png_that_claims, shown

SQUARE = ImageSpec(width=64, height=64, format=ImageFormat.PNG)
specs = st.builds(
    ImageSpec,
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    format=st.sampled_from(ImageFormat),
)


def close(left: object, right: tuple[int, ...], by: int = 12) -> bool:
    assert isinstance(left, tuple)
    return all(abs(one - other) <= by for one, other in zip(left, right, strict=True))


def rgb(image: bytes) -> Image.Image:
    return shown(image).convert("RGB")


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("WEBP", "image/webp"),
    ],
)
def test_a_picture_is_known_by_its_bytes(name: str, mime_type: str) -> None:
    data = picture_file(name=name)
    picture = read_picture(data)
    assert (picture.mime_type, picture.data) == (mime_type, data)
    assert picture == read_picture(bytes(data))
    assert picture.digest != read_picture(picture_file(61, name=name)).digest
    assert len(repr(picture)) < 200


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_an_error(data: bytes) -> None:
    with pytest.raises(PictureError):
        read_picture(data)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (10_000, 9_000), (16_000, 16_000), (2**31 - 1, 1)])
def test_what_claims_too_many_pixels_is_never_decoded(width: int, height: int) -> None:
    with pytest.raises(PictureError):
        read_picture(png_that_claims(width, height))


def test_a_file_that_is_too_long_is_none() -> None:
    with pytest.raises(PictureError):
        read_picture(picture_file() + bytes(MAX_PICTURE_BYTES))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
@given(data=st.data())
@settings(max_examples=20)
def test_a_broken_picture_is_an_error_or_an_image(name: str, data: st.DataObject) -> None:
    whole = picture_file(40, 30, name=name, seed=1)
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(broken) - 1)), max_size=5)):
        broken[at : at + 1] = b"\xff"
    try:
        image = make_image(read_picture(bytes(broken)), SQUARE)
    except PictureError:
        return
    assert shown(image).size == (64, 64)


def test_a_truncated_picture_is_found_out_when_it_is_made() -> None:
    picture = read_picture(picture_file(200, 200, seed=1)[:3000])
    with pytest.raises(PictureError):
        make_image(picture, SQUARE)


def test_a_png_that_holds_less_than_it_claims() -> None:
    picture = read_picture(png_that_claims(2000, 2000))
    with pytest.raises(PictureError):
        make_image(picture, SQUARE)


@given(st.integers(1, 5000), st.integers(1, 5000), specs)
def test_a_picture_fits_and_keeps_its_proportions(width: int, height: int, spec: ImageSpec) -> None:
    fitted_width, fitted_height = fitted_size(width, height, spec)
    assert 1 <= fitted_width <= spec.width
    assert 1 <= fitted_height <= spec.height
    assert fitted_width == spec.width or fitted_height == spec.height
    assert abs(fitted_width * height - fitted_height * width) <= max(width, height)


@given(st.integers(1, 200), st.integers(1, 200), specs, st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]))
def test_an_image_is_exactly_as_large_as_asked(width: int, height: int, spec: ImageSpec, name: str) -> None:
    image = make_image(read_picture(picture_file(width, height, name=name)), spec)
    decoded = shown(image)
    assert decoded.size == (spec.width, spec.height)
    assert decoded.format == spec.format.name


def test_the_rest_is_black_and_nothing_is_cropped() -> None:
    halves = Image.new("RGB", (400, 100), RED)
    halves.paste(GREEN, (200, 0, 400, 100))
    file = io.BytesIO()
    halves.save(file, "PNG")
    image = rgb(make_image(read_picture(file.getvalue()), SQUARE))
    assert image.getpixel((32, 10)) == (0, 0, 0)
    assert image.getpixel((32, 54)) == (0, 0, 0)
    assert close(image.getpixel((2, 32)), RED)
    assert close(image.getpixel((61, 32)), GREEN)


def test_a_jpeg_is_plain_small_and_without_metadata() -> None:
    spec = ImageSpec(width=300, height=300, format=ImageFormat.JPEG)
    image = shown(make_image(read_picture(picture_file(500, 500, orientation=1)), spec))
    assert "progressive" not in image.info
    assert "exif" not in image.info
    assert "icc_profile" not in image.info
    assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("orientation", "corner"), [(1, (5, 32)), (3, (58, 32)), (6, (32, 5)), (8, (32, 58))])
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_picture_is_put_upright(orientation: int, corner: tuple[int, int], name: str) -> None:
    halves = Image.new("RGB", (640, 320), GREEN)
    halves.paste(RED, (0, 0, 320, 320))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    halves.save(file, name, exif=exif)
    image = rgb(make_image(read_picture(file.getvalue()), SQUARE))
    assert close(image.getpixel(corner), RED)


@pytest.mark.parametrize(
    ("mode", "name", "colour", "expected"),
    [
        ("CMYK", "JPEG", (0, 255, 255, 0), (255, 0, 0)),
        ("L", "JPEG", 120, (120, 120, 120)),
        ("P", "PNG", 0, (0, 0, 0)),
        ("1", "PNG", 1, (255, 255, 255)),
        ("LA", "PNG", (200, 128), (100, 100, 100)),
        ("RGBA", "PNG", (200, 100, 50, 0), (0, 0, 0)),
        ("RGBA", "WEBP", (200, 100, 50, 128), (100, 50, 25)),
        ("I;16", "PNG", 128 * 256, (128, 128, 128)),
    ],
)
def test_every_kind_of_pixel(mode: str, name: str, colour: object, expected: tuple[int, ...]) -> None:
    image = rgb(make_image(read_picture(picture_file(mode=mode, name=name, colour=colour)), SQUARE))
    assert close(image.getpixel((32, 32)), expected)


def test_a_transparent_colour_of_a_palette_shows_the_black_behind() -> None:
    palette = Image.new("P", (60, 60), 1)
    palette.putpalette([0, 0, 0, *RED])
    file = io.BytesIO()
    palette.save(file, "GIF", transparency=1)
    image = rgb(make_image(read_picture(file.getvalue()), SQUARE))
    assert image.getpixel((32, 32)) == (0, 0, 0)


@pytest.mark.parametrize("image_format", [ImageFormat.JPEG, ImageFormat.PNG])
def test_quality_is_given_up_until_small_devices_can_hold_it(image_format: ImageFormat) -> None:
    noise = read_picture(picture_file(600, 600, seed=1))
    spec = ImageSpec(width=300, height=300, format=image_format)
    assert len(make_image(noise, spec)) <= GOOD_BYTES


def test_a_large_image_may_be_larger_but_no_message_of_a_megabyte() -> None:
    noise = read_picture(picture_file(1500, 1500, seed=1))
    image = make_image(noise, ImageSpec(width=MAX_SIDE, height=MAX_SIDE, format=ImageFormat.JPEG))
    assert GOOD_BYTES < len(image) <= MAX_IMAGE_BYTES
    with pytest.raises(PictureError):
        make_image(noise, ImageSpec(width=MAX_SIDE, height=MAX_SIDE, format=ImageFormat.BMP))
