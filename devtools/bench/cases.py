"""What is compared: formats, numbers of players, and the ratios that are aimed at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .wire import Format

CLIENTS: Final = (1, 8, 32, 100)
MIXED_CLIENTS: Final = (32,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table."""

    name: str
    formats: Sequence[Format]
    """Players list one each, going round."""
    targets: Mapping[int, float]
    """By number of players: our CPU over the reference's, at most."""
    is_burst: bool = False
    """Not in real time, but as fast as it goes."""
    feed_count: int = 0
    """Players hear so many feeds of their own, going round; 0: all hear the same."""

    @property
    def clients(self) -> tuple[int, ...]:
        """How many players it is measured with, unless something else is asked for."""
        return tuple(self.targets)


def _case(name: str, formats: str, targets: Sequence[float], *, is_burst: bool = False, feed_count: int = 0) -> Case:
    clients = CLIENTS if len(targets) == len(CLIENTS) else MIXED_CLIENTS
    return Case(
        name=name,
        formats=tuple(map(Format.parse, formats.split())),
        targets=dict(zip(clients, targets, strict=True)),
        is_burst=is_burst,
        feed_count=feed_count,
    )


CASES: Final = {
    case.name: case
    for case in (
        _case("pcm", "pcm", (0.22, 0.20, 0.17, 0.15)),
        _case("flac", "flac", (0.28, 0.35, 0.27, 0.27)),
        _case("opus", "opus", (0.38, 0.40, 0.28, 0.20)),
        _case("mixed", "pcm flac:44100 opus pcm:96000:24 pcm:16000:16:1", (0.32,)),
        _case(
            "eight",
            "pcm:44100 pcm:48000 pcm:96000 flac:44100 flac:48000 flac:96000 opus pcm:16000:16:1",
            (0.40,),
        ),
        _case("four", "pcm", (0.16,), feed_count=4),
        _case("burst-pcm", "pcm", (0.10, 0.10, 0.10, 0.10), is_burst=True),
        _case("burst-flac", "flac", (0.25, 0.25, 0.25, 0.25), is_burst=True),
        _case("burst-opus", "opus", (0.50, 0.35, 0.22, 0.16), is_burst=True),
    )
}
