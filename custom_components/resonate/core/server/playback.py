"""One playing of a group, from its first medium to the last frame heard: opens, reads, steps, delivers."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
import logging
from typing import Final, NamedTuple

from ..channel import FeedId
from ..clock import Clock
from ..commands import AddSide, AddTrack, CloseQueue, Command, DropFollowing, Halt, Run, SetFeeds, SetTopology
from ..errors import CommandRefusedError, MediaError, Refusal
from ..renderer import Renderer
from ..step import Halted, StepResult, TrackEnded, TrackEvent, TrackStarted, TrackStarved
from ..stream.chunk import PlayerOutput
from ..stream.policy import SendPolicy
from ..stream.topology import PlayerConfig, Topology
from ..units import US_PER_S, ClientId, ServerTimeUs, TrackId
from .feeds import assign_feeds, feeds_by_side
from .item import Item
from .load import Load
from .readings import Readings
from .runner import Runner

_LOGGER = logging.getLogger(__name__)

COMING_US: Final = 10 * US_PER_S
"""How much may be opened of what follows beyond the next item: more than is read ahead of one."""
MOST_COMING: Final = 64
"""However short they are."""


class Remainder(NamedTuple):
    """What a playing that broke leaves to the one that takes it up."""

    item: Item
    position_us: int | None
    """Where it is to go on in its medium; None: where it was being heard."""
    start_at: ServerTimeUs | None


class _Wish(NamedTuple):
    """What was asked for and has not been heard yet."""

    item: Item
    position_us: int
    start_at: ServerTimeUs | None = None


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
        following: Callable[[Item], Item | None],
        failed: Callable[[Item, MediaError], None],
        load_changed: Callable[[Load], None],
        finished: Callable[[Playback], None],
    ) -> None:
        """What is given is called on the loop and must not wait: `finished` at the end.

        `following` is asked for what comes after an item, once that has been read, or when it may be another; None:
        nothing does.
        """
        self.mix_rate = mix_rate
        self.last = StepResult()
        """What the last step said; for statistics."""
        self.error: Exception | None = None
        """The error of our own that it ended by."""
        self._clock = clock
        self._render = render
        self._media = media
        self._deliver = deliver
        self._report = report
        self._next_after = following
        self._failed = failed
        self._load_changed = load_changed
        self.load = Load(clock.now())
        self._finished = finished
        self._renderer = Renderer(mix_rate=mix_rate, policy=policy)
        self._commands: list[Command] = []
        self._wake = asyncio.Event()
        self._can_read = asyncio.Event()
        """Not while a step runs or is about to: both want the interpreter, and a step cannot wait."""
        self._can_read.set()
        self._is_closing = False
        self._readings = Readings(
            mix_rate=mix_rate,
            clock=clock,
            media=media,
            spawn=self._spawn,
            on_data=self._has_data,
            wait_for_turn=self._can_read.wait,
        )
        self._topology = Topology()
        """Who hears it, as was told: all of the main feed."""
        self._feeds: dict[ClientId, FeedId] = {}
        self._side_feeds: dict[TrackId, frozenset[FeedId]] = {}
        """The feeds that hear each side, as the renderer was told."""
        self._items: list[Item] = []
        """What has been opened or is about to be, in the order of being heard."""
        self._drop_count = 0
        """How many times the renderer was told to drop what follows, and has not said yet what went."""
        self._heard: TrackId | None = None
        """The latest track that was told to be heard."""
        self._wish: _Wish | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stepping = False
        self._stale: set[ClientId] = set()
        """Players for whom what the running step makes comes too late."""
        self._spawn(self._run())

    # What it is told

    def set_topology(self, topology: Topology) -> None:
        """Let these players hear it from now on."""
        known, self._topology = self._topology.players, topology
        changed = {
            player_id: config
            for player_id, config in topology.players.items()
            if player_id not in known or known[player_id].format != config.format
        }
        for item in self._items:
            item.forget_players(topology.players)
            self._choose(item, changed)
        self._share_out(is_changed=True)

    def choose_anew(self) -> None:
        """Have the media say anew what each player hears."""
        for item in self._items:
            self._choose(item, self._topology.players)
        self._share_out()

    def forget_player(self, player_id: ClientId) -> None:
        """Drop what is being made for a player: it left, or came back with nothing of what it had."""
        if self._is_stepping:
            self._stale.add(player_id)

    def play(
        self,
        item: Item,
        *,
        start_at: ServerTimeUs | None = None,
        position_us: int | None = None,
    ) -> None:
        """Let a medium take the place of what plays as soon as it can be heard.

        What is heard until then is read on, for that may take a while. It begins where its request says, unless at
        `position_us`.
        """
        position_us = item.request.start_us if position_us is None else position_us
        for other in [other for other in self._items if other.track_id != self._heard]:
            self._let_go(other)
        self._items.append(item)
        self._read_from(item, position_us, replaces=True)
        self._wish = _Wish(item, position_us, start_at)
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
        for other in self._items[self._items.index(item) + 1 :]:
            self._let_go(other)
        self._read_from(item, position_us, replaces=True)
        self._wish = _Wish(item, position_us)

    def follow_anew(self) -> None:
        """Have it be asked for anew what follows, as far as players have nothing of that yet."""
        if not self._items:
            return
        base = self._base
        behind = self._items[self._items.index(base) + 1 :]
        following = self._next_after(base)
        if len(behind) == 1 and following is not None and behind[0].entry_id == following.entry_id:
            return
        if behind and base.track_id is not None:
            self._drop_count += 1
            self._command(DropFollowing(track_id=base.track_id))
        else:
            self._follow()

    def hand_over(self) -> Remainder | None:
        """Return what another playing can go on with after an `error`; only as `finished` is called.

        A source that can be sought stays open; any other is opened anew once it is closed, from its beginning or, live,
        at its edge.
        """
        wish = self._wish
        if wish is None and self._items:
            wish = _Wish(self._items[0], self._items[0].request.start_us)
        if wish is None:
            return None
        item = wish.item
        if item.info is not None and item.info.is_seekable:
            is_heard = self._wish is None and item.track_id == self._heard
            self._items.remove(item)
            self._stop_reading(item)
            return Remainder(item, None if is_heard else wish.position_us, wish.start_at)
        return Remainder(item.anew(self._let_go(item)), wish.position_us, wish.start_at)

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
        except Exception as err:
            _LOGGER.exception("Playing broke by an error of our own")
            self.error = err
        self._is_closing = True
        self._can_read.set()
        self._finished(self)
        while self._items:
            self._let_go(self._items[0])

    async def _step_on(self) -> None:
        while True:
            inputs = self._readings.take(self.last.wanted)
            commands, self._commands = self._commands, []
            drop_count = self._drop_count
            is_closing = self._is_closing
            self._is_stepping = True
            self._can_read.clear()
            asked_at = self._clock.now()
            result = await self._render.run(self._renderer.step, inputs, commands, asked_at)
            self._is_stepping = False
            self._can_read.set()
            self.last = result
            self.load.add(asked_at, self._clock.now())
            if self.load.judge(result.spare_us, result.horizon_us, asked_at):
                self._load_changed(self.load)
            for event in result.events:
                self._tell(event)
            if drop_count:
                self._drop_count -= drop_count
                self._have_dropped(result.dropped)
            self._deliver({key: output for key, output in result.outputs.items() if key not in self._stale})
            self._stale.clear()
            if is_closing or (result.is_finished and not self._commands):
                return
            await self._wait(result)

    def _tell(self, event: TrackEvent) -> None:
        item = next((item for item in self._items if item.track_id == event.track_id), None)
        if item is None:
            return
        if isinstance(event, TrackStarted):
            while self._items[0] is not item:
                self._let_go(self._items[0])
            self._heard = item.track_id
            if self._wish is not None and (self._wish.item is item or self._wish.item not in self._items):
                self._wish = None
            self._forget_readings()
        match event:
            case TrackStarted(at=at, position_us=position_us):
                item.move_to(position_us, at)
            case TrackStarved(at=at, length_us=length_us, position_us=position_us):
                item.move_to(position_us, ServerTimeUs(at + length_us))
            case Halted(position_us=position_us):
                item.move_to(position_us)
        self._report(item, event)
        if isinstance(event, TrackEnded):
            self._let_go(item)
        if isinstance(event, TrackStarted | TrackEnded):
            self._follow()

    async def _wait(self, result: StepResult) -> None:
        """Wait for a command, for data that is missing, or for the instant that the step named."""
        self._wake.clear()
        if self._commands or any(self._readings.has_news(track_id) for track_id in result.hungry):
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

    def _has_data(self, track_id: TrackId) -> None:
        if track_id in self.last.hungry and not self._is_closing:
            self._can_read.clear()
            self._wake.set()

    def _read_from(self, item: Item, position_us: int, *, replaces: bool) -> None:
        """Begin a new reading of an item, as a track of its own."""
        self._readings.stop(item.track_id)
        item.error, item.is_read = None, False
        item.track_id = track_id = self._readings.begin(item.main, position_us, partial(self._was_read, item))
        item.move_to(position_us)
        self._command(
            AddTrack(
                track_id=track_id,
                replaces=replaces,
                position_us=position_us,
                is_live=item.is_live,
            )
        )
        item.sides.clear()
        self._choose(item, self._topology.players)
        self._share_out()

    def _was_read(self, item: Item, error: MediaError | None) -> None:
        if item not in self._items:
            return
        item.error, item.is_read = error, True
        if error is not None:
            self._failed(item, error)
        self._follow()

    def _follow(self) -> None:
        """Open what comes next, early enough that there is no gap."""
        if self._drop_count or self._is_closing or not self._items or not self._items[-1].is_read:
            return
        coming = self._items[self._items.index(self._base) + 1 :]
        coming_us = sum(self._readings.length_us(item.track_id) for item in coming)
        if coming_us > COMING_US or sum(item.error is None for item in coming) >= MOST_COMING:
            return
        item = self._next_after(self._items[-1])
        if item is None:
            self._command(CloseQueue())
            return
        self._items.append(item)
        self._read_from(item, item.request.start_us, replaces=False)

    def _have_dropped(self, track_ids: frozenset[TrackId]) -> None:
        for item in [item for item in self._items if item.track_id in track_ids]:
            self._let_go(item)
        self._follow()

    @property
    def _base(self) -> Item:
        """What the items that are coming follow: what takes the place of the others, or is heard, or is the first."""
        if self._wish is not None and self._wish.item in self._items:
            return self._wish.item
        return next((item for item in self._items if item.track_id == self._heard), self._items[0])

    def _forget_readings(self) -> None:
        """Forget those that nobody will hear any more: seek after seek makes many."""
        present = {item.track_id for item in self._items} | {
            side for item in self._items for side in item.sides.values()
        }
        self._readings.forget_all_but({self._heard, *present})

    def _stop_reading(self, item: Item) -> None:
        for track_id in (item.track_id, *item.sides.values()):
            self._readings.stop(track_id)

    def _let_go(self, item: Item) -> asyncio.Task[None]:
        self._items.remove(item)
        self._stop_reading(item)
        self._forget_readings()
        return self._spawn(item.close(self._media))

    # Who hears what

    def _choose(self, item: Item, players: Mapping[ClientId, PlayerConfig]) -> None:
        now = self._clock.now()
        for player_id, config in players.items():
            item.choose(player_id, config.format, item.position_us(ServerTimeUs(now + config.lead_us)))

    def _share_out(self, *, is_changed: bool = False) -> None:
        """Read what was chosen, and no more, and tell the renderer who hears what if that `is_changed`."""
        added: dict[TrackId, AddSide] = {}
        for item in self._items:
            if item.track_id is None:
                continue
            wanted = item.wanted_feeds
            for feed in item.sides.keys() - wanted.keys():
                self._command(SetFeeds(track_id=item.sides.pop(feed), feeds=frozenset()))
            for feed in wanted.keys() - item.sides.keys():
                done = partial(self._side_was_read, item, feed)
                side_id = item.sides[feed] = self._readings.begin(item.access(feed), wanted[feed], done)
                added[side_id] = AddSide(
                    track_id=side_id, beside=item.track_id, feeds=frozenset(), position_us=wanted[feed]
                )
        heard = {
            player_id: frozenset(side for item in self._items if (side := item.side_of(player_id)) is not None)
            for player_id in self._topology.players
        }
        feeds = assign_feeds(heard, self._feeds)
        side_feeds = feeds_by_side(heard, feeds)
        for side_id, names in side_feeds.items():
            if side_id in added:
                self._command(replace(added[side_id], feeds=names))
            elif self._side_feeds.get(side_id) != names:
                self._command(SetFeeds(track_id=side_id, feeds=names))
        self._forget_readings()
        is_changed = is_changed or feeds != self._feeds
        self._feeds, self._side_feeds = feeds, side_feeds
        if is_changed:
            self._command(SetTopology(topology=self._topology.on_feeds(feeds)))

    def _side_was_read(self, item: Item, feed: FeedId, error: MediaError | None) -> None:
        if error is not None:
            _LOGGER.warning("What some players hear of a medium, %s, broke: they hear the main mix: %s", feed, error)
            item.give_up(feed)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
