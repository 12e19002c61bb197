"""Files of pictures: what they are, and images of them for displays. Blocking, media pool only.

Nothing of a picture is trusted: only common formats are opened, and what claims too many pixels is not decoded.
"""

from hashlib import sha256
import io
from typing import Final

# Imported by name, or Pillow would look for them while the first picture is opened.
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from ..errors import PictureError
from ..images import MAX_PICTURE_BYTES, ImageFormat, ImageSpec, Picture

MAX_PIXELS: Final = 25_000_000
"""Decoded, such a picture takes 100 MB, and for a moment twice that; covers have a tenth of it."""
GOOD_BYTES: Final = 60 * 1024
"""Small devices hold a message in memory (protocol.md 11.3): quality is given up until an image is no larger."""
MAX_IMAGE_BYTES: Final = (1 << 20) - 64  # some clients refuse messages of more than 1 MiB (protocol.md 21)

_PLUGINS: Final = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
_FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_MIME_TYPES: Final = {
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with others behind it, as cameras write it
    "PNG": "image/png",
    "WEBP": "image/webp",
}
_JPEG_QUALITIES: Final = (87, 75, 60, 45, 30)
_PNG_COLOUR_COUNTS: Final = (256, 64, 16)


def read_picture(data: bytes) -> Picture:
    """Return a file as a picture. Raises PictureError when it is none that we can show; its pixels are not decoded."""
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureError(f"a file of more than {MAX_PICTURE_BYTES} bytes")
    with _opened(data) as image:
        mime_type = _MIME_TYPES[image.format or ""]
    return Picture(data=data, mime_type=mime_type, digest=sha256(data).hexdigest()[:32])


def make_image(picture: Picture, spec: ImageSpec) -> bytes:
    """Return the whole picture in the middle of a black image that is exactly as `spec` says.

    As large as it fits with its sides in proportion, upright as its EXIF says; nothing of its metadata is kept. The
    first frame of what moves. Raises PictureError when the picture is broken, or the image too large to be sent.
    """
    try:
        with _opened(picture.data) as image:
            canvas = _fitted(image, spec)
            encoded = _encoded(canvas, spec.format)
    except PictureError:
        raise
    except Exception as error:  # Pillow raises whatever its decoders stumble over
        raise PictureError(f"a picture that cannot be decoded: {error}") from error
    if len(encoded) > MAX_IMAGE_BYTES:
        raise PictureError(f"an image of {len(encoded)} bytes")
    return encoded


def fitted_size(width: int, height: int, spec: ImageSpec) -> tuple[int, int]:
    """Return the largest size in proportion to `width` and `height` that fits, at least one pixel each way."""
    if width * spec.height >= height * spec.width:
        return spec.width, max(1, round(height * spec.width / width))
    return max(1, round(width * spec.height / height)), spec.height


def _opened(data: bytes) -> Image.Image:
    """Return a picture that is small enough to be decoded, and is not yet."""
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Exception as error:  # as above; its own check against bombs is among it
        raise PictureError("no picture in a format that we know") from error
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        image.close()
        raise PictureError(f"a picture of {width} times {height} pixels")
    return image


def _fitted(image: Image.Image, spec: ImageSpec) -> Image.Image:
    longest = 2 * max(spec.width, spec.height)
    image.draft("RGB", (longest, longest))  # JPEGs are decoded at a fraction of their size where that is enough
    ImageOps.exif_transpose(image, in_place=True)
    size = fitted_size(*image.size, spec)
    scaled = _coloured(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    canvas = Image.new("RGB", (spec.width, spec.height))
    corner = ((spec.width - size[0]) // 2, (spec.height - size[1]) // 2)
    canvas.paste(scaled, corner, scaled if scaled.mode == "RGBA" else None)
    return canvas


def _coloured(image: Image.Image) -> Image.Image:
    """Return it as RGB, or RGBA where it lets the black behind it show."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(canvas: Image.Image, image_format: ImageFormat) -> bytes:
    match image_format:
        case ImageFormat.JPEG:
            return _jpeg(canvas)
        case ImageFormat.PNG:
            return _png(canvas)
        case ImageFormat.BMP:
            return _saved(canvas, "BMP")


def _jpeg(canvas: Image.Image) -> bytes:
    encoded = b""
    for quality in _JPEG_QUALITIES:
        encoded = _saved(canvas, "JPEG", quality=quality, subsampling="4:2:0")
        if len(encoded) <= GOOD_BYTES:
            break
    return encoded


def _png(canvas: Image.Image) -> bytes:
    encoded = _saved(canvas, "PNG")
    for count in _PNG_COLOUR_COUNTS:
        if len(encoded) <= GOOD_BYTES:
            break
        encoded = min(encoded, _saved(canvas.quantize(count), "PNG"), key=len)
    return encoded


def _saved(canvas: Image.Image, name: str, **options: int | str) -> bytes:
    file = io.BytesIO()
    canvas.save(file, name, **options)
    return file.getvalue()
