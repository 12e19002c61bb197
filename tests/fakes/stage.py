"""A playback on a loop, in virtual time, with sources of given samples and everything it says written down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import numpy as np

from core.errors import MediaDecodeError, MediaError
from core.formats import STEREO, Block
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import Passage, SourceInfo
from core.media.tags import Tags
from core.queue import Queue
from core.server.item import Item
from core.server.playback import Playback
from core.server.program import Program
from core.step import TrackEvent, TrackStarted
from core.stream.chunk import Chunk, PlayerOutput
from core.stream.policy import SendPolicy
from core.units import ClientId, us_to_frames
from tests.fakes.clock import FakeClock
from tests.fakes.rig import PCM_44, PCM_48, player, topology
from tests.fakes.runner import InlineRunner

ANN = ClientId("ann")
BOB = ClientId("bob")


class GatedRunner(InlineRunner):
    """An InlineRunner whose calls wait while it is shut, all or those of one material."""

    def __init__(self) -> None:
        super().__init__()
        self._open = asyncio.Event()
        self._open.set()
        self.held: object = None

    def shut(self, held: object = None) -> None:
        """Let no call begin any more, or none on `held`."""
        self.held = held
        self._open.clear()

    def open(self) -> None:
        """Let them go on."""
        self._open.set()

    async def run[**P, R](self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self.held is None or any(getattr(each, "__self__", None) is self.held for each in (call, *args)):
            await self._open.wait()
        return await super().run(call, *args, **kwargs)


class Material:
    """A source of given samples that counts what is done with it."""

    def __init__(
        self,
        block: Block,
        *,
        repeats: int = 1,
        is_seekable: bool = True,
        is_live: bool = False,
        breaks_at: int | None = None,
        open_error: MediaError | None = None,
        titles: Mapping[int, str] | None = None,
    ) -> None:
        """`titles` are by the frame from which on they hold."""
        self._block = block
        self._frame_count = len(block) * repeats
        self._at = 0
        self._breaks_at = breaks_at
        self._open_error = open_error
        self._is_seekable = is_seekable
        self._is_live = is_live
        self._titles = dict(titles or {})
        self.is_closed = False
        self.read_count = 0

    def open(self) -> SourceInfo:
        if self._open_error is not None:
            raise self._open_error
        return SourceInfo(sample_rate=48_000, layout=STEREO, is_seekable=self._is_seekable, is_live=self._is_live)

    def start(self, mix_rate: int, position_us: int) -> None:
        self.seek(position_us)

    def seek(self, position_us: int) -> None:
        self._at = us_to_frames(position_us, 48_000)

    def read(self, frame_count: int) -> Passage | None:
        self.read_count += 1
        if self._breaks_at is not None and self._at >= self._breaks_at:
            raise MediaDecodeError("broken")
        begin = self._at % len(self._block)
        count = min(frame_count, len(self._block) - begin, self._frame_count - self._at)
        if count <= 0:
            return None
        title = next((title for frame, title in sorted(self._titles.items(), reverse=True) if frame <= self._at), None)
        count = min(count, *(frame - self._at for frame in self._titles if frame > self._at), count)
        self._at += count
        return Passage(self._block[begin : begin + count], STEREO, Tags(title) if self._titles else None)

    def close(self) -> None:
        self.is_closed = True


def item(material: Material, name: str = "music") -> Item:
    return Item(request(material, name))


def request(material: Material, name: str = "music") -> MediaRequest:
    return MediaRequest(media_id=name, stream=MediaStream(main=material))


class Stage:
    """A playback and everything it says."""

    def __init__(self, *, mix_rate: int = 48_000) -> None:
        self.clock = FakeClock()
        self.render = InlineRunner()
        self.media = GatedRunner()
        self.chunks: dict[ClientId, list[Chunk]] = {}
        self.ended: list[ClientId] = []
        self.events: list[tuple[str, TrackEvent]] = []
        self.failures: list[tuple[str, MediaError]] = []
        self.loads: list[bool] = []
        self.is_finished = asyncio.Event()
        self.program = Program()
        self.playback = Playback(
            mix_rate=mix_rate,
            policy=SendPolicy.BALANCED,
            clock=self.clock,
            render=self.render,
            media=self.media,
            deliver=self._deliver,
            report=self._report,
            following=self.program.following,
            failed=lambda it, error: self.failures.append((it.request.media_id, error)),
            load_changed=lambda load: self.loads.append(load.is_overloaded),
            finished=lambda _: self.is_finished.set(),
        )
        self.topology = topology(ann=player(PCM_48), bob=player(PCM_44))
        self.playback.set_topology(self.topology)

    async def play(self, it: Item, *following: MediaRequest) -> None:
        await it.open(self.media, self.clock)
        self.program.queue = Queue().replaced([it.request, *following])
        it.entry_id = self.program.queue.entries[0].entry_id
        self.playback.play(it)

    def pcm(self, player_id: ClientId = ANN) -> Block:
        data = b"".join(chunk.data for chunk in self.chunks[player_id])
        return (np.frombuffer(data, "<i2").reshape(-1, 2) / 32_768).astype(np.float32)

    def told(self, kind: type[TrackEvent]) -> list[str]:
        return [name for name, event in self.events if isinstance(event, kind)]

    def _report(self, it: Item, event: TrackEvent) -> None:
        self.events.append((it.request.media_id, event))
        if isinstance(event, TrackStarted):
            self.program.started(it)

    def _deliver(self, outputs: Mapping[ClientId, PlayerOutput]) -> None:
        for player_id, output in outputs.items():
            if output.end:
                self.ended.append(player_id)
            if output.clear:
                self.chunks[player_id] = []
            self.chunks.setdefault(player_id, []).extend(output.chunks)


@asynccontextmanager
async def staged(**values: int) -> AsyncIterator[Stage]:
    stage = Stage(**values)
    yield stage
    await stage.playback.close()
    assert stage.is_finished.is_set()
