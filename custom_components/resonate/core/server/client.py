"""One known device across its sessions."""

from typing import Final

from ..channel import Channel
from ..events import LossReason
from ..formats import LAYOUT_BY_COUNT, StreamFormat, choose_format, playable
from ..protocol.messages.client_hello import ClientHello, Role
from ..protocol.messages.client_state import ClientState
from ..stream.topology import PlayerConfig
from ..units import US_PER_MS, ClientId, GroupId
from .session import Session
from .snapshot import ClientSnapshot

_LEAST_WAIT_MS: Final = 50  # protocol.md 8.6
_SMALL_CAPACITY_BYTES: Final = 2_000_000
"""Up to here it is taken for that of a small device, which counts overhead of its own for every chunk."""


class Client:
    """What is known of a device, and its session, if it has one. On the loop."""

    def __init__(self, client_id: ClientId) -> None:
        """Know its id only."""
        self.client_id = client_id
        self.hello: ClientHello | None = None
        """Its latest, kept when it is gone."""
        self.loss_reason: LossReason | None = LossReason.CONNECTION_LOST
        """Why it is gone; None while it is there."""
        self.chosen_format: StreamFormat | None = None
        """What its owner wishes it to be sent, which holds while it lists that; None: no wish."""
        self.was_available = True
        """What it last said of that, in this session."""
        self.group_before: GroupId | None = None
        """Which one it stepped aside from, being used by something else; None once it has gone elsewhere."""
        self.was_out_of_sync = False
        """Likewise, but kept when it is gone: who comes back in step is back."""
        self._session: Session | None = None
        self._state: ClientState | None = None
        self._shown: tuple[object, ClientSnapshot] | None = None
        """Its latest snapshot, behind all that this was made from."""

    @property
    def name(self) -> str:
        """What it calls itself; its id while that is unknown."""
        return self.client_id if self.hello is None else self.hello.name

    @property
    def session(self) -> Session | None:
        """The live connection; None while there is none."""
        return self._session

    @session.setter
    def session(self, session: Session | None) -> None:
        if self._session is not None:
            self._state = self._session.state
        self._session = session
        if session is not None:
            self.hello = session.hello
            self.was_available = True
            self._state = None

    @property
    def state(self) -> ClientState | None:
        """What it last said of its state, in this session or the one before; None while it has said nothing."""
        return self._state if self._session is None else self._session.state

    @property
    def is_player_ready(self) -> bool:
        """Whether it can be played to right now."""
        session = self._session
        return (
            session is not None
            and session.state is not None
            and session.state.is_available
            and Role.PLAYER in session.active_roles
        )

    @property
    def formats(self) -> tuple[StreamFormat, ...]:
        """What it can play, most preferred first."""
        return () if self.hello is None else self.hello.formats

    @property
    def preferred_format(self) -> StreamFormat | None:
        """What it asked for in this session; None without a wish."""
        return None if self._session is None else self._session.preferred_format

    @property
    def capacity_bytes(self) -> int:
        """How much audio may be sent ahead to it: nine tenths of what a small device says (protocol.md 8.8)."""
        capacity = 0 if self.hello is None else self.hello.capacity_bytes
        return capacity * 9 // 10 if capacity <= _SMALL_CAPACITY_BYTES else capacity

    @property
    def playable_formats(self) -> tuple[StreamFormat, ...]:
        """All that it lists and we can make, most preferred first."""
        return playable(self.formats, self.capacity_bytes)

    @property
    def wished_formats(self) -> tuple[StreamFormat, ...]:
        """What it is to be sent one of: its owner's choice, else what it asked for in this session, else all it can."""
        listed = self.playable_formats
        for wish in (self.chosen_format, self.preferred_format):
            if wish in listed:
                return (wish,)
        return listed

    @property
    def format_problem(self) -> str | None:
        """Why it cannot be played to, to be put behind its name; None when it can."""
        if self.wished_formats:
            return None
        if any(entry.is_producible for entry in self.formats):
            return f"has too small a buffer: {self.capacity_bytes} bytes hold no format that it lists"
        return "lists no format that this server can make"

    @property
    def lead_ms(self) -> int:
        """How far ahead of its first sample it is to be sent something. Source: protocol.md 8.6."""
        state = self.state or ClientState()
        return max(state.min_buffer_ms, state.required_lead_time_ms, _LEAST_WAIT_MS) + state.output_delay_ms

    def player_config(self, mix_rate: int) -> PlayerConfig:
        """Return how the streamer is to serve it. Raises FormatError when there is no way. Source: protocol.md 8.6."""
        stream_format = choose_format(self.wished_formats, mix_rate=mix_rate)
        state = self.state or ClientState()
        return PlayerConfig(
            channel=Channel(layout=LAYOUT_BY_COUNT[stream_format.channel_count]),
            format=stream_format,
            capacity_bytes=self.capacity_bytes,
            output_delay_us=state.output_delay_ms * US_PER_MS,
            lead_us=self.lead_ms * US_PER_MS,
        )

    def snapshot(self, group_id: GroupId) -> ClientSnapshot:
        """Return how it stands, in the group that it is in: the same object until something in it changes."""
        session = self._session
        basis = group_id, session, self.state, self.loss_reason, None if session is None else session.stream_format
        if self._shown is None or self._shown[0] != basis:
            # A hundred are asked for whenever something changes in one.
            self._shown = basis, self._make_snapshot(group_id)
        return self._shown[1]

    def _make_snapshot(self, group_id: GroupId) -> ClientSnapshot:
        session, state, hello = self._session, self.state, self.hello
        info = None if hello is None else hello.device_info
        is_player = hello is not None and Role.PLAYER in hello.active_roles
        return ClientSnapshot(
            client_id=self.client_id,
            name=self.name,
            group_id=group_id,
            is_connected=session is not None,
            is_available=session is not None and (state is None or state.is_available),
            is_player=is_player,
            loss_reason=self.loss_reason,
            address=None if session is None else session.peer,
            product_name=None if info is None else info.product_name,
            manufacturer=None if info is None else info.manufacturer,
            software_version=None if info is None else info.software_version,
            mac_address=None if info is None else info.mac_address,
            volume=None if state is None else state.volume,
            is_muted=None if state is None else state.is_muted,
            output_delay_ms=None if state is None else state.output_delay_ms,
            can_set_volume=state is not None and state.can_set_volume,
            can_mute=state is not None and state.can_mute,
            can_set_output_delay=state is not None and state.can_set_output_delay,
            formats=self.playable_formats,
            format_problem=self.format_problem if is_player else None,
            is_ready=self.is_player_ready and self.format_problem is None,
            stream_format=None if session is None else session.stream_format,
            sent_bytes=0 if session is None else session.sent_bytes,
            is_out_of_sync=state is not None and state.is_out_of_sync,
        )
