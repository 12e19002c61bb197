"""What a person types for a medium, as a request to the core."""

from functools import partial
from pathlib import Path, PurePosixPath
import re
from typing import Final
from urllib.parse import urlsplit

from core.formats import STEREO
from core.media.generated import ToneSource
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.units import US_PER_S

from .web import open_url

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WEB: Final = ("http://", "https://")
_PLAYLISTS: Final = (".m3u8", ".mpd")
_TONE: Final = re.compile(r"tone:(?P<hertz>\d+(\.\d+)?)(:(?P<seconds>\d+(\.\d+)?))?")


def make_request(medium: str) -> MediaRequest:
    """Return the request for a file, a URL, or a tone; whether there is such a thing is seen when it is opened."""
    if tone := _TONE.fullmatch(medium):
        seconds = tone["seconds"]
        source = ToneSource(
            float(tone["hertz"]),
            layout=STEREO,
            duration_us=None if seconds is None else round(float(seconds) * US_PER_S),
        )
        return MediaRequest(stream=MediaStream(main=source), media_id=medium, title=f"A tone of {tone['hertz']} Hz")
    if medium.lower().startswith(_WEB) and PurePosixPath(urlsplit(medium).path).suffix.lower() not in _PLAYLISTS:
        return MediaRequest(location=partial(open_url, medium), media_id=medium)
    if _URL.match(medium):  # FFmpeg fetches the parts of a playlist by itself
        return MediaRequest(location=medium, media_id=medium)
    return MediaRequest(location=Path(medium), media_id=medium, title=Path(medium).stem)
