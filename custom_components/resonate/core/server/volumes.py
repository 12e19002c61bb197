"""The volumes of players and groups: what they are, what they may be, and how they are set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..clock import Clock
from ..errors import CommandRefusedError, Refusal
from ..protocol.messages.client_hello import Role
from ..protocol.messages.client_state import ClientState
from ..units import ClientId
from ..volume import MAX_VOLUME, mean_volume, spread
from .client import Client
from .session import Session
from .snapshot import GroupVolume
from .unconfirmed import Unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLimits:
    """What the owner of a player wishes for it."""

    max_volume: int = MAX_VOLUME
    """0-100. It is never told more, and told this when it reports more."""
    start_volume: int | None = None
    """0-100. What it is told when it connects; None: it keeps its own."""


_NO_LIMITS: Final = VolumeLimits()


class Volumes:
    """Knows what each player was told, beyond what it reports. On the loop.

    A group's volume and mute count what was told as done until it is confirmed or given up: two quick steps must not
    both start from the same number.
    """

    def __init__(self, clock: Clock, changed: Callable[[], object]) -> None:
        """`changed` is called when the volume or mute of a group would read another."""
        self._clock = clock
        self._changed = changed
        self._limits: dict[ClientId, VolumeLimits] = {}
        self._players: dict[Session, _Player] = {}

    # What is told

    def set_limits(self, client_id: ClientId, limits: VolumeLimits) -> None:
        """Have these hold for a client, known or not; one that is louder at present goes down."""
        if limits == _NO_LIMITS:
            self._limits.pop(client_id, None)
        else:
            self._limits[client_id] = limits
        for session in [session for session in self._players if session.client_id == client_id]:
            self._go_down(session)

    def set_volume(self, session: Session, volume: int) -> None:
        """Tell a player its volume, 0-100, or its maximum if that is less. Raises CommandRefusedError."""
        volume = min(volume, self._limits_of(session).max_volume)
        session.set_volume(volume)
        if not session.is_over:  # a command too many may end it
            self._player(session).volume.told(volume)
            self._changed()

    def set_muted(self, session: Session, muted: bool) -> None:
        """Mute a player or end that. Raises CommandRefusedError."""
        session.set_muted(muted)
        if not session.is_over:
            self._player(session).muted.told(muted)
            self._changed()

    def set_group_volume(self, members: Iterable[Client], volume: int) -> None:
        """Move the volume of those that take one to `volume`, 0-100. Raises CommandRefusedError when none does.

        One command for each whose volume changes; a player that has reported none yet is told the group's.
        """
        players = {
            session: self._volume(session, state) for session, state in _present(members) if state.can_set_volume
        }
        if not players:
            raise CommandRefusedError(Refusal.NO_VOLUME)
        known = {session: level for session, level in players.items() if level is not None}
        limits = {session: self._limits_of(session).max_volume for session in known}
        levels = dict.fromkeys(players.keys() - known.keys(), volume) | spread(known, volume, limits)
        for session, level in levels.items():
            self.set_volume(session, level)

    def set_group_muted(self, members: Iterable[Client], muted: bool) -> None:
        """Mute all that can be muted, or end that. Raises CommandRefusedError when none can."""
        sessions = [session for session, state in _present(members) if state.can_mute]
        if not sessions:
            raise CommandRefusedError(Refusal.NO_MUTE)
        for session in sessions:
            self.set_muted(session, muted)

    # What players say

    def reported(self, session: Session) -> None:
        """Take note of a player's state: the first one is answered with its start volume, too much with its maximum."""
        state = session.state
        if state is None or Role.PLAYER not in session.active_roles:
            return
        player = self._player(session)
        player.volume.reported(state.volume)
        player.muted.reported(state.is_muted)
        if not state.can_set_volume:
            return
        is_first, player.is_started = not player.is_started, True
        is_news, player.reported_volume = player.reported_volume != state.volume, state.volume
        if is_first and (start_volume := self._limits_of(session).start_volume) is not None:
            self.set_volume(session, start_volume)
        elif is_news:
            self._go_down(session)

    def ended(self, session: Session) -> None:
        """Forget what a session was told."""
        if (player := self._players.pop(session, None)) is not None:
            player.volume.drop()
            player.muted.drop()

    # What groups show

    def of(self, members: Iterable[Client]) -> GroupVolume:
        """Return the volume and mute of those together; who is not there does not count."""
        present = list(_present(members))
        levels = [self._volume(session, state) for session, state in present if state.can_set_volume]
        mutes = [self._is_muted(session, state) for session, state in present if state.can_mute]
        return GroupVolume(
            mean_volume([level for level in levels if level is not None]),
            is_muted=all(mutes) if mutes else None,
            can_set_volume=bool(levels),
            can_mute=bool(mutes),
        )

    # Parts

    def _go_down(self, session: Session) -> None:
        """Tell a player that is louder than it may be what it was told last, or its maximum."""
        state, max_volume = session.state, self._limits_of(session).max_volume
        if state is not None and state.can_set_volume and state.volume is not None and state.volume > max_volume:
            told = self._player(session).volume.value
            self.set_volume(session, max_volume if told is None else told)

    def _volume(self, session: Session, state: ClientState) -> int | None:
        told = self._player(session).volume.value
        return state.volume if told is None else told

    def _is_muted(self, session: Session, state: ClientState) -> bool:
        told = self._player(session).muted.value
        return bool(state.is_muted if told is None else told)

    def _limits_of(self, session: Session) -> VolumeLimits:
        return _NO_LIMITS if session.client_id is None else self._limits.get(session.client_id, _NO_LIMITS)

    def _player(self, session: Session) -> _Player:
        if (player := self._players.get(session)) is None:
            player = self._players[session] = _Player(self._clock, self._changed)
        return player


class _Player:
    """What one was told and has said, in one session."""

    def __init__(self, clock: Clock, changed: Callable[[], object]) -> None:
        self.volume = Unconfirmed[int](clock, changed)
        self.muted = Unconfirmed[bool](clock, changed)
        self.is_started = False
        """Whether it was given its start volume, if it has one."""
        self.reported_volume: int | None = None


def _present(members: Iterable[Client]) -> Iterable[tuple[Session, ClientState]]:
    """Yield the players that are there, and what they last said."""
    for client in members:
        session = client.session
        if session is not None and session.state is not None and Role.PLAYER in session.active_roles:
            yield session, session.state
