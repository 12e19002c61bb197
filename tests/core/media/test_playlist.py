"""Playlists as programs write them, and as nobody should."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from xml.sax.saxutils import escape

from hypothesis import given, strategies as st
import pytest

from core.errors import UnsupportedMediaError
from core.media.m3u import write_m3u
from core.media.playlist import MAX_BYTES, is_hls, parse_playlist
from core.media.playlist_entry import MAX_ENTRIES, MAX_LINE_CHARACTERS, PlaylistEntry

EXTENDED = """#EXTM3U
#PLAYLIST:Best of
#EXTALB:An Album
#EXTIMG:cover.jpg

#EXTINF:123,Band - Some Song
one.mp3
#EXTINF:-1 tvg-logo="http://host/a,b.png" group-title="News, all",Some Radio
#EXTART:The Radio
http://host/stream
#EXTINF:61.5, Only a title
../Two & more/#2.flac
/media/three.ogg
"""

ENTRIES = (
    PlaylistEntry(
        location="one.mp3",
        title="Some Song",
        artist="Band",
        album="An Album",
        duration_us=123_000_000,
        artwork_url="cover.jpg",
    ),
    PlaylistEntry(
        location="http://host/stream",
        title="Some Radio",
        artist="The Radio",
        album="An Album",
        artwork_url="cover.jpg",
    ),
    PlaylistEntry(
        location="../Two & more/#2.flac",
        title="Only a title",
        album="An Album",
        duration_us=61_500_000,
        artwork_url="cover.jpg",
    ),
    PlaylistEntry(location="/media/three.ogg", album="An Album", artwork_url="cover.jpg"),
)

PLS = """[playlist]
numberofentries=3
Title2=Second
FILE10=ten.mp3
length2 = 60
File2=http://host/b.mp3
Length10=-1
title1=Band - First
Title7=no file
file1=a.mp3
Version=2
"""

XSPF = """<?xml version="1.0" encoding="UTF-8"?>
<playlist version="1" xmlns="http://xspf.org/ns/0/">
  <title>All</title><location>http://host/all.xspf</location>
  <trackList>
    <track>
      <location> http://host/a.mp3 </location><location>http://mirror/a.mp3</location>
      <title>Du &amp; ich - live</title><creator>Band &#xfc;</creator><album>Album</album>
      <duration>2500</duration><image>http://host/a.png</image>
      <extension application="x"><location>wrong</location></extension>
    </track>
    <track><title>nowhere</title></track>
    <track><location>b.mp3</location><duration>long</duration></track>
  </trackList>
</playlist>
"""


def locations(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [entry.location for entry in parse_playlist(data)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_extended_m3u(encoding: str, newline: str) -> None:
    assert parse_playlist(EXTENDED.replace("\n", newline).encode(encoding)) == ENTRIES


def test_details_that_each_entry_has_are_its_own() -> None:
    text = '#EXTALB:One\n#EXTINF:1,a\na.mp3\n#EXTALB:Two\nb.mp3\nc.mp3\n#EXTINF:1 tvg-logo="http://l",d\nd.mp3'
    assert [entry.album for entry in parse_playlist(text.encode())] == ["One", "Two", None, None]
    assert parse_playlist(text.encode())[-1].artwork_url == "http://l"


def test_plain_m3u_of_old_programs() -> None:
    assert locations("Für Elise.mp3\r\nC:\\Music\\b.mp3\r\n\x1a".encode("latin-1")) == [
        "Für Elise.mp3",
        "C:\\Music\\b.mp3",
    ]


@pytest.mark.parametrize(
    "info", ["", "x", ",", "1", '1 a="', '1 a="b",', "99999999999999999999,t", "nan,t", "1e9,t", "-5,t"]
)
def test_info_that_says_little(info: str) -> None:
    (entry,) = parse_playlist(f"#EXTM3U\n#EXTINF:{info}\na.mp3".encode())
    assert entry.location == "a.mp3"
    assert entry.duration_us is None or 0 < entry.duration_us <= 10**15


def test_pls() -> None:
    assert parse_playlist(PLS.encode()) == (
        PlaylistEntry(location="a.mp3", title="First", artist="Band"),
        PlaylistEntry(location="http://host/b.mp3", title="Second", duration_us=60_000_000),
        PlaylistEntry(location="ten.mp3"),
    )
    assert locations("File1=http://host/a") == ["http://host/a"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_xspf(encoding: str) -> None:
    assert parse_playlist(XSPF.encode(encoding)) == (
        PlaylistEntry(
            location="http://host/a.mp3",
            title="Du & ich - live",
            artist="Band ü",
            album="Album",
            duration_us=2_500_000,
            artwork_url="http://host/a.png",
        ),
        PlaylistEntry(location="b.mp3"),
    )


@pytest.mark.parametrize(
    "xml",
    [
        '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><playlist>&b;</playlist>',
        '<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><playlist><trackList/></playlist>',
        "<!DOCTYPE html><html><body>404</body></html>",
        "<html/>",
        "<playlist>",
        "<playlist>&unknown;</playlist>",
        '<?xml version="1.0" encoding="utf-7"?><playlist/>',
        '<?xml version="1.0" encoding="nonsense"?><playlist/>',
        "<",
    ],
)
def test_xml_that_is_refused(xml: str) -> None:
    with pytest.raises(UnsupportedMediaError):
        parse_playlist(xml.encode())


@pytest.mark.parametrize("data", [b"\0\0\0\x18ftypmp42", b"ID3\x04\0", b"\xff\xfe\0", b"\x89PNG\r\n\x1a\n\0"])
def test_something_binary_is_no_playlist(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaError):
        parse_playlist(data)
    assert not is_hls(data)


def test_limits() -> None:
    assert len(locations("a.mp3\n" * MAX_ENTRIES)) == MAX_ENTRIES
    for data in (b"a.mp3\n" * (MAX_ENTRIES + 1), b"#" * (MAX_BYTES + 1)):
        with pytest.raises(UnsupportedMediaError):
            parse_playlist(data)
    assert locations("a" * (MAX_LINE_CHARACTERS + 1) + "\nb.mp3") == ["b.mp3"]
    assert locations("") == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts", True),
        ("\ufeff#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nlow.m3u8", True),
        (EXTENDED, False),
        (PLS, False),
        (XSPF, False),
        ("", False),
    ],
)
def test_hls_is_told_from_a_list(text: str, is_one: bool) -> None:
    assert is_hls(text.encode()) is is_one


def check_robust(data: bytes) -> None:
    is_hls(data)
    try:
        entries = parse_playlist(data)
    except UnsupportedMediaError:
        return
    assert all(0 < len(entry.location) <= MAX_LINE_CHARACTERS for entry in entries)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_playlist_or_an_error(data: bytes) -> None:
    check_robust(data)


PIECES = (
    "<playlist> <trackList> <track> </track> <location> </location> &amp; <!DOCTYPE "
    '[playlist] #EXTM3U #EXTINF: #EXTALB: File1= Title1= , " ]]> \ufeff é \ud7ff'
)
pieces = st.sampled_from([*PIECES.split(" "), " - ", "\n"])


@given(st.lists(pieces, max_size=30).map("".join), st.sampled_from(["utf-8", "utf-16", "latin-1"]))
def test_any_pieces_are_a_playlist_or_an_error(text: str, encoding: str) -> None:
    check_robust(text.encode(encoding, "replace"))


words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=12).map(lambda word: "x" + word)
listed = st.lists(
    st.builds(
        PlaylistEntry,
        location=words,
        title=words,
        artist=words,
        album=words,
        duration_us=st.none() | st.integers(1, 10**6).map(lambda seconds: seconds * 1_000_000),
        artwork_url=words,
    ),
    max_size=5,
)


def seconds(entry: PlaylistEntry) -> int:
    return -1 if entry.duration_us is None else entry.duration_us // 1_000_000


def write_xspf(entries: Sequence[PlaylistEntry]) -> str:
    def element(name: str, text: str | None) -> str:
        return "" if text is None else f"<{name}>{escape(text)}</{name}>"

    tracks = (
        f"<track>{element('location', entry.location)}{element('title', entry.title)}"
        f"{element('creator', entry.artist)}{element('album', entry.album)}{element('image', entry.artwork_url)}"
        f"{element('duration', None if entry.duration_us is None else str(entry.duration_us // 1_000))}</track>"
        for entry in entries
    )
    return f'<playlist xmlns="http://xspf.org/ns/0/"><trackList>{"".join(tracks)}</trackList></playlist>'


@given(listed)
def test_what_is_written_is_read(entries: list[PlaylistEntry]) -> None:
    for text in (write_m3u(entries), write_xspf(entries)):
        assert parse_playlist(text.encode()) == tuple(entries)


optional_words = st.none() | words
any_of_ours = st.lists(
    st.builds(
        PlaylistEntry,
        location=words | st.sampled_from(["#not a place", "two\nlines", ""]),
        title=optional_words,
        artist=optional_words,
        album=optional_words,
        duration_us=st.none() | st.integers(1, 10**9),
        artwork_url=optional_words,
    ),
    max_size=5,
)


@given(any_of_ours)
def test_what_we_write_is_read(entries: list[PlaylistEntry]) -> None:
    held = [entry for entry in entries if entry.location.startswith("x")]
    read = parse_playlist(write_m3u(entries).encode())
    assert [replace(entry, duration_us=None) for entry in read] == [replace(entry, duration_us=None) for entry in held]
    for entry, wanted in zip(read, held, strict=True):
        assert abs((entry.duration_us or 0) - (wanted.duration_us or 0)) <= 500_000, "whole seconds"


def test_texts_of_many_lines_are_one_line() -> None:
    entry = PlaylistEntry(location="a.flac", title="One\r\n#EXTART:Two\u2028three", artist=" x\ny ")
    [read] = parse_playlist(write_m3u([entry]).encode())
    assert (read.title, read.artist) == ("One #EXTART:Two three", "x y")


@given(listed, st.randoms())
def test_the_lines_of_a_pls_come_in_any_order(entries: list[PlaylistEntry], chance: Random) -> None:
    lines = [
        line
        for number, entry in enumerate(entries, 1)
        for line in (
            f"File{number}={entry.location}",
            f"Title{number}={entry.title}",
            f"Length{number}={seconds(entry)}",
        )
    ]
    chance.shuffle(lines)
    read = parse_playlist("\n".join(["[playlist]", *lines]).encode())
    assert [(entry.location, entry.title, entry.duration_us) for entry in read] == [
        (entry.location, entry.title, entry.duration_us) for entry in entries
    ]
