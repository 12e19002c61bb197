"""Virtual time for players: one true clock, links with delay, and nothing that sleeps."""

from collections.abc import Callable
from functools import partial
import heapq
from itertools import count
import random

from tests.fakes.player import DriftingClock, MemoryRecorder, PlayerConfig, SoftwarePlayer
from tests.fakes.skew import Heard

from .ideal import IdealServer, Stream

NS_PER_US = 1000
NS_PER_S = 1_000_000_000
SERVER_ORIGIN_US = 7_000_000_000


class World:
    """What happens when; all in ns of the true clock."""

    def __init__(self, seed: int = 1) -> None:
        self.now_ns = 1_000 * NS_PER_S
        self.rng = random.Random(seed)
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()

    @property
    def server_us(self) -> int:
        return self.now_ns // NS_PER_US + SERVER_ORIGIN_US

    def true_s(self, server_us: float) -> float:
        """Return the true instant (s) of one of the server's."""
        return (server_us - SERVER_ORIGIN_US) / 1e6

    def at(self, when_ns: int, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(when_ns, self.now_ns), next(self._order), call))

    def run(self, seconds: float) -> None:
        end_ns = self.now_ns + round(seconds * NS_PER_S)
        while self._events and self._events[0][0] <= end_ns:
            self.now_ns, _, call = heapq.heappop(self._events)
            call()
        self.now_ns = end_ns


class Link:
    """A player on an ideal server, with `delay_us` (plus up to `jitter_us`, by lot) each way; order is kept."""

    def __init__(
        self,
        world: World,
        config: PlayerConfig,
        *,
        drift_ppm: float = 0.0,
        delay_us: int = 100,
        jitter_us: int = 0,
        origin_us: int | None = None,
    ) -> None:
        self.world, self.delay_us, self.jitter_us = world, delay_us, jitter_us
        self.server = IdealServer()
        self.recorder = MemoryRecorder()
        self.clock = DriftingClock(
            drift_ppm=drift_ppm, origin_us=origin_us, raw_ns=lambda: world.now_ns, rng=random.Random(config.client_id)
        )
        self.player = SoftwarePlayer(config, self.clock, self.recorder)
        self._arrives_ns = [0, 0]
        self._plan = 0
        self.player.connect()
        self._wake()

    def send(self, message: str | bytes) -> None:
        """Let the server send."""
        self.world.at(self._arrival_ns(0), partial(self._deliver, message))

    def play(self, stream: Stream, anchor_us: int, *, ahead_us: int = 1_000_000, start: bool = True) -> None:
        """Let the server send stream/start now, and each chunk `ahead_us` before it is due."""
        if start:
            self.send(stream.start)
        for timestamp_us, message in stream.messages(anchor_us):
            due_ns = (timestamp_us - ahead_us - SERVER_ORIGIN_US) * NS_PER_US
            self.world.at(due_ns, partial(self._send_planned, self._plan, message))

    def hush(self) -> None:
        """Let the server send nothing more of what it plays."""
        self._plan += 1

    def heard(self) -> Heard:
        """Return what was audible, with its true time axis."""
        self.player.advance()
        renderer = self.player.audio.renderer
        assert renderer is not None
        dac = self.player.report()["dac"]
        return Heard(self.recorder.frames.mean(axis=1), dac["t0_true"], dac["seconds_per_sample"])

    def pump(self) -> None:
        """Take to the server what the player has to say."""
        for message in self.player.take_outgoing():
            self.world.at(self._arrival_ns(1), partial(self._ask, message))

    def _send_planned(self, plan: int, message: bytes) -> None:
        if plan == self._plan:
            self.send(message)

    def _wake(self) -> None:
        self.player.advance()
        self.pump()
        self.world.at(max(self.player.next_wake_ns(), self.world.now_ns + 1000), self._wake)

    def _ask(self, message: str) -> None:
        for answer in self.server.answer(message, self.world.server_us):
            self.send(answer)

    def _deliver(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.player.feed_text(message)
        else:
            self.player.feed_binary(message)
        self.pump()

    def _arrival_ns(self, way: int) -> int:
        late_us = self.delay_us + self.world.rng.randint(0, self.jitter_us)
        self._arrives_ns[way] = max(self._arrives_ns[way], self.world.now_ns + late_us * NS_PER_US)
        return self._arrives_ns[way]
