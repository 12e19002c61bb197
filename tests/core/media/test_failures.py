"""Errors that tell what is wrong, and no secret."""

from collections.abc import Callable
from pathlib import Path
import traceback

import av
from hypothesis import given, strategies as st
import pytest

from core.errors import MediaDecodeError, MediaError, MediaOpenError, UnsupportedMediaError
from core.media.failures import as_decode_error, as_open_error, describe
from core.media.request import MediaLocation

SECRET = "gEhEiM"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (Path(f"/media/{SECRET}/song.mp3"), "'song.mp3'"),
        (f"/media/{SECRET}/song.mp3", "'song.mp3'"),
        (f"http://me:{SECRET}@radio.example:8000/{SECRET}?token={SECRET}#{SECRET}", "http://radio.example"),
        (f"rtsp:///{SECRET}", "the rtsp medium"),
        (f"http://[{SECRET}", "the address"),
        (SECRET.encode(), "the medium"),
        (lambda: None, "the stream"),
    ],
)
def test_a_medium_in_words(location: MediaLocation, words: str) -> None:
    assert describe(location) == words


PLACES = ["http://u:{}@h/a", "http://{}@h/a", "https://h/{}.mp3", "http://h/?a={}", "http://h/#{}", "rtsp:///{}"]


@given(secret=st.from_regex(r"[A-Za-z0-9%]{3,20}", fullmatch=True), place=st.sampled_from(PLACES))
@pytest.mark.parametrize("make", [as_open_error, as_decode_error])
def test_no_address_gives_its_secret_away(
    make: Callable[[Exception, str], MediaError], secret: str, place: str
) -> None:
    url = place.format(f"~{secret}~")
    cause = av.FFmpegError(1, "Broken", url, (16, "http", f"cannot open {url}"))
    error = make(cause, describe(url))
    error.__cause__ = cause
    assert f"~{secret}~" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (av.FileNotFoundError(2, "No such file"), MediaOpenError, "was not found"),
        (av.HTTPNotFoundError(404, "404"), MediaOpenError, "was not found"),
        (av.HTTPForbiddenError(403, "403"), MediaOpenError, "no access"),
        (av.PermissionError(13, "Permission denied"), MediaOpenError, "no access"),
        (av.error.ExitError(5, "Immediate exit"), MediaOpenError, "did not answer in time"),
        (av.InvalidDataError(1, "Invalid data"), UnsupportedMediaError, "holds no audio"),
        (av.HTTPServerError(500, "Server returned 5XX"), MediaOpenError, "could not be opened: Server returned 5XX"),
        (ValueError("odd"), MediaOpenError, "could not be opened"),
    ],
)
def test_why_it_did_not_open(error: Exception, expected: type[MediaError], words: str) -> None:
    made = as_open_error(error, "it")
    assert type(made) is expected
    assert str(made).startswith("it ")
    assert words in str(made)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (av.TimeoutError(110, "Connection timed out"), "it sent nothing for too long"),
        (av.OSError(5, "Input/output error"), "it cannot be read on: Input/output error"),
    ],
)
def test_why_it_broke(error: Exception, words: str) -> None:
    made = as_decode_error(error, "it")
    assert type(made) is MediaDecodeError
    assert str(made) == words
