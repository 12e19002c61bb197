"""One playing of a group, from its first medium to the last frame heard: opens, reads, steps, delivers."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import count
import logging

from ..clock import Clock
from ..commands import AddTrack, CloseQueue, Command, Halt, Run, SetTopology
from ..errors import CommandRefusedError, MediaDecodeError, MediaError, Refusal
from ..media.request import MediaRequest
from ..renderer import Renderer
from ..step import StepResult, TrackEnded, TrackEvent, TrackInput, TrackStarted
from ..stream.chunk import PlayerOutput
from ..stream.policy import SendPolicy
from ..stream.topology import Topology
from ..units import ClientId, ServerTimeUs, TrackId
from .item import Item
from .reader import Reader
from .runner import Runner

_LOGGER = logging.getLogger(__name__)


class Playback:
    """Runs a renderer in step with the clock, on the loop that makes it, until all was heard or `close`."""

    def __init__(
        self,
        *,
        mix_rate: int,
        policy: SendPolicy,
        clock: Clock,
        render: Runner,
        media: Runner,
        deliver: Callable[[Mapping[ClientId, PlayerOutput]], None],
        report: Callable[[Item, TrackEvent], None],
        failed: Callable[[Item, MediaError], None],
        finished: Callable[[Playback], None],
    ) -> None:
        """`deliver`, `report`, `failed` and, at its end, `finished` are called on the loop and must not wait."""
        self.mix_rate = mix_rate
        self.last = StepResult()
        """What the last step said; for statistics."""
        self._clock = clock
        self._render = render
        self._media = media
        self._deliver = deliver
        self._report = report
        self._failed = failed
        self._finished = finished
        self._renderer = Renderer(mix_rate=mix_rate, policy=policy)
        self._commands: list[Command] = []
        self._wake = asyncio.Event()
        self._is_closing = False
        self._track_ids = count(1)
        self._readers: dict[TrackId, Reader] = {}
        self._items: list[Item] = []
        """What has been opened or is about to be, in the order of being heard."""
        self._following: deque[MediaRequest] = deque()
        self._heard: TrackId | None = None
        """The latest track that was told to be heard."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stepping = False
        self._stale: set[ClientId] = set()
        """Players for whom what the running step makes comes too late."""
        self._spawn(self._run())

    # What it is told

    def set_topology(self, topology: Topology) -> None:
        """Let these players hear it from now on."""
        self._command(SetTopology(topology=topology))

    def forget_player(self, player_id: ClientId) -> None:
        """Drop what is being made for a player: it left, or came back with nothing of what it had."""
        if self._is_stepping:
            self._stale.add(player_id)

    def play(self, item: Item, following: Sequence[MediaRequest], *, start_at: ServerTimeUs | None = None) -> None:
        """Let an open medium take the place of what plays as soon as it can be heard, and `following` come after it.

        What is heard until then is read on, for that may take a while.
        """
        self._following = deque(following)
        for other in [other for other in self._items if other.track_id != self._heard]:
            self._let_go(other)
        self._items.append(item)
        self._read_from(item, item.request.start_us, replaces=True)
        self._command(Run(start_at=start_at))

    def halt(self) -> None:
        """Let nothing more be heard; `resume` goes on at the first frame that was not."""
        self._command(Halt())

    def resume(self) -> None:
        """Go on after `halt`."""
        self._command(Run())

    def seek(self, item: Item, position_us: int) -> None:
        """Go on elsewhere in a medium that plays. Raises CommandRefusedError where it cannot be sought."""
        if item not in self._items or item.info is None or not item.info.is_seekable:
            raise CommandRefusedError(Refusal.NOT_SEEKABLE)
        later = self._items[self._items.index(item) + 1 :]
        self._following.extendleft(other.request for other in reversed(later))
        for other in later:
            self._let_go(other)
        self._read_from(item, position_us, replaces=True)

    async def close(self) -> None:
        """End every stream and let go of every medium; returns when both are done."""
        self._is_closing = True
        self._command(Halt())
        while self._tasks:
            await asyncio.wait(self._tasks)

    # The loop

    async def _run(self) -> None:
        try:
            await self._step_on()
        except Exception:
            _LOGGER.exception("Playing ended by an error of our own")
        self._is_closing = True
        while self._items:
            self._let_go(self._items[0])
        self._finished(self)

    async def _step_on(self) -> None:
        while True:
            inputs = self._take(self.last.wanted)
            commands, self._commands = self._commands, []
            is_closing = self._is_closing
            self._is_stepping = True
            result = await self._render.run(self._renderer.step, inputs, commands, self._clock.now())
            self._is_stepping = False
            self.last = result
            for event in result.events:
                self._tell(event)
            self._deliver({key: output for key, output in result.outputs.items() if key not in self._stale})
            self._stale.clear()
            if is_closing or (result.is_finished and not self._commands):
                return
            await self._wait(result)

    def _take(self, wanted: Mapping[TrackId, int]) -> dict[TrackId, TrackInput]:
        return {
            track_id: self._readers[track_id].take(frame_count)
            for track_id, frame_count in wanted.items()
            if self._has_news(track_id)
        }

    def _tell(self, event: TrackEvent) -> None:
        item = next((item for item in self._items if item.track_id == event.track_id), None)
        if item is None:
            return
        if isinstance(event, TrackStarted):
            while self._items[0] is not item:
                self._let_go(self._items[0])
            self._heard = item.track_id
            self._drop_readers()
        self._report(item, event)
        if isinstance(event, TrackEnded):
            self._let_go(item)

    async def _wait(self, result: StepResult) -> None:
        """Wait for a command, for data that is missing, or for the instant that the step named."""
        self._wake.clear()
        if self._commands or any(self._has_news(track_id) for track_id in result.hungry):
            return
        timer = None if result.wake_at is None else self._clock.call_at(result.wake_at, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _command(self, command: Command) -> None:
        self._commands.append(command)
        self._wake.set()

    # Media

    def _has_news(self, track_id: TrackId) -> bool:
        reader = self._readers.get(track_id)
        return reader is not None and reader.has_news

    def _has_data(self, track_id: TrackId) -> None:
        if track_id in self.last.hungry:
            self._wake.set()

    def _read_from(self, item: Item, position_us: int, *, replaces: bool) -> None:
        """Begin a new reading of an item, as a track of its own."""
        self._stop_reading(item)
        track_id = TrackId(next(self._track_ids))
        reader = Reader(
            item.source, mix_rate=self.mix_rate, media=self._media, on_data=lambda: self._has_data(track_id)
        )
        self._readers[track_id] = reader
        is_first = item.track_id is None
        item.track_id = track_id
        item.error = None
        self._drop_readers()
        before = item.reading
        item.reading = self._spawn(self._read(item, reader, position_us, is_first=is_first, before=before))
        self._command(
            AddTrack(
                track_id=track_id,
                replaces=replaces,
                position_us=position_us,
                is_live=item.info is not None and item.info.is_live,
            )
        )

    async def _read(
        self, item: Item, reader: Reader, position_us: int, *, is_first: bool, before: asyncio.Task[None] | None
    ) -> None:
        error: MediaError | None = None
        if before is not None:
            await asyncio.wait([before])
        try:
            if item.info is None:
                await item.open(self._media)
            if is_first:
                await self._media.run(item.source.start, self.mix_rate, position_us)
            else:
                await self._media.run(item.source.seek, position_us)
            await reader.run()
        except MediaError as err:
            error = err
        except Exception as err:
            _LOGGER.exception("Reading a medium ended by an error of our own")
            error = MediaDecodeError(str(err))
        if item not in self._items or item.track_id is None or self._readers.get(item.track_id) is not reader:
            return
        item.error = error
        if error is not None:
            self._failed(item, error)
        if item is self._items[-1] and not self._is_closing:
            self._follow()
        reader.end()

    def _follow(self) -> None:
        """Open what comes next, early enough that there is no gap."""
        if self._following:
            item = Item(self._following.popleft())
            self._items.append(item)
            self._read_from(item, item.request.start_us, replaces=False)
        else:
            self._command(CloseQueue())

    def _drop_readers(self) -> None:
        """Forget the readings that nobody will hear any more: seek after seek makes many."""
        present = {self._heard, *(item.track_id for item in self._items)}
        self._readers = {track_id: reader for track_id, reader in self._readers.items() if track_id in present}

    def _stop_reading(self, item: Item) -> None:
        if item.track_id is not None and (reader := self._readers.get(item.track_id)) is not None:
            reader.stop()

    def _let_go(self, item: Item) -> None:
        self._items.remove(item)
        self._stop_reading(item)
        if item.track_id is not None:
            self._readers.pop(item.track_id, None)
        self._spawn(self._close_source(item))

    async def _close_source(self, item: Item) -> None:
        try:
            await self._media.run(item.source.close)
        except Exception:
            _LOGGER.exception("Closing a medium ended by an error of our own")
        if item.reading is not None:
            await asyncio.wait([item.reading])

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
