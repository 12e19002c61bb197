"""A whole server in virtual time: clients over memory, real groups and encoders, no sockets."""

from core.events import Event
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.server.snapshot import ServerSnapshot
from core.units import US_PER_S, ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.runner import InlineRunner


class WholeHouse:
    """A server, and what it told."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        settings = ServerSettings(server_id="s" * 43, name="Home")
        self.server = ResonateServer(settings, clock=self.clock, render=InlineRunner(), media=InlineRunner())
        self.events: list[Event] = []
        self.pictures: list[ServerSnapshot] = []
        self.unsubscribe = self.server.subscribe(self._hear)

    def _hear(self, what: Event | ServerSnapshot) -> None:
        if isinstance(what, ServerSnapshot):
            self.pictures.append(what)
        else:
            self.events.append(what)

    async def join(self, client_id: str, *, is_masking: bool = False, **changes: object) -> MemoryClient:
        client = MemoryClient(client_id, is_masking=is_masking).connect(self.server.accept)
        client.introduce(**changes)
        await self.pass_s(0)
        return client

    async def pass_s(self, seconds: float) -> None:
        await self.clock.sleep(round(seconds * US_PER_S) + 1)

    def lag_us(self) -> int | None:
        return self.server.statistics.loop_lag_us

    def group_of(self, client_id: ClientId) -> GroupId:
        return self.server.snapshot.clients[client_id].group_id
