"""Which player hears which channel in which format."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..channel import Channel, FeedId
from ..formats import StreamFormat
from ..units import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerConfig:
    """One player as the streamer sees it."""

    channel: Channel
    format: StreamFormat
    capacity_bytes: int
    """What its buffer holds, chunk headers included (protocol.md 8.8)."""
    chunk_header_bytes: int = 9
    """What each chunk counts besides its data: 9 in the cleartext era."""
    output_delay_us: int = 0
    """The client plays this much before the timestamp, so a chunk leaves its buffer so much earlier."""
    lead_us: int = 250_000
    """`lead_full` of protocol.md 8.6: from sending the first chunk to its being heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All players of a group."""

    players: Mapping[ClientId, PlayerConfig] = field(default_factory=dict)

    @property
    def lead_us(self) -> int:
        """The lead that suits every player; 250 ms while there is none."""
        return max((player.lead_us for player in self.players.values()), default=250_000)

    def on_feeds(self, feeds: Mapping[ClientId, FeedId]) -> Topology:
        """Return the same, but for the feeds that the players' channels read."""
        return Topology(
            players={
                player_id: replace(config, channel=replace(config.channel, feed=feeds[player_id]))
                for player_id, config in self.players.items()
            }
        )
