"""client/hello, C>S, once: who the client is and what it can do (protocol.md 18.2, 4.1)."""

from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

from ...errors import RemoteProtocolError
from ...formats import Codec, StreamFormat
from ...units import ClientId
from .artwork import ArtworkChannel, parse_channels
from .envelope import JsonObject
from .fields import MAX_NUMBER, Fields, whole_number
from .text import clean, is_fit, shown

_MAC_SEPARATORS: Final = re.compile(r"[:.\-\s]")
_MAC_DIGITS: Final = re.compile(r"[0-9a-f]{12}")


class Role(StrEnum):
    """A role that this server implements, at the version it implements."""

    PLAYER = "player@v1"
    METADATA = "metadata@v1"
    CONTROLLER = "controller@v1"
    ARTWORK = "artwork@v1"

    @property
    def family(self) -> str:
        """The role's name inside messages: without its version."""
        return role_family(self.value)


class PlayerCommand(StrEnum):
    """What a player can be told, in the words of the wire."""

    VOLUME = "volume"
    MUTE = "mute"
    SET_STATIC_DELAY = "set_static_delay"
    SET_OUTPUT_DELAY = "set_output_delay"


class ClientGeneration(StrEnum):
    """Which generation of the cleartext era a client is of, as far as a server must know (protocol.md 1.1)."""

    A1 = "a1"
    """Support objects under un-versioned keys only; wants roles of stream messages spelled with their version."""
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """What the client says of the thing it runs on."""

    product_name: str | None = None
    manufacturer: str | None = None
    software_version: str | None = None
    mac_address: str | None = None
    """Lower case with colons: `aa:bb:cc:dd:ee:ff`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSupport:
    """What a player can play and hold."""

    formats: tuple[StreamFormat, ...]
    """In the client's order, most preferred first; entries that cannot be read left out, not empty."""
    capacity_bytes: int
    """What its buffer holds, headers of chunks included (protocol.md 8.8)."""
    commands: frozenset[PlayerCommand] = frozenset()
    """Of the hello; the state adds to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """A client introduces itself."""

    client_id: ClientId
    name: str
    """Fit to be shown; the id when the client has none."""
    supported_roles: tuple[str, ...] = ()
    """`family@version`, most preferred first, those included that we know nothing of."""
    device_info: DeviceInfo = DeviceInfo()
    player: PlayerSupport | None = None
    """None without the player role, or when it comes without its support object."""
    artwork: tuple[ArtworkChannel, ...] = ()
    """What it can show; empty without the artwork role, or when it comes without its support object."""
    generation: ClientGeneration = ClientGeneration.LATER

    @property
    def active_roles(self) -> tuple[Role, ...]:
        """The first version we implement of each listed family, in the client's order."""
        chosen: dict[str, Role] = {}
        for word in self.supported_roles:
            if word in Role and self._is_supported(Role(word)):
                chosen.setdefault(role_family(word), Role(word))
        return tuple(chosen.values())

    def spelling_of(self, role: Role) -> str:
        """Return what it wants a role to be called in `stream/clear` and `stream/end` (protocol.md 18.5)."""
        return role.value if self.generation is ClientGeneration.A1 else role.family

    @property
    def formats(self) -> tuple[StreamFormat, ...]:
        """What the player can play, most preferred first; empty without a player."""
        return self.player.formats if self.player else ()

    @property
    def capacity_bytes(self) -> int:
        """What the player's buffer holds; 0 without a player."""
        return self.player.capacity_bytes if self.player else 0

    def _is_supported(self, role: Role) -> bool:
        match role:
            case Role.PLAYER:
                return self.player is not None
            case Role.ARTWORK:
                return bool(self.artwork)
            case _:
                return True


def role_family(role: str) -> str:
    """Return a role's name without its version."""
    return role.partition("@")[0]


def parse_client_hello(payload: JsonObject, notes: list[str]) -> ClientHello:
    """Return the hello in `payload`. Raises RemoteProtocolError when it is malformed, or of the oldest era."""
    fields = Fields(payload, "client/hello", notes)
    roles = tuple(clean(entry) for entry in fields.entries("supported_roles") or () if isinstance(entry, str))
    if not any("@" in role for role in roles):
        raise RemoteProtocolError("client/hello without any versioned role: a client of the era before December 2025")
    version = fields.integer("version", minimum=-MAX_NUMBER, maximum=MAX_NUMBER)
    if version not in {None, 1}:
        raise RemoteProtocolError(f"client/hello of version {version}")
    client_id = fields.text("client_id")
    if client_id is None or not is_fit(client_id):
        raise RemoteProtocolError("client/hello without a usable client_id")
    name = fields.text("name")
    if name is None:
        raise RemoteProtocolError("client/hello without a name")
    return ClientHello(
        client_id=ClientId(client_id),
        name=clean(name) or client_id,
        supported_roles=roles,
        device_info=_device_info(fields),
        player=_player_support(fields) if Role.PLAYER in roles else None,
        artwork=_artwork_support(fields) if Role.ARTWORK in roles else (),
        generation=_generation(fields),
    )


def normalise_mac(text: str | None) -> str | None:
    """Return a MAC address in lower case with colons, whatever separates it; None when it is none."""
    digits = _MAC_SEPARATORS.sub("", (text or "")[:64]).lower()
    if not _MAC_DIGITS.fullmatch(digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _generation(fields: Fields) -> ClientGeneration:
    families = (Role.PLAYER.family, Role.ARTWORK.family)
    is_old = any(f"{family}_support" in fields for family in families) and not any(
        f"{family}@v1_support" in fields for family in families
    )
    return ClientGeneration.A1 if is_old else ClientGeneration.LATER


def _player_support(fields: Fields) -> PlayerSupport | None:
    support = fields.nested("player@v1_support") or fields.nested("player_support")
    if support is None:
        fields.note("player@v1_support", "missing, so the role stays inactive")
        return None
    entries = support.entries("supported_formats")
    capacity = support.integer("buffer_capacity", minimum=0, maximum=MAX_NUMBER)
    if entries is None or not capacity:
        raise RemoteProtocolError("client/hello: player support without formats or buffer_capacity")
    parsed = (_parse_format(support, "supported_formats", entry) for entry in entries)
    formats = tuple(dict.fromkeys(entry for entry in parsed if entry is not None))
    if not formats:
        support.note("supported_formats", "nothing we know in it, so the role stays inactive")
        return None
    commands = support.words("supported_commands", PlayerCommand) or frozenset()
    return PlayerSupport(formats=formats, capacity_bytes=capacity, commands=commands)


def _artwork_support(fields: Fields) -> tuple[ArtworkChannel, ...]:
    support = fields.nested("artwork@v1_support") or fields.nested("artwork_support")
    if support is None:
        fields.note("artwork@v1_support", "missing, so the role stays inactive")
        return ()
    return parse_channels(support)


def _parse_format(fields: Fields, key: str, entry: object) -> StreamFormat | None:
    """Return one entry of a list of formats; None, with a note, when it cannot be read."""
    if not isinstance(entry, dict):
        fields.note(key, f"{shown(entry)} dropped")
        return None
    word = entry.get("codec")
    if not isinstance(word, str) or word not in Codec:
        fields.note(key, f"codec {shown(word)} dropped")
        return None
    codec = Codec(word)
    depth = 16 if codec is Codec.OPUS else whole_number(entry.get("bit_depth"))  # without meaning for Opus, so alike
    numbers = [whole_number(entry.get("sample_rate")), whole_number(entry.get("channels")), depth]
    rate, channels, bits = (number if number is not None and 0 < number <= MAX_NUMBER else None for number in numbers)
    if rate is None or channels is None or bits is None:
        fields.note(key, f"{codec} entry without sensible numbers dropped")
        return None
    return StreamFormat(codec=codec, sample_rate=rate, channel_count=channels, bit_depth=bits)


def _device_info(fields: Fields) -> DeviceInfo:
    try:
        info = fields.nested("device_info")
        if info is None:
            return DeviceInfo()
        texts = {
            key: clean(info.text(key) or "") or None for key in ("product_name", "manufacturer", "software_version")
        }
        return DeviceInfo(**texts, mac_address=normalise_mac(info.text("mac_address")))
    except RemoteProtocolError as error:  # nothing depends on it
        fields.note("device_info", f"dropped: {error}")
        return DeviceInfo()
