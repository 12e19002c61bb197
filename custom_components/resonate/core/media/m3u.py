"""M3U and extended M3U: a location a line, and lines that tell of the next one.

There is no standard; the directives are those that players and editors write.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
import re
from typing import Final, NamedTuple

from ..units import US_PER_S
from .playlist_entry import PlaylistEntry, make_entry

_INFO: Final = "#EXTINF:"
_DETAILS: Final = ("#EXTALB:", "#EXTART:", "#EXTIMG:")
_SECONDS: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)")
_LOGO: Final = re.compile(r'\btvg-logo="([^"]*)"')
_HLS_TAGS: Final = ("#EXT-X-TARGETDURATION", "#EXT-X-STREAM-INF", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PART-INF")


class _Told(NamedTuple):
    location: str
    info: str
    details: Mapping[str, str]


def is_hls_text(lines: list[str]) -> bool:
    """Tell the parts of one HLS medium (RFC 8216) from a list of media."""
    return any(line.startswith(_HLS_TAGS) for line in lines)


def parse_m3u(lines: list[str]) -> Iterator[PlaylistEntry]:
    """Yield the entries."""
    lasting = _lasting_details(lines)
    for told in _split(lines):
        details = {**lasting, **told.details}
        duration_us, label, logo = _parse_info(told.info)
        yield make_entry(
            told.location,
            label=label,
            artist=details.get("#EXTART:", ""),
            album=details.get("#EXTALB:", ""),
            duration_us=duration_us,
            artwork_url=details.get("#EXTIMG:", "") or logo,
        )


def write_m3u(entries: Iterable[PlaylistEntry]) -> str:
    """Return entries as a playlist that `parse_m3u` reads; a location that no line can hold is left out."""
    lines = ["#EXTM3U"]
    for entry in entries:
        if entry.location.startswith("#") or len(entry.location.splitlines()) != 1:
            continue
        seconds = -1 if entry.duration_us is None else round(entry.duration_us / US_PER_S)
        # This first: what stands above all such lines is of the whole list.
        lines.append(f"{_INFO}{seconds},{_line(entry.title)}")
        told = zip(_DETAILS, (entry.album, entry.artist, entry.artwork_url), strict=True)
        lines += [f"{name}{_line(text)}" for name, text in told if text]
        lines.append(entry.location)
    return "\n".join(lines) + "\n"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _split(lines: list[str]) -> Iterator[_Told]:
    info, details = "", dict[str, str]()
    for line in lines:
        name = line[: len(_INFO)].upper()
        if name == _INFO:
            info = line[len(_INFO) :]
        elif name in _DETAILS:
            details[name] = line[len(name) :]
        elif not line.startswith("#"):
            yield _Told(line, info, details)
            info, details = "", {}


def _lasting_details(lines: list[str]) -> Mapping[str, str]:
    """Return the details that are told once, above all entries: they are of the whole list, as of an album."""
    names = [line[: len(_INFO)].upper() for line in lines]
    above = takewhile(lambda line: line.startswith("#") and line[: len(_INFO)].upper() != _INFO, lines)
    details = {line[: len(_INFO)].upper(): line[len(_INFO) :] for line in above}
    return {name: text for name, text in details.items() if name in _DETAILS and names.count(name) == 1}


def _parse_info(info: str) -> tuple[int | None, str, str]:
    """Return length, label and picture of `seconds key="value" ...,label`; values may hold commas."""
    quoted = info.split('"')
    position = 0
    for number, part in enumerate(quoted):
        if number % 2 == 0 and "," in part:
            position += part.index(",")
            break
        position += len(part) + 1
    head, label = info[:position], info[position + 1 :]
    seconds = _SECONDS.match(head)
    duration_us = None if seconds is None else round(float(seconds[1]) * US_PER_S) or None
    logo = _LOGO.search(head)
    return duration_us, label, "" if logo is None else logo[1]
