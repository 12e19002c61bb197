"""A group of clients that hear the same: what is asked of it, and what its playing tells."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from ..clock import Clock
from ..errors import CommandRefusedError, MediaError, Refusal
from ..events import Event, MediumState
from ..images import Picture
from ..media.request import MediaRequest
from ..queue import Queue
from ..step import Halted, TrackEnded, TrackEvent, TrackStarted, TrackStarved, TrackTagged
from ..stream.policy import SendPolicy
from ..stream.work import Work
from ..units import ClientId, GroupId, ServerTimeUs
from .appointment import Appointment
from .audience import mix_rate_for
from .client import Client
from .company import Company
from .herald import Herald
from .item import Item
from .pictures import Pictures
from .playback import Playback
from .program import Program
from .queue_controls import QueueControls
from .restarts import Restarts
from .runner import Runner
from .snapshot import NO_VOLUME, GroupSnapshot, GroupVolume, PlaybackState
from .standing import Standing


class ResonateGroup:
    """Manages the stream of its members. On the loop; nothing here waits for a member."""

    def __init__(
        self,
        group_id: GroupId,
        name: str,
        *,
        clock: Clock,
        render: Runner,
        media: Runner,
        policy: SendPolicy,
        changed: Callable[[], None],
        emit: Callable[[Event], None],
        pictures: Pictures,
        starts: Callable[[ResonateGroup], None] = lambda _: None,
        fell_idle: Callable[[ResonateGroup], None] = lambda _: None,
    ) -> None:
        """`changed` is called when the snapshot would be another, `emit` with what happens.

        `starts` is called before it plays, having been idle: others may yet come into it; `fell_idle` at the end.
        """
        self.group_id = group_id
        self.is_named = False
        """It stays when nobody is in it."""
        self._clock = clock
        self._render = render
        self._media = media
        self._policy = policy
        self._changed = changed
        self._starts = starts
        self._fell_idle = fell_idle
        self._standing = Standing(clock)
        self.company = Company(group_id, name, self._standing, clock=clock, pictures=pictures, changed=changed)
        self._herald = Herald(group_id, name, clock=clock, emit=emit)
        self._program = Program()
        self.queue = QueueControls(self._program, self)
        self._playback: Playback | None = None
        self._restarts = Restarts()
        self._appointment = Appointment(clock)
        """A pause or a stop that is still to come."""
        self._errand = Appointment(clock)
        """What it has to do of itself as soon as it can."""
        self._request_number = 0
        self._work_done = Work()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.company.name

    @property
    def members(self) -> Mapping[ClientId, Client]:
        """Its clients, in the order of their coming."""
        return self.company.members

    @property
    def item(self) -> Item | None:
        """What is heard, or will be next, or is paused."""
        return self._standing.item

    @property
    def is_playing(self) -> bool:
        """Whether something is heard, or about to be."""
        return self._standing.is_playing

    @property
    def is_idle(self) -> bool:
        """Whether nothing is heard or paused, nor about to be heard."""
        return self._standing.is_idle

    @property
    def work(self) -> Work:
        """The work that was done for it so far."""
        return self._work_done if self._playback is None else self._work_done + self._playback.last.work

    @property
    def load(self) -> float:
        """The share of real time that the work for it takes, at present."""
        return 0.0 if self._playback is None else self._playback.load.share(self._clock.now())

    @property
    def held_bytes(self) -> Mapping[ClientId, int]:
        """What each player that it plays to holds."""
        return {} if self._playback is None else self._playback.last.held_bytes

    @property
    def held_us(self) -> Mapping[ClientId, int]:
        """How much audio each player that it plays to holds."""
        now = self._clock.now()
        ends = {} if self._playback is None else self._playback.last.held_until
        return {client_id: max(0, end - now) for client_id, end in ends.items()}

    def snapshot(self, volume: GroupVolume = NO_VOLUME) -> GroupSnapshot:
        """Return how it stands; `volume` is that of its members together."""
        standing = self._standing
        item = standing.item
        return GroupSnapshot(
            group_id=self.group_id,
            name=self.name,
            members=tuple(self.company.members),
            is_named=self.is_named,
            state=standing.state,
            medium=None if item is None else item.snapshot(),
            queue=self._program.queue,
            position_us=None if item is None else standing.noted_position_us,
            position_at=None if item is None else standing.noted_at,
            volume=volume.level,
            is_muted=volume.is_muted,
            can_set_volume=volume.can_set_volume,
            can_mute=volume.can_mute,
        )

    @property
    def picture(self) -> Picture | None:
        """That of what is heard, or will be next; None without one, or while it is looked for."""
        return self.company.displays.picture

    @property
    def position_us(self) -> int:
        """What of it is heard now."""
        return self._standing.position_us

    def rename(self, name: str) -> None:
        """Be called otherwise from now on."""
        if name != self.name:
            self._herald.name = name
            self.company.rename(name)

    # Playing

    async def play(
        self,
        requests: Sequence[MediaRequest],
        *,
        keeps_queue: bool = False,
        start_at: ServerTimeUs | None = None,
        when_open: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Play media one after another, without gaps, in place of what plays and of the queue.

        With `keeps_queue` the rest of the queue follows them. Returns when one is open and about to be heard: those
        that cannot be opened are passed over. Raises MediaError when that goes for all, and FormatError when none of
        the members that are there can be played to; what plays goes on then, and the queue stays. `when_open` comes in
        between: others may yet come into the group. Raises QueueError for too many.
        """
        if not requests:
            raise CommandRefusedError(Refusal.NOTHING_TO_PLAY)
        before = self._program.latest
        if keeps_queue:
            queue = before.add_next(requests)
            first = queue.entries[0 if before.current_index is None else before.current_index + 1]
        else:
            queue = before.replaced(requests)
            first = queue.entries[0]
        await self.play_from(queue.at(first.entry_id), most_tries=len(requests), start_at=start_at, when_open=when_open)

    async def play_from(
        self,
        queue: Queue,
        *,
        position_us: int | None = None,
        backwards: bool = False,
        most_tries: int | None = None,
        start_at: ServerTimeUs | None = None,
        when_open: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Play what a queue is at, or what comes next if that cannot be opened. The queue counts once that is open."""
        self._request_number += 1
        number = self._request_number
        self._program.wait_for(queue)
        try:
            item = await self._program.open(
                self._open,
                is_wanted=lambda: number == self._request_number,
                most_tries=most_tries,
                backwards=backwards,
            )
        except BaseException:
            self._give_up(number)
            raise
        is_start = self.is_idle and number == self._request_number
        try:
            if is_start:
                self._starts(self)
            if when_open is not None and number == self._request_number:
                await when_open()
            if number == self._request_number:
                self.company.audience.require_playable()
        except BaseException:
            self._give_up(number)
            if is_start and self.is_idle:
                self._fell_idle(self)
            await item.close(self._media)
            raise
        if number != self._request_number:  # another wish came in meanwhile, and wins
            if is_start and self.is_idle:
                self._fell_idle(self)
            await item.close(self._media)
            return
        self._appointment.cancel()
        self._program.arrive()
        if position_us is None or item.entry_id != queue.current or item.is_live:
            position_us = item.request.start_us
        if self._playback is None:
            self._restarts = Restarts()
            self._playback = self._make_playback(mix_rate_for(item.sample_rate, self.company.members.values()))
        self._playback.play(item, start_at=start_at, position_us=position_us)
        self.company.displays.prepare(item)
        if self._standing.state != PlaybackState.PLAYING:
            self._standing.move_to(item, position_us)
            self._set_state(PlaybackState.BUFFERING)
        self._changed()

    async def _open(self, item: Item) -> None:
        try:
            await item.open(self._media, self._clock)
        except MediaError as err:
            self._herald.failed(item, err)
            raise

    def _give_up(self, number: int) -> None:
        """Let what was wished not come, unless another wish is on its way."""
        if number == self._request_number:
            self._program.give_up()

    def _override(self) -> None:
        """Let nothing come of what was wished before."""
        self._appointment.cancel()
        self._request_number += 1
        self._program.give_up()

    async def pause(self, *, at: ServerTimeUs | None = None) -> None:
        """Let nothing more be heard; `resume` goes on at the first frame that was not. Again: nothing happens.

        With `at`, at that instant, unless something else is asked for before; so with `stop`.
        """
        if self._standing.is_paused:
            return
        if self._playback is None:
            raise CommandRefusedError(Refusal.NOTHING_PLAYS)
        if at is not None and at > self._clock.now():
            self._appointment.make(at, self.pause)
            return
        self._override()
        item = self._standing.item
        if item is not None and item.info is not None and item.info.is_live:
            # A live source goes on at its edge, not where it was left.
            await self._close_playback(PlaybackState.PAUSED)
            return
        self._playback.halt()
        self._standing.hold()
        self._set_state(PlaybackState.PAUSED)

    async def resume(self) -> None:
        """Go on after `pause`, else play what was played last. Raises CommandRefusedError when there is nothing."""
        self._appointment.cancel()
        if self.is_playing:
            return
        if self._standing.is_paused and self._playback is not None:
            self._playback.resume()
            self._set_state(PlaybackState.BUFFERING)
            return
        queue = self._program.latest if self._program.latest.current is not None else self._program.latest.skip()
        if queue is None:
            raise CommandRefusedError(Refusal.NOTHING_PAUSED)
        await self.play_from(queue, position_us=self.position_us if self._standing.is_paused else None)

    async def stop(self, *, at: ServerTimeUs | None = None) -> None:
        """End what plays, or what is to start; the queue stays where it is. With `at` as `pause` does."""
        if at is not None and at > self._clock.now():
            self._appointment.make(at, self.stop)
            return
        self._override()
        self._standing.item = None
        await self._close_playback(PlaybackState.IDLE)

    async def seek(self, position_us: int) -> None:
        """Go on elsewhere in the medium. Raises CommandRefusedError where that is not possible."""
        item = self._standing.item
        if item is not None and self._playback is None and self._standing.is_paused and not item.is_live:
            self._standing.move_to(item, max(position_us, 0))  # where it will be opened
            self.company.tell_progress()
            return
        if self._playback is None or item is None:
            raise CommandRefusedError(Refusal.NOTHING_PLAYS)
        duration_us = None if item.info is None else item.info.duration_us
        position_us = max(position_us, 0) if duration_us is None else min(max(position_us, 0), duration_us)
        self._playback.seek(item, position_us)
        if self._standing.is_paused:
            self._standing.move_to(item, position_us)
            self.company.tell_progress()

    def restore(self, queue: Queue, *, position_us: int | None) -> bool:
        """Take over a queue, paused at a position of its present entry if one is given; only while it has none.

        Return whether that was done.
        """
        if not self.is_idle or self._program.latest.entries:
            return False
        self._put(queue, position_us)
        return True

    async def reinstate(self, queue: Queue, *, position_us: int | None, is_playing: bool) -> None:
        """Take over a queue in place of what there is, and play it, or pause it, at a position of its present entry.

        Raises MediaError when nothing of it can be opened to be played; then all stays as it was.
        """
        if is_playing and queue.current is not None:
            await self.play_from(queue, position_us=position_us)
        else:
            await self.stop()
            self._put(queue, position_us)

    def _put(self, queue: Queue, position_us: int | None) -> None:
        self._program.queue = queue
        entry = queue.current_entry
        if entry is not None and position_us is not None:
            self._standing.move_to(Item(entry.request, entry.entry_id), position_us)
            self._set_state(PlaybackState.PAUSED)
        self._changed()

    def follow_anew(self) -> None:
        """Take note that something else may follow what is heard."""
        if self._playback is not None:
            self._playback.follow_anew()
        self._changed()

    async def seek_by(self, offset_us: int) -> None:
        """Go on later or earlier than what is heard now, within the medium. Raises as `seek` does."""
        await self.seek(self.position_us + offset_us)

    def choose_channels_anew(self) -> None:
        """Have what plays say anew which channel each member hears; who hears the same notices nothing."""
        if self._playback is not None:
            self._playback.choose_anew()

    async def close(self) -> None:
        """End what plays, for good."""
        await self.stop()

    # What the playback tells

    def _report(self, item: Item, event: TrackEvent) -> None:
        match event:
            case TrackStarted() if item.error is not None and not item.main.has_given:
                pass  # there is nothing of it to be heard
            case TrackStarted():
                if not self._program.started(item) and not self._program.is_awaiting:
                    self._errand.make(self._clock.now(), partial(self._leave, self._request_number))
                self._standing.move_to(item, event.position_us, event.at)
                if not item.was_heard and item.error is None:
                    self._herald.medium(item, MediumState.STARTED, event.at)
                item.was_heard = True
                # Made before it was told to pause, it says nothing of what is heard now.
                self._set_state(PlaybackState.PAUSED if self._standing.is_paused else PlaybackState.PLAYING)
            case TrackEnded():
                if item.was_heard and item.error is None:
                    self._herald.medium(item, MediumState.ENDED, event.at)
            case TrackStarved():
                self._herald.starved(item, event)
                if item is self._standing.item:
                    self._standing.move_to(item, event.position_us, ServerTimeUs(event.at + event.length_us))
                    self.company.tell_progress()
            case TrackTagged():
                if item.tag(event.tags):
                    self._tell_metadata(item, event.at)
            case Halted():
                self._standing.move_to(item, event.position_us, event.at)
                self._set_state(self._standing.state)

    async def _leave(self, number: int) -> None:
        """Go on behind what has been taken out and is heard nevertheless, unless something is asked for meanwhile."""
        if number == self._request_number:
            await self.queue.go_on()

    def _tell_metadata(self, item: Item, at: ServerTimeUs) -> None:
        self._herald.metadata(item, at)
        self.company.tell_progress()

    def _following(self, item: Item) -> Item | None:
        following = self._program.following(item)
        if following is not None:
            self.company.displays.prepare(following)  # nothing is done before it is open
        return following

    def _failed(self, item: Item, error: MediaError) -> None:
        self._program.failed(item)
        self._herald.failed(item, error)

    def _finished(self, playback: Playback) -> None:
        self._playback = None
        self._work_done += playback.last.work
        self.company.end_streams()  # it may have ended by an error
        if playback.error is not None and self._take_up(playback, playback.error):
            return
        self._standing.item = None
        self._program.ended()
        self._set_state(PlaybackState.IDLE)
        self._herald.ended()

    def _take_up(self, broken: Playback, error: Exception) -> bool:
        """Go on with what a playing that broke has left, where it was being heard; return whether that is done."""
        now = self._clock.now()
        rest = broken.hand_over() if self._restarts.allow(now) else None
        goes_on = rest is not None
        self._herald.broke(error, goes_on=goes_on)
        if rest is None:
            return False
        self._standing.move_to(rest.item, self.position_us if rest.position_us is None else rest.position_us)
        self._playback = self._make_playback(broken.mix_rate)
        self._playback.play(rest.item, start_at=rest.start_at, position_us=self._standing.noted_position_us)
        if self._standing.is_paused:
            self._playback.halt()
        else:
            self._set_state(PlaybackState.BUFFERING)
        return True

    # Parts

    def _make_playback(self, mix_rate: int) -> Playback:

        def mine[**P](call: Callable[P, None]) -> Callable[P, None]:
            """Let a playing that was let go of say nothing more: another may have begun."""

            def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
                if self._playback is playback:
                    call(*args, **kwargs)

            return guarded

        playback = Playback(
            mix_rate=mix_rate,
            policy=self._policy,
            clock=self._clock,
            render=self._render,
            media=self._media,
            deliver=mine(self.company.deliver),
            report=mine(self._report),
            following=self._following,
            failed=mine(self._failed),
            load_changed=mine(self._herald.load),
            finished=mine(self._finished),
        )
        self._playback = playback
        self.company.audience.play_to(playback)
        return playback

    async def _close_playback(self, state: PlaybackState) -> None:
        """Have nothing more be heard from here on; returns when every medium is let go of."""
        playback, self._playback = self._playback, None
        self.company.end_streams()
        self._set_state(state)
        if playback is not None:
            await playback.close()
            self._work_done += playback.last.work

    def _set_state(self, state: PlaybackState) -> None:
        was_idle, self._standing.state = self.is_idle, state
        self.company.inform()
        if self.is_idle and not was_idle:
            self._fell_idle(self)
