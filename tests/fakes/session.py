"""A session without a connection: writes down what it is told, and says what a client said."""

from dataclasses import dataclass, field

from core.formats import StreamFormat
from core.protocol.messages.client_hello import ClientHello, PlayerSupport, Role
from core.protocol.messages.client_state import ClientState
from core.server.pictures import Artwork
from core.server.snapshot import MediumSnapshot
from core.stream.chunk import Chunk, PlayerOutput, StreamStart
from core.units import ClientId, GroupId


def hello(name: str, *formats: StreamFormat, capacity_bytes: int = 10_000_000) -> ClientHello:
    """Return the hello of a player that lists these formats."""
    return ClientHello(
        client_id=ClientId(name),
        name=name.title(),
        supported_roles=tuple(Role),
        player=PlayerSupport(formats=formats, capacity_bytes=capacity_bytes),
    )


@dataclass(frozen=True)
class Update:
    """A group/update."""

    playing: bool
    group_id: GroupId
    name: str


@dataclass(frozen=True)
class Progress:
    """A server/state with metadata."""

    medium: MediumSnapshot | None
    position_us: int
    playing: bool


@dataclass
class FakeSession:
    """What `ResonateGroup` and `Client` use of a `Session`; same names and meanings (test_fake_session)."""

    hello: ClientHello
    state: ClientState | None = field(default_factory=lambda: ClientState(required_lead_time_ms=250, min_buffer_ms=250))
    preferred_format: StreamFormat | None = None
    stream_format: StreamFormat | None = None
    peer: str = "192.0.2.1"
    sent_bytes: int = 0
    outputs: list[PlayerOutput] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    shown: list[Artwork | None] = field(default_factory=list)

    @property
    def active_roles(self) -> tuple[Role, ...]:
        return self.hello.active_roles

    def deliver(self, output: PlayerOutput) -> None:
        self.outputs.append(output)
        if output.end:
            self.stream_format = None
        if output.start is not None:
            self.stream_format = output.start.format
        assert self.stream_format is not None or not output.chunks, "audio without a stream"

    def group_update(self, *, playing: bool, group_id: GroupId, name: str) -> None:
        self.updates.append(Update(playing, group_id, name))

    def metadata(self, medium: MediumSnapshot | None, *, position_us: int, playing: bool) -> None:
        self.told.append(Progress(medium, position_us, playing))

    def show(self, artwork: Artwork | None) -> None:
        self.shown.append(artwork)

    # For tests

    @property
    def starts(self) -> list[StreamStart]:
        """Every stream/start."""
        return [output.start for output in self.outputs if output.start is not None]

    @property
    def chunks(self) -> list[Chunk]:
        """Every chunk since the last clear or end."""
        chunks: list[Chunk] = []
        for output in self.outputs:
            if output.clear or output.end:
                chunks = []
            chunks += output.chunks
        return chunks

    @property
    def end_count(self) -> int:
        """How often a stream that was there was ended."""
        count, is_open = 0, False
        for output in self.outputs:
            count += output.end and is_open
            is_open = bool(output.chunks) or (is_open and not output.end)
        return count
