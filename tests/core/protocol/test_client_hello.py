"""client/hello: spellings, tolerances, and what is turned away."""

from hypothesis import given, settings, strategies as st
import pytest

from core.errors import RemoteProtocolError
from core.formats import Codec, StreamFormat
from core.protocol.messages.client_hello import (
    ClientGeneration,
    ClientHello,
    DeviceInfo,
    PlayerCommand,
    PlayerSupport,
    Role,
    normalise_mac,
    parse_client_hello,
)
from core.units import ClientId
from tests.core.protocol.wire import (
    FLAC_48,
    OPUS_48,
    PCM_48,
    Json,
    anything,
    hello_as_payload,
    hello_payload,
    support_payload,
)


def parse(**changes: object) -> tuple[ClientHello, list[str]]:
    notes: list[str] = []
    return parse_client_hello(hello_payload(**changes), notes), notes


def parse_formats(*entries: object) -> tuple[tuple[StreamFormat, ...], list[str]]:
    hello, notes = parse(**{"player@v1_support": {"supported_formats": list(entries), "buffer_capacity": 9}})
    return hello.formats, notes


def entry(**changes: object) -> Json:
    return {"codec": "pcm", "sample_rate": 48_000, "channels": 2, "bit_depth": 16} | changes


def test_everything_in_its_place() -> None:
    info = {
        "product_name": "Box",
        "manufacturer": "ACME",
        "software_version": "1.2",
        "mac_address": "AA-BB-CC-DD-EE-0F",
    }
    hello, notes = parse(device_info=info)
    assert hello == ClientHello(
        client_id=ClientId("kitchen"),
        name="Kitchen",
        supported_roles=("player@v1", "controller@v1", "metadata@v1"),
        device_info=DeviceInfo(
            product_name="Box", manufacturer="ACME", software_version="1.2", mac_address="aa:bb:cc:dd:ee:0f"
        ),
        player=PlayerSupport(
            formats=hello.formats,
            capacity_bytes=1_000_000,
            commands=frozenset({PlayerCommand.VOLUME, PlayerCommand.MUTE}),
        ),
        generation=ClientGeneration.LATER,
    )
    assert hello.formats[0] == PCM_48
    assert hello.capacity_bytes == 1_000_000
    assert not notes


PARTS = support_payload((PCM_48,), "volume")
OTHER_PARTS = support_payload((FLAC_48,), "mute", capacity=5)


@pytest.mark.parametrize(
    ("support", "formats", "generation"),
    [
        ({"player@v1_support": PARTS}, (PCM_48,), ClientGeneration.LATER),
        ({"player_support": PARTS}, (PCM_48,), ClientGeneration.A1),
        ({"player@v1_support": PARTS, "player_support": OTHER_PARTS}, (PCM_48,), ClientGeneration.LATER),
        ({"player@v1_support": None, "player_support": OTHER_PARTS}, (FLAC_48,), ClientGeneration.LATER),
        ({}, (), ClientGeneration.LATER),
    ],
)
def test_both_spellings_of_the_support_key(
    support: Json, formats: tuple[StreamFormat, ...], generation: ClientGeneration
) -> None:
    hello, _ = parse(**({"player@v1_support": ...} | support))
    assert hello.formats == formats
    assert hello.generation is generation
    assert (Role.PLAYER in hello.active_roles) is bool(formats)


def test_numbers_of_a_format_may_be_floats_or_strings() -> None:
    assert parse_formats(entry(sample_rate=48_000.0, channels="2", bit_depth="16.0"))[0] == (PCM_48,)


def test_opus_has_no_depth_of_its_own() -> None:
    for depth in (16, 24, 0, None, "x"):
        assert parse_formats(entry(codec="opus", bit_depth=depth))[0] == (OPUS_48,)


@pytest.mark.parametrize(
    "wrong",
    [
        *(entry(codec=word) for word in anything("aac", "", None, 1, ["pcm"], {})),
        *(
            entry(**{key: value})
            for key in ("sample_rate", "channels", "bit_depth")
            for value in anything(0, -1, 2**40, "x", 1.5)
        ),
        *(entry(**{key: None}) for key in ("sample_rate", "channels", "bit_depth")),
        *(None, 1, "pcm", [], {}),
    ],
)
def test_an_entry_that_cannot_be_read_is_dropped_and_the_rest_kept(wrong: object) -> None:
    formats, notes = parse_formats(wrong, entry(codec="flac"), wrong, entry())
    assert formats == (FLAC_48, PCM_48)
    assert len(notes) == 2
    assert "dropped" in notes[0]


def test_a_number_has_thirty_two_bits() -> None:
    assert parse_formats(entry(channels=2**31 - 1))[0][0].channel_count == 2**31 - 1
    assert parse_formats(entry(channels=2**31), entry())[0] == (PCM_48,)


def test_odd_numbers_stay_listed_for_others_to_judge() -> None:
    (odd,), notes = parse_formats(entry(sample_rate=1, channels=99, bit_depth=7))
    assert odd == StreamFormat(codec=Codec.PCM, sample_rate=1, channel_count=99, bit_depth=7)
    assert not odd.is_producible
    assert not notes


def test_repeated_entries_count_once_at_their_first_place() -> None:
    assert parse_formats(entry(), entry(codec="flac"), entry())[0] == (PCM_48, FLAC_48)


def test_a_list_without_any_entry_we_know_leaves_the_role_inactive() -> None:
    for entries in ([], [entry(codec="aac")]):
        hello, notes = parse(**{"player@v1_support": {"supported_formats": entries, "buffer_capacity": 9}})
        assert hello.active_roles == (Role.CONTROLLER, Role.METADATA)
        assert hello.player is None
        assert "stays inactive" in notes[-1]


def test_a_role_without_its_support_object_stays_inactive() -> None:
    hello, notes = parse(**{"player@v1_support": ...})
    assert hello.active_roles == (Role.CONTROLLER, Role.METADATA)
    assert (hello.formats, hello.capacity_bytes) == ((), 0)
    assert "stays inactive" in notes[0]


def test_support_of_a_role_that_is_not_listed_is_not_looked_at() -> None:
    hello, notes = parse(supported_roles=["metadata@v1"], **{"player@v1_support": "nonsense"})
    assert hello.active_roles == (Role.METADATA,)
    assert hello.player is None
    assert not notes


@pytest.mark.parametrize(
    ("listed", "active"),
    [
        (["metadata@v1", "player@v1"], [Role.METADATA, Role.PLAYER]),
        (["player@v2", "player@v1"], [Role.PLAYER]),
        (["player@v1", "player@v2", "player@v1"], [Role.PLAYER]),
        (["player@v2", "color@v1", "_vendor@v1", "visualizer@_draft_r1"], []),
        (["player", "metadata@v1", 5, None], [Role.METADATA]),
        (["Player@v1", "player@V1", " player@v2"], []),
    ],
)
def test_the_first_version_we_implement_of_each_family(listed: list[object], active: list[Role]) -> None:
    hello, _ = parse(supported_roles=listed)
    assert list(hello.active_roles) == active
    assert list(hello.supported_roles) == [role.strip() for role in listed if isinstance(role, str)]


def test_a_role_is_called_by_its_family_inside_messages() -> None:
    assert [role.family for role in Role] == ["player", "metadata", "controller", "artwork"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": ...}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": 5}, "client_id"),
        ({"client_id": "x" * 257}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"name": ...}, "name"),
        ({"name": 5}, "name"),
        ({"version": 2}, "version 2"),
        ({"version": 0}, "version 0"),
        ({"version": "x"}, "version"),
        ({"supported_roles": ...}, "without any versioned role"),
        ({"supported_roles": []}, "without any versioned role"),
        ({"supported_roles": ["player", "metadata"]}, "without any versioned role"),
        ({"supported_roles": "player@v1"}, "supported_roles"),
        ({"player@v1_support": []}, "player@v1_support"),
        ({"player@v1_support": {}}, "formats or buffer_capacity"),
        ({"player@v1_support": {"supported_formats": [entry()]}}, "formats or buffer_capacity"),
        ({"player@v1_support": {"supported_formats": [entry()], "buffer_capacity": 0}}, "formats or buffer_capacity"),
        ({"player@v1_support": {"supported_formats": [entry()], "buffer_capacity": -1}}, "formats or buffer_capacity"),
        ({"player@v1_support": {"supported_formats": [entry()], "buffer_capacity": "x"}}, "buffer_capacity"),
        ({"player@v1_support": {"supported_formats": {}, "buffer_capacity": 1}}, "supported_formats"),
        ({"player@v1_support": {"buffer_capacity": 1}}, "formats or buffer_capacity"),
    ],
)
def test_malformed_hellos(changes: Json, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        parse(**changes)


@pytest.mark.parametrize("version", [1, 1.0, "1", None, ...])
def test_version_one_in_any_spelling(version: object) -> None:
    assert parse(version=version)[0].client_id == "kitchen"


def test_texts_are_capped_and_cleaned() -> None:
    hello, _ = parse(
        name="a\x1b[31m\nb" + "x" * 300, device_info={"product_name": "Box\n" * 100, "manufacturer": "\x00"}
    )
    assert hello.name.startswith("a [31m bx")
    assert len(hello.name) == 256
    assert len(hello.device_info.product_name or "") == 255  # the 256th was a space at the end
    assert hello.device_info.manufacturer is None


@pytest.mark.parametrize("name", ["", "\n", "   "])
def test_a_client_without_a_visible_name_is_called_by_its_id(name: str) -> None:
    assert parse(name=name)[0].name == "kitchen"


@pytest.mark.parametrize("info", ["x", 5, [], {"product_name": 5}, {"mac_address": {}}])
def test_malformed_device_info_is_dropped_since_nothing_depends_on_it(info: object) -> None:
    hello, notes = parse(device_info=info)
    assert hello.device_info == DeviceInfo()
    assert "device_info: dropped" in notes[0]


@pytest.mark.parametrize("info", [None, {}, ..., {"unknown": 5}, {"product_name": None}])
def test_device_info_is_optional(info: object) -> None:
    hello, notes = parse(device_info=info)
    assert hello.device_info == DeviceInfo()
    assert not notes


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        *((spelling, "aa:bb:cc:00:11:22") for spelling in ("aa:bb:cc:00:11:22", "AA-BB-CC-00-11-22", "aabb.cc00.1122")),
        *(("AABBCC001122", "aa:bb:cc:00:11:22"), ("aa bb cc 00 11 22", "aa:bb:cc:00:11:22")),
        *((wrong, None) for wrong in (None, "", "aabbcc00112", "aabbcc0011223", "gg:bb:cc:00:11:22", "x" * 999)),
    ],
)
def test_mac_addresses(text: str | None, normal: str | None) -> None:
    assert normalise_mac(text) == normal


def test_unknown_commands_are_dropped() -> None:
    hello, notes = parse(**{"player@v1_support": support_payload((PCM_48,), "volume", "dance")})
    assert hello.player is not None
    assert hello.player.commands == {PlayerCommand.VOLUME}
    assert len(notes) == 1


names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=30)
formats = st.builds(
    StreamFormat,
    codec=st.sampled_from([Codec.PCM, Codec.FLAC]),
    sample_rate=st.integers(1, 2**31 - 1),
    channel_count=st.integers(1, 64),
    bit_depth=st.integers(1, 64),
) | st.builds(
    StreamFormat, codec=st.just(Codec.OPUS), sample_rate=st.integers(1, 96_000), channel_count=st.integers(1, 2)
)
supports = st.builds(
    PlayerSupport,
    formats=st.lists(formats, min_size=1, max_size=6, unique=True).map(tuple),
    capacity_bytes=st.integers(1, 2**31 - 1),
    commands=st.frozensets(st.sampled_from(PlayerCommand)),
)
macs = st.binary(min_size=6, max_size=6).map(lambda mac: mac.hex(":"))
infos = st.builds(
    DeviceInfo,
    product_name=st.none() | names,
    manufacturer=st.none() | names,
    software_version=st.none() | names,
    mac_address=st.none() | macs,
)


@st.composite
def hellos(draw: st.DrawFn) -> ClientHello:
    player = draw(st.none() | supports)
    others = draw(
        st.lists(st.sampled_from(["metadata@v1", "controller@v1", "color@v1", "x@v9"]), unique=True, min_size=1)
    )
    return ClientHello(
        client_id=ClientId(draw(names)),
        name=draw(names),
        supported_roles=(*others, "player@v1") if player else tuple(others),
        device_info=draw(infos),
        player=player,
        generation=draw(st.sampled_from(ClientGeneration)) if player else ClientGeneration.LATER,
    )


@settings(max_examples=50)
@given(hellos())
def test_what_a_client_writes_is_what_is_read(hello: ClientHello) -> None:
    key = "player_support" if hello.generation is ClientGeneration.A1 else "player@v1_support"
    notes: list[str] = []
    assert parse_client_hello(hello_as_payload(hello, key), notes) == hello
    assert not notes
