"""A whole server in virtual time, its clients over memory: real sessions, pumps, groups and encoders, no sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.events import Event
from core.formats import StreamFormat
from core.server.server import ResonateServer
from core.server.settings import ServerSettings
from core.server.snapshot import GroupSnapshot, ServerSnapshot
from core.units import US_PER_S, ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.rig import PCM_48
from tests.fakes.stage import GatedRunner


class Home:
    """A server, its clients by their ids, and what it told."""

    def __init__(self, clock: FakeClock | None = None, *, media: GatedRunner | None = None) -> None:
        self.clock = clock or FakeClock()
        self.render = GatedRunner()
        self.media = media or GatedRunner()
        settings = ServerSettings(server_id="s" * 43, name="Home")
        self.server = ResonateServer(settings, clock=self.clock, render=self.render, media=self.media)
        self.clients: dict[str, MemoryClient] = {}
        self.events: list[Event] = []
        self.pictures: list[ServerSnapshot] = []
        self.unsubscribe = self.server.subscribe(self._hear)

    def _hear(self, what: Event | ServerSnapshot) -> None:
        if isinstance(what, ServerSnapshot):
            self.pictures.append(what)
        else:
            self.events.append(what)

    async def join(
        self, name: str, stream_format: StreamFormat = PCM_48, *, is_masking: bool = False, **changes: object
    ) -> MemoryClient:
        """Have a client connect that plays this format."""
        client = MemoryClient(name, is_masking=is_masking).connect(self.server.accept)
        client.introduce(stream_format=stream_format, **changes)
        self.clients[name] = client
        await self.pass_s(0)
        return client

    async def gather(self, group: str, *names: str) -> GroupId:
        """Make a group of these clients."""
        group_id = self.server.create_group(group, GroupId(group))
        for name in names:
            await self.server.move(ClientId(name), group_id)
        return group_id

    async def pass_s(self, seconds: float) -> None:
        """Let so much time pass, and whatever is due by then happen."""
        await self.clock.sleep(round(seconds * US_PER_S) + 1)

    def group(self, name: str) -> GroupSnapshot:
        return self.server.snapshot.groups[GroupId(name)]

    def group_of(self, client_id: ClientId) -> GroupId:
        return self.server.snapshot.clients[client_id].group_id

    def lag_us(self) -> int | None:
        return self.server.statistics.loop_lag_us


@asynccontextmanager
async def at_home(media: GatedRunner | None = None) -> AsyncIterator[Home]:
    home = Home(media=media)
    try:
        yield home
    finally:  # else what is held would keep the loop from ending, and nobody would see why a test failed
        home.media.open()
        home.render.open()
        await home.server.close()
