"""A group in virtual time, its members with sessions that write down what they are told, and all it says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from core.events import Event, MediumChanged
from core.formats import Block, StreamFormat
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import Source
from core.server.client import Client
from core.server.group import ResonateGroup
from core.server.pictures import Pictures
from core.server.snapshot import PlaybackState
from core.stream.policy import SendPolicy
from core.units import ClientId, GroupId
from tests.fakes.clock import FakeClock
from tests.fakes.rig import PCM_48
from tests.fakes.session import FakeSession, hello
from tests.fakes.stage import GatedRunner

LEAD_US = 250_000


def wish(source: Source, name: str = "music", **values: object) -> MediaRequest:
    """Return a request for a source."""
    return MediaRequest(media_id=name, stream=MediaStream(main=source), **values)  # type: ignore[arg-type]


class House:
    """A group, its members, and all it says."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.render = GatedRunner()
        self.media = GatedRunner()
        self.events: list[Event] = []
        self.changed_count = 0
        self.group = ResonateGroup(
            GroupId("g"),
            "Kitchen",
            clock=self.clock,
            render=self.render,
            media=self.media,
            policy=SendPolicy.BALANCED,
            changed=self._changed,
            emit=self.events.append,
            pictures=Pictures(self.media, self.clock),
        )
        self.states: list[PlaybackState] = []
        self.sessions: dict[str, FakeSession] = {}

    def client(self, name: str, *formats: StreamFormat, **values: int) -> Client:
        """Return a client with a live session, not in the group yet."""
        client = Client(ClientId(name))
        self.connect(client, hello(name, *(formats or (PCM_48,)), **values))
        return client

    def add(self, name: str, *formats: StreamFormat, **values: int) -> Client:
        client = self.client(name, *formats, **values)
        self.group.company.add(client)
        return client

    def connect(self, client: Client, its_hello: object) -> FakeSession:
        session = FakeSession(its_hello)  # type: ignore[arg-type]
        client.session = session  # type: ignore[assignment]
        self.sessions[client.client_id] = session
        return session

    def pcm(self, name: str) -> Block:
        """Return what a player of 16-bit stereo was sent since the last clear or end."""
        data = b"".join(chunk.data for chunk in self.sessions[name].chunks)
        return (np.frombuffer(data, "<i2").reshape(-1, 2) / 32_768).astype(np.float32)

    def sent_pcm(self, name: str) -> Block:
        """Return all that a player of 16-bit stereo was ever sent."""
        data = b"".join(chunk.data for output in self.sessions[name].outputs for chunk in output.chunks)
        return (np.frombuffer(data, "<i2").reshape(-1, 2) / 32_768).astype(np.float32)

    def media_told(self) -> list[tuple[str, str]]:
        return [(event.media_id, event.state) for event in self.events if isinstance(event, MediumChanged)]

    def state(self) -> PlaybackState:
        return self.group.snapshot().state

    def _changed(self) -> None:
        self.changed_count += 1
        self.states.append(self.group.snapshot().state)


@asynccontextmanager
async def housed(*names: str, clock: FakeClock | None = None) -> AsyncIterator[House]:
    house = House(clock)
    for name in names:
        house.add(name)
    try:
        yield house
    finally:  # else what is held would keep the loop from ending, and nobody would see why a test failed
        house.media.open()
        house.render.open()
        await house.group.close()
