"""client/state, C>S: complete at first, later only what changed, merged field by field (protocol.md 18.4, 8.1, 21)."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypedDict

from .client_hello import PlayerCommand, PlayerSupport
from .envelope import JsonObject
from .fields import Fields

DEFAULT_LEAD_MS: Final = 250  # protocol.md 18.4, for clients that do not report it
DEFAULT_MIN_BUFFER_MS: Final = 1_000
NO_MIN_BUFFER_MS: Final = 150  # protocol.md 21: what is meant by clients that report 0
MAX_TIMING_MS: Final = 30_000
MAX_OUTPUT_DELAY_MS: Final = 5_000

# Both names of the delay; the cleartext era's own comes last, so it counts where a client sends both.
_DELAY_KEYS: Final = ("output_delay_ms", "static_delay_ms")
_PLAYER_KEYS: Final = ("volume", "muted", *_DELAY_KEYS, "required_lead_time_ms", "min_buffer_ms", "supported_commands")
_CLEARED: Final[JsonObject] = dict.fromkeys(_PLAYER_KEYS)


class StateWord(StrEnum):
    """How a client of the cleartext era says whether it can play."""

    SYNCHRONIZED = "synchronized"
    ERROR = "error"
    """Out of step at the moment: it is to be sent on."""
    EXTERNAL_SOURCE = "external_source"
    """Used by something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState:
    """What a client last said of itself, all its messages merged."""

    is_available: bool = True
    """Whether it is not used by something else."""
    is_out_of_sync: bool = False
    """It says so itself; it goes on receiving."""
    volume: int | None = None
    """0-100; None when it does not report any."""
    is_muted: bool | None = None
    output_delay_ms: int = 0
    """0-5000: it plays everything so much before its timestamp."""
    required_lead_time_ms: int = DEFAULT_LEAD_MS
    """From a start or clear to the first sample heard in full."""
    min_buffer_ms: int = DEFAULT_MIN_BUFFER_MS
    """The least queued audio it wants while playing."""
    supported_commands: frozenset[PlayerCommand] = frozenset()
    """Those of the hello and those of the state, together."""

    @property
    def can_set_volume(self) -> bool:
        """Whether it takes a volume."""
        return PlayerCommand.VOLUME in self.supported_commands

    @property
    def can_mute(self) -> bool:
        """Whether it takes a mute."""
        return PlayerCommand.MUTE in self.supported_commands

    @property
    def can_set_output_delay(self) -> bool:
        """Whether it takes an output delay, under either name."""
        return bool(self.supported_commands & {PlayerCommand.SET_STATIC_DELAY, PlayerCommand.SET_OUTPUT_DELAY})


class StateDelta(TypedDict, total=False):
    """What one message says; what it does not mention is not in it."""

    is_available: bool
    is_out_of_sync: bool
    volume: int | None
    is_muted: bool | None
    output_delay_ms: int
    required_lead_time_ms: int
    min_buffer_ms: int
    supported_commands: frozenset[PlayerCommand]


def initial_state(player: PlayerSupport | None) -> ClientState:
    """Return what holds for a client that has said nothing of itself beyond its hello."""
    return ClientState(supported_commands=player.commands if player else frozenset())


def parse_client_state(payload: JsonObject, notes: list[str], player: PlayerSupport | None) -> StateDelta:
    """Return what the message changes. Raises RemoteProtocolError when it is malformed; then nothing of it counts.

    An explicit null brings back what holds for a client that never mentioned the field. `player` is what the hello
    said; None when the role is not active, and then the message's player object is skipped.
    """
    fields = Fields(payload, "client/state", notes)
    initial = initial_state(player)
    delta = StateDelta()
    if player is not None and "player" in fields:
        _read_player(fields.nested("player") or Fields(_CLEARED, "client/state.player", notes), delta, initial)
    _read_state_word(fields, delta)
    if "available" in fields:
        available = fields.boolean("available")
        delta["is_available"] = initial.is_available if available is None else available
    return delta


def merge(state: ClientState, delta: StateDelta) -> tuple[ClientState, frozenset[str]]:
    """Return the state after a message, and the names of the fields that differ now."""
    merged = replace(state, **delta)
    return merged, frozenset(name for name in delta if getattr(merged, name) != getattr(state, name))


def _read_player(player: Fields, delta: StateDelta, initial: ClientState) -> None:
    _read_state_word(player, delta)
    if "volume" in player:
        delta["volume"] = player.integer("volume", minimum=0, maximum=100)
    if "muted" in player:
        delta["is_muted"] = player.boolean("muted")
    for key in _DELAY_KEYS:
        if key in player:
            delta["output_delay_ms"] = player.integer(key, minimum=0, maximum=MAX_OUTPUT_DELAY_MS) or 0
    if "required_lead_time_ms" in player:
        lead = player.integer("required_lead_time_ms", minimum=0, maximum=MAX_TIMING_MS)
        delta["required_lead_time_ms"] = DEFAULT_LEAD_MS if lead is None else lead
    if "min_buffer_ms" in player:
        minimum = player.integer("min_buffer_ms", minimum=0, maximum=MAX_TIMING_MS)
        delta["min_buffer_ms"] = DEFAULT_MIN_BUFFER_MS if minimum is None else minimum or NO_MIN_BUFFER_MS
    if "supported_commands" in player:
        words = player.words("supported_commands", PlayerCommand) or frozenset()
        delta["supported_commands"] = initial.supported_commands | words


def _read_state_word(fields: Fields, delta: StateDelta) -> None:
    """Read the word that stands at the top level or inside the player's object."""
    if "state" not in fields:
        return
    word = fields.word("state", StateWord)
    if word is None and fields.text("state") is not None:
        return  # a word of the future: nothing is known to have changed
    delta["is_available"] = word is not StateWord.EXTERNAL_SOURCE
    delta["is_out_of_sync"] = word is StateWord.ERROR
