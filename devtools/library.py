"""Music to play: made by numbers, so that anybody may have it."""

from pathlib import Path
from typing import Final

import av

from tests.fakes.player import make_media

_PIECES: Final = (("Morning", 1, 120.0), ("Afternoon", 2, 60.0), ("Evening", 3, 60.0))
_ALBUM: Final = "Numbers"
_ARTIST: Final = "The Random Walk"


def make_library(folder: Path) -> list[Path]:
    """Put a few pieces into `folder`, those that are not there yet, and return them. Blocking, seconds at first."""
    return [_make_piece(folder / f"{title}.flac", title, seed, seconds) for title, seed, seconds in _PIECES]


def _make_piece(path: Path, title: str, seed: int, seconds: float) -> Path:
    if path.exists():
        return path
    bare, tagged = path.with_suffix(".bare.flac"), path.with_suffix(".tagged.flac")
    make_media(bare, seconds, seed=seed)
    with av.open(str(bare)) as source, av.open(str(tagged), "w") as target:
        target.metadata.update({"title": title, "artist": _ARTIST, "album": _ALBUM})
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    bare.unlink()
    return tagged.rename(path)
