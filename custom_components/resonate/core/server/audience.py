"""Which members of a group can be played to, and how."""

from collections.abc import Iterable, Mapping
import logging
from typing import Final

from ..clock import Clock
from ..errors import FormatError
from ..formats import choose_mix_rate
from ..stream.topology import PlayerConfig, Topology
from ..units import US_PER_MS, ClientId, ServerTimeUs
from .client import Client
from .clock import Alarm
from .playback import Playback

_LOGGER = logging.getLogger(__name__)

SETTLE_US: Final = 250 * US_PER_MS
"""How long a player is served in one way at least: some change their mind or their connection many times a second, and
each time may cost a step, an encoder, and two seconds of audio to be encoded."""


def mix_rate_for(sample_rate: int, members: Iterable[Client]) -> int:
    """Return the rate to mix a medium of `sample_rate` at, by what the players among the members wish."""
    return choose_mix_rate(sample_rate, [client.wished_formats for client in members if client.is_player_ready])


class Audience:
    """Tells a playback who hears it. On the loop.

    A change of how a player is served holds at once, unless it was served anew less than `SETTLE_US` before; then what
    it wishes by the end of that time does. The same goes for players that come. Who can hear no longer is dropped at
    once in any case.
    """

    def __init__(self, members: Mapping[ClientId, Client], clock: Clock) -> None:
        """Have nothing played to `members`, which stay the group's to change."""
        self._members = members
        self._clock = clock
        self._playback: Playback | None = None
        self._players: dict[ClientId, PlayerConfig] = {}
        """Those that hear it, as the playback was told."""
        self._settled_at: dict[ClientId, ServerTimeUs] = {}
        """From when on each may be served in another way."""
        self._unplayable: set[ClientId] = set()
        """Who has no format for us, to log each once."""
        self._alarm = Alarm(clock, self._tell)

    def require_playable(self) -> None:
        """Raise FormatError when some are there and none of them can be played to."""
        problems = []
        for client in self._members.values():
            if client.is_player_ready:
                if (problem := client.format_problem) is None:
                    return
                problems.append(f"{client.name} {problem}")
        if problems:
            raise FormatError("; ".join(problems))

    def play_to(self, playback: Playback) -> None:
        """Have those that can hear now hear a playback that nobody hears yet."""
        self._playback = playback
        self._tell()

    def end(self) -> Iterable[ClientId]:
        """Forget the playback, if there is one; return who heard it."""
        ended, self._players = self._players, {}
        self._playback = None
        self._settled_at.clear()
        self._alarm.stop()
        return ended.keys()

    def changed(self) -> None:
        """Tell the playback who hears it on the loop's next turn: a hundred may come in this one."""
        if self._playback is not None:
            self._alarm.set(self._clock.now())

    def leave(self, client_id: ClientId) -> None:
        """Forget a client that is no longer a member."""
        self.drop(client_id)
        self._settled_at.pop(client_id, None)
        self._unplayable.discard(client_id)

    def drop(self, client_id: ClientId) -> None:
        """Have the playback forget a player, whatever it is told afterwards: nothing of what it had is there.

        It may be back at once, but not again and again: what it is sent first has to be made.
        """
        if self._playback is None:
            return
        self._playback.forget_player(client_id)
        if client_id in self._players:
            self._set({key: config for key, config in self._players.items() if key != client_id})

    def _tell(self) -> None:
        """Tell the playback who hears it, if that is anything new."""
        if self._playback is None:
            return
        now = self._clock.now()
        players: dict[ClientId, PlayerConfig] = {}
        for client_id, wished in self._wished(self._playback.mix_rate).items():
            served = self._players.get(client_id)
            if wished == served:
                players[client_id] = wished
            elif (settled_at := self._settled_at.get(client_id, now)) <= now:
                players[client_id] = wished
                self._settled_at[client_id] = ServerTimeUs(now + SETTLE_US)
            else:
                self._alarm.set(settled_at)
                if served is not None:
                    players[client_id] = served
        if players != self._players:
            self._set(players)

    def _set(self, players: dict[ClientId, PlayerConfig]) -> None:
        self._players = players
        if self._playback is not None:
            self._playback.set_topology(Topology(players=players))

    def _wished(self, mix_rate: int) -> dict[ClientId, PlayerConfig]:
        """Return how those that can hear now are to be played to."""
        wished = {}
        for client in self._members.values():
            if not client.is_player_ready:
                continue
            problem = client.format_problem
            if problem is None:
                wished[client.client_id] = client.player_config(mix_rate)
                self._unplayable.discard(client.client_id)
            elif client.client_id not in self._unplayable:
                _LOGGER.warning("%s cannot be played to: it %s", client.name, problem)
                self._unplayable.add(client.client_id)
        return wished
