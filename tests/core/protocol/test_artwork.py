"""What displays declare, when they are sent pictures, and what is said about them (protocol.md 11, 18)."""

import json

from hypothesis import given, strategies as st
import pytest

from core.errors import LocalProtocolError, RemoteProtocolError
from core.images import MAX_SIDE, ImageFormat, ImageSpec
from core.protocol.connection import Connection
from core.protocol.events import ArtworkRequested, ConnectionEvent, FormatRequested, Ignored
from core.protocol.messages.artwork import NO_CHANNEL, ArtworkChannel, ArtworkSource
from core.protocol.messages.client_hello import ClientGeneration, ClientHello, Role, parse_client_hello
from core.protocol.messages.server_hello import ConnectionReason
from tests.core.protocol.wire import FORMATS, PCM_44, PCM_48, Json, anything, at, support_payload, text

ALBUM: Json = {"source": "album", "format": "jpeg", "media_width": 240, "media_height": 200}
NONE: Json = {"source": "none", "format": "jpeg", "media_width": 240, "media_height": 240}


def channel(width: int, height: int, image_format: ImageFormat = ImageFormat.JPEG) -> ArtworkChannel:
    image = ImageSpec(width=width, height=height, format=image_format)
    return ArtworkChannel(source=ArtworkSource.ALBUM, image=image)


def display_payload(*channels: object, key: str = "artwork@v1_support") -> Json:
    return {
        "client_id": "display",
        "name": "Display",
        "version": 1,
        "supported_roles": ["artwork@v1"],
        key: {"channels": list(channels)},
    }


def with_player(*channels: object, key: str = "artwork@v1_support") -> Json:
    payload = display_payload(*channels, key=key)
    payload["supported_roles"] = ["player@v1", "artwork@v1"]
    return payload | {key.replace("artwork", "player"): support_payload(FORMATS)}


def hello(*channels: object, key: str = "artwork@v1_support") -> ClientHello:
    return parse_client_hello(display_payload(*channels, key=key), [])


def greeted(payload: Json, state: Json | None = None) -> Connection:
    connection = Connection(server_id="srv", server_name="Home", opened_at=at(0))
    connection.receive_text(text("client/hello", payload), at(0))
    connection.server_hello(ConnectionReason.DISCOVERY)
    if state is not None:
        connection.receive_text(text("client/state", state), at(0))
    return connection


def wanted(connection: Connection) -> tuple[ArtworkChannel, ...]:
    return connection.artwork.wanted


def ask(connection: Connection, **payload: object) -> list[ConnectionEvent]:
    return connection.receive_text(text("stream/request-format", payload), at(0))


@pytest.mark.parametrize("key", ["artwork@v1_support", "artwork_support"])
def test_a_declaration(key: str) -> None:
    declared = hello(ALBUM, NONE, {"source": "album", "format": "bmp", "width": 8, "height": "9"}, key=key)
    assert declared.artwork == (channel(240, 200), NO_CHANNEL, channel(8, 9, ImageFormat.BMP))
    assert declared.active_roles == (Role.ARTWORK,)
    is_old = key == "artwork_support"
    assert declared.generation is (ClientGeneration.A1 if is_old else ClientGeneration.LATER)
    assert declared.spelling_of(Role.PLAYER) == ("player@v1" if is_old else "player")


@pytest.mark.parametrize("channels", [(), (ALBUM,) * 5])
def test_no_channels_and_more_than_four_break_the_rules(channels: tuple[Json, ...]) -> None:
    with pytest.raises(RemoteProtocolError):
        hello(*channels)


def test_the_role_needs_its_support_object() -> None:
    notes: list[str] = []
    declared = parse_client_hello(display_payload() | {"artwork@v1_support": None}, notes)
    assert declared.active_roles == ()
    assert notes


def test_nobody_makes_us_draw_for_ever() -> None:
    assert hello(ALBUM | {"media_width": 60_000, "media_height": 60_000}).artwork == (channel(MAX_SIDE, MAX_SIDE),)


@pytest.mark.parametrize(
    "entry",
    [
        *anything(None, 5, "album", [], {}),
        *(
            ALBUM | {key: value}
            for key in ("media_width", "media_height")
            for value in anything(0, -5, None, "x", 1.5, [])
        ),
        *(ALBUM | {key: value} for key in ("source", "format") for value in anything("future", None, 5, [], {})),
    ],
)
def test_what_cannot_be_read_keeps_its_place(entry: object) -> None:
    assert hello(entry, ALBUM).artwork == (NO_CHANNEL, channel(240, 200))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from([*ALBUM, "width", "x"]), inner),
    max_leaves=12,
)


@given(json_values)
def test_any_declaration_is_read_or_breaks_the_rules(declaration: object) -> None:
    try:
        declared = parse_client_hello(display_payload() | {"artwork@v1_support": declaration}, [])
    except RemoteProtocolError:
        return
    for entry in declared.artwork:
        assert 1 <= entry.image.width <= MAX_SIDE
        assert 1 <= entry.image.height <= MAX_SIDE


def test_a_display_is_sent_pictures_at_once_one_with_a_player_once_its_state_is_known() -> None:
    assert wanted(greeted(display_payload(ALBUM))) == (channel(240, 200),)
    connection = greeted(with_player(ALBUM))
    assert wanted(connection) == ()
    with pytest.raises(LocalProtocolError):
        connection.artwork.start(transmitted=at(0))
    connection.receive_text(text("client/state", {}), at(0))
    assert wanted(connection) == (channel(240, 200),)
    connection.receive_text(text("client/state", {"state": "external_source"}), at(0))
    assert wanted(connection) == ()


def test_nobody_who_wants_no_picture_is_sent_any() -> None:
    assert wanted(greeted(display_payload(NONE, NONE))) == ()
    assert wanted(Connection(server_id="srv", server_name="Home", opened_at=at(0))) == ()


def test_every_field_of_every_channel_is_told() -> None:
    connection = greeted(display_payload(NONE, ALBUM, NONE))
    started = json.loads(connection.artwork.start(transmitted=at(7)))
    nothing = {"source": "none", "format": "jpeg", "width": 1, "height": 1}
    album = {"source": "album", "format": "jpeg", "width": 240, "height": 200}
    channels = [nothing, album, nothing]
    assert started == {"type": "stream/start", "payload": {"server_transmitted": 7, "artwork": {"channels": channels}}}


def test_images_and_an_end_need_a_stream() -> None:
    connection = greeted(display_payload(ALBUM))
    for _ in range(2):
        with pytest.raises(LocalProtocolError):
            connection.artwork.image(0, b"", shown_at=at(0))
        with pytest.raises(LocalProtocolError):
            connection.artwork.end()
        connection.artwork.start(transmitted=at(0))
        assert connection.artwork.image(0, b"jpeg", shown_at=at(1)) == b"\x08" + (1).to_bytes(8) + b"jpeg"
        with pytest.raises(LocalProtocolError):
            connection.artwork.image(1, b"", shown_at=at(0))
        connection.artwork.end()


@pytest.mark.parametrize("key", ["artwork@v1_support", "artwork_support"])
def test_the_players_stream_ends_without_the_pictures(key: str) -> None:
    connection = greeted(with_player(ALBUM, key=key), {"state": "synchronized"})
    connection.stream_start(PCM_48, None, transmitted=at(0))
    assert "roles" not in json.loads(connection.stream_clear(transmitted=at(0)))["payload"]
    connection.artwork.start(transmitted=at(0))
    player = "player" if key == "artwork@v1_support" else "player@v1"
    assert json.loads(connection.stream_clear(transmitted=at(0)))["payload"]["roles"] == [player]
    assert json.loads(connection.stream_end())["payload"] == {"roles": [player]}
    assert json.loads(connection.artwork.end())["payload"] == {"roles": [player.replace("player", "artwork")]}
    connection.stream_start(PCM_48, None, transmitted=at(0))
    assert json.loads(connection.stream_end())["payload"] == {}


def test_a_display_changes_what_it_declared() -> None:
    connection = greeted(display_payload(ALBUM, NONE))
    assert ArtworkRequested() in ask(connection, artwork={"channel": 0, "media_width": 99_999, "format": "png"})
    assert wanted(connection) == (channel(MAX_SIDE, 200, ImageFormat.PNG), NO_CHANNEL)
    assert ask(connection, artwork={"channel": 1, "source": "album", "width": 5, "height": 6}) == [ArtworkRequested()]
    assert wanted(connection)[1] == channel(5, 6)
    assert ask(connection, artwork={"channel": 1, "source": "album", "height": 6}) == []
    ask(connection, artwork={"channel": 0, "source": "none"})
    ask(connection, artwork={"channel": 1, "source": "none"})
    assert wanted(connection) == ()


@pytest.mark.parametrize("artwork", [{"channel": 1}, {"channel": 4}, {"channel": -1}, {}, {"channel": 0, "width": "x"}])
def test_a_request_that_cannot_be_is_ignored_as_a_whole(artwork: Json) -> None:
    connection = greeted(with_player(ALBUM), {})
    (ignored,) = ask(connection, artwork=artwork, player={"sample_rate": 44_100})
    assert isinstance(ignored, Ignored)
    assert connection.preferred_format is None
    assert connection.artwork.declared == (channel(240, 200),)


def test_a_request_for_both() -> None:
    connection = greeted(with_player(ALBUM), {})
    events = ask(connection, artwork={"channel": 0, "height": 5}, player={"sample_rate": 44_100})
    assert events == [ArtworkRequested(), FormatRequested(format=PCM_44)]


def test_without_the_player_nothing_of_a_request_for_both_counts() -> None:
    connection = greeted(display_payload(ALBUM))
    (ignored,) = ask(connection, artwork={"channel": 0, "height": 5}, player={"sample_rate": 44_100})
    assert isinstance(ignored, Ignored)
    assert connection.artwork.declared == (channel(240, 200),)
