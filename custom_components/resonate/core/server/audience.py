"""Which members of a group can be played to, and how."""

from collections.abc import Iterable
import logging

from ..errors import FormatError
from ..formats import choose_mix_rate
from ..stream.topology import Topology
from ..units import ClientId
from .client import Client

_LOGGER = logging.getLogger(__name__)


def mix_rate_for(sample_rate: int, members: Iterable[Client]) -> int:
    """Return the rate to mix a medium of `sample_rate` at, by what the players among the members wish."""
    return choose_mix_rate(sample_rate, [client.wished_formats for client in members if client.is_player_ready])


class Audience:
    """Knows which members have no format for us, to log each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._unplayable: set[ClientId] = set()

    def topology(self, members: Iterable[Client], mix_rate: int) -> Topology:
        """Return how those that can hear now are played to."""
        players = {}
        for client in members:
            if not client.is_player_ready:
                continue
            try:
                players[client.client_id] = client.player_config(mix_rate)
            except FormatError as err:
                if client.client_id not in self._unplayable:
                    _LOGGER.warning("%s cannot be played to: %s", client.name, err)
                self._unplayable.add(client.client_id)
            else:
                self._unplayable.discard(client.client_id)
        return Topology(players=players)
