"""What kind of player this is: its name, what it can decode, and which dialect it speaks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

AUDIO_HEADER_BYTES: Final = 9  # id and timestamp, in the cleartext eras


class Era(StrEnum):
    """The cleartext dialects of the protocol, oldest first."""

    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"

    @property
    def support_key(self) -> str:
        """How the hello spells the object that says what the player can do."""
        return "player_support" if self is Era.A1 else "player@v1_support"

    @property
    def role_word(self) -> str:
        """How `roles` of stream/clear and stream/end spells the player; a message with another word is dropped."""
        return "player@v1" if self is Era.A1 else "player"

    @property
    def has_delay(self) -> bool:
        """Whether the static delay is reported, and can be set."""
        return self >= Era.A4

    @property
    def has_timing(self) -> bool:
        """Whether lead time and smallest buffer are reported."""
        return self >= Era.A5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerFormat:
    """One entry of the formats that a player lists, or the format of a stream."""

    codec: str
    sample_rate: int
    bit_depth: int
    channels: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `codec:sample_rate:bit_depth:channels`, for instance flac:48000:16:2."""
        codec, sample_rate, bit_depth, channels = text.split(":")
        return cls(codec=codec, sample_rate=int(sample_rate), bit_depth=int(bit_depth), channels=int(channels))

    def admits(self, stream: Self) -> bool:
        """Return whether a stream is this entry of the list; the depth of Opus means nothing."""
        same = (self.codec, self.sample_rate, self.channels) == (stream.codec, stream.sample_rate, stream.channels)
        return same and (self.codec == "opus" or self.bit_depth == stream.bit_depth)

    def as_json(self) -> dict[str, Any]:
        """Return the wire's object."""
        return {
            "codec": self.codec,
            "channels": self.channels,
            "sample_rate": self.sample_rate,
            "bit_depth": self.bit_depth,
        }


DEFAULT_FORMATS: Final = (PlayerFormat.parse("flac:48000:16:2"), PlayerFormat.parse("pcm:48000:16:2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerConfig:
    """Everything about a player that is settled before it starts."""

    client_id: str
    name: str = "Software player"
    formats: tuple[PlayerFormat, ...] = DEFAULT_FORMATS
    era: Era = Era.A5
    both_spellings: bool = False
    """Say the support object under its old and its new key, as some clients do."""
    roles: tuple[str, ...] = ("player@v1", "metadata@v1", "controller@v1")
    commands: tuple[str, ...] = ("volume", "mute")
    buffer_capacity: int = 1_000_000
    volume: int = 100
    muted: bool = False
    delay_ms: int = 0
    required_lead_time_ms: int = 250
    min_buffer_ms: int = 250
    mac_address: str | None = None
    keep_chunks: bool = False
    """Keep every decoded chunk, for tests that compare samples."""
