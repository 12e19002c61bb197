"""A group of clients that hear the same, and what is asked of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from ..clock import Clock
from ..errors import CommandRefusedError, MediaError, Refusal, ResonateError
from ..events import Event
from ..images import Picture
from ..media.request import MediaRequest
from ..queue import Queue
from ..stream.policy import SendPolicy
from ..units import ClientId, EntryId, GroupId, ServerTimeUs
from .appointment import Appointment
from .client import Client
from .company import Company
from .herald import Herald
from .interjections import Interjections
from .item import Item
from .performance import Performance
from .pictures import Pictures
from .program import Program
from .queue_controls import QueueControls
from .runner import Runner
from .snapshot import NO_VOLUME, GroupSnapshot, GroupVolume, Interrupted, PlaybackState
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
        self._media = media
        self._changed = changed
        self._starts = starts
        self._fell_idle = fell_idle
        self._standing = Standing(clock)
        self.company = Company(group_id, name, self._standing, clock=clock, pictures=pictures, changed=changed)
        self._herald = Herald(group_id, name, clock=clock, emit=emit)
        self._program = Program()
        self.queue = QueueControls(self._program, self)
        self._appointment = Appointment(clock)
        """A pause or a stop that is still to come."""
        self._errand = Appointment(clock)
        """What it has to do of itself as soon as it can."""
        self._late_interjection = Appointment(clock)
        """What came in between too late for that, to be begun as soon as it can."""
        self._interjections = Interjections()
        self.performance = Performance(
            clock=clock,
            render=render,
            media=media,
            policy=policy,
            standing=self._standing,
            company=self.company,
            herald=self._herald,
            program=self._program,
            interjections=self._interjections,
            fell_idle=lambda: fell_idle(self),
            leave=lambda: self._soon(self.queue.go_on, self._errand),
            play_again=lambda: self._soon(self._play_again, self._errand),
            interject=lambda requests: self._soon(partial(self._interject_soon, requests), self._late_interjection),
        )
        self._is_closed = False
        self._request_number = 0

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
    def interrupted(self) -> Interrupted | None:
        """What goes on behind what is heard in between; None while nothing is."""
        return self._interjections.interrupted

    @property
    def is_playing(self) -> bool:
        """Whether something is heard, or about to be."""
        return self._standing.is_playing

    @property
    def is_idle(self) -> bool:
        """Whether nothing is heard or paused, nor about to be heard."""
        return self._standing.is_idle

    def snapshot(self, volume: GroupVolume = NO_VOLUME, excused: tuple[ClientId, ...] = ()) -> GroupSnapshot:
        """Return how it stands; `volume` is that of its members together, `excused` who was taken out of it."""
        standing = self._standing
        item = standing.item
        return GroupSnapshot(
            group_id=self.group_id,
            name=self.name,
            members=tuple(self.company.members),
            is_named=self.is_named,
            excused=excused,
            state=standing.state,
            medium=None if item is None else item.snapshot(),
            queue=self._program.queue,
            position_us=None if item is None else standing.noted_position_us,
            position_at=None if item is None else standing.noted_at,
            interrupted=self._interjections.interrupted,
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
        if self._interjections.covers(number):
            self._go_on_behind(item.entry_id, position_us, was_heard=False)
            await item.close(self._media)
            return
        self._interjections.end()
        self.performance.begin(item, position_us=position_us, start_at=start_at)

    async def open_interjection(self, request: MediaRequest) -> Item:
        """Return a medium to be given to `interject`, open. Raises MediaError."""
        item = Item(request)
        await self._open(item)
        return item

    async def discard(self, item: Item) -> None:
        """Let go of what `open_interjection` returned and nobody will hear."""
        await item.close(self._media)

    async def interject(
        self, item: Item, others: Sequence[MediaRequest] = (), *, start_at: ServerTimeUs | None = None
    ) -> None:
        """Let an open medium, and others after it, be heard in between; then all is as it was before.

        What played goes on where it was interrupted, what was paused stays so; the queue knows nothing of it. While
        something else is in between they wait for their turn, unless that is live: it would never end. What is asked
        for meanwhile counts instead of what was interrupted. Raises FormatError as `play` does, and QueueFullError.
        """
        has_to_wait = self._interjections.interrupted is not None and not self._interjections.is_endless
        try:
            if not (self._is_closed or has_to_wait):
                self.company.audience.require_playable()
                self._interjections.begin(item, others, self._standing, after_wish=self._request_number)
                self.performance.begin(item, position_us=item.request.start_us, start_at=start_at)
                return
            if has_to_wait:
                self._interjections.add([item.request, *others])
                self.follow_anew()
        except BaseException:
            await item.close(self._media)
            raise
        await item.close(self._media)

    def _go_on_behind(self, entry_id: EntryId | None, position_us: int, *, was_heard: bool) -> None:
        """Let an entry be what goes on behind what is heard in between; `was_heard`: that it started was told."""
        self._interjections.interrupt(entry_id, position_us, was_heard=was_heard)
        self.follow_anew()

    async def _open(self, item: Item) -> None:
        try:
            await item.open(self._media, self._clock)
        except MediaError as err:
            self._herald.failed(item, err)
            raise

    def _give_up(self, number: int) -> None:
        """Let what was wished not come, unless another wish is on its way."""
        if number != self._request_number:
            return
        self._program.give_up()
        if self.is_playing and not self.performance.is_on:  # what was to come back behind an announcement did not
            self.performance.set_state(PlaybackState.PAUSED)

    def _override(self) -> None:
        """Let nothing come of what was wished before."""
        self._appointment.cancel()
        self._request_number += 1
        self._program.give_up()

    async def pause(self, *, at: ServerTimeUs | None = None) -> None:
        """Let nothing more be heard; `resume` goes on at the first frame that was not. Again: nothing happens.

        Of what is heard in between nothing more comes; `resume` goes on with what that interrupted. With `at`, at that
        instant, unless something else is asked for before; so with `stop`.
        """
        if (self._standing.is_paused or not self.performance.is_on) and self._program.is_awaiting and at is None:
            self._override()  # what is being opened is not to begin
            return
        if self._standing.is_paused:
            return
        if not self.performance.is_on:
            raise CommandRefusedError(Refusal.NOTHING_PLAYS)
        if at is not None and at > self._clock.now():
            self._appointment.make(at, self.pause)
            return
        self._override()
        if self._interjections.interrupted is not None:
            await self.performance.fall_back()
            return
        item = self._standing.item
        if item is not None and item.info is not None and item.info.is_live:
            # A live source goes on at its edge, not where it was left.
            await self.performance.close(PlaybackState.PAUSED)
            return
        self.performance.halt()

    async def hush(self) -> None:
        """Let nothing be heard, nor come of what was wished; what is heard is paused."""
        self._override()
        if self.performance.is_on:
            await self.pause()

    async def resume(self) -> None:
        """Go on after `pause`, else play what was played last. Raises CommandRefusedError when there is nothing."""
        self._appointment.cancel()
        interrupted = self._interjections.interrupted
        if self.is_playing and (interrupted is None or interrupted.is_to_play):
            return
        if self._standing.is_paused and self.performance.is_on:
            self.performance.go_on()
            return
        queue = self._program.latest if self._program.latest.current is not None else self._program.latest.skip()
        if queue is None:
            raise CommandRefusedError(Refusal.NOTHING_PAUSED)
        if interrupted is not None:
            self._program.queue = queue
            self._go_on_behind(queue.current, interrupted.position_us, was_heard=interrupted.was_heard)
            return
        await self.play_from(queue, position_us=self.position_us if self._standing.is_paused else None)

    async def stop(self, *, at: ServerTimeUs | None = None) -> None:
        """End what plays, or what is to start; the queue stays where it is. With `at` as `pause` does."""
        if at is not None and at > self._clock.now():
            self._appointment.make(at, self.stop)
            return
        self._override()
        self._interjections.end()
        self._standing.item = None
        await self.performance.close(PlaybackState.IDLE)

    async def seek(self, position_us: int) -> None:
        """Go on elsewhere in the medium. Raises CommandRefusedError where that is not possible."""
        item = self._standing.item
        if item is not None and not self.performance.is_on and self._standing.is_paused and not item.is_live:
            self._standing.move_to(item, max(position_us, 0))  # where it will be opened
            self.company.tell_progress()
            return
        if not self.performance.is_on or item is None:
            raise CommandRefusedError(Refusal.NOTHING_PLAYS)
        duration_us = None if item.info is None else item.info.duration_us
        position_us = max(position_us, 0) if duration_us is None else min(max(position_us, 0), duration_us)
        self.performance.seek(item, position_us)
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
            self.performance.set_state(PlaybackState.PAUSED)
        self._changed()

    def follow_anew(self) -> None:
        """Take note that something else may follow what is heard."""
        self.performance.follow_anew()
        self._changed()

    async def seek_by(self, offset_us: int) -> None:
        """Go on later or earlier than what is heard now, within the medium. Raises as `seek` does."""
        await self.seek(self.position_us + offset_us)

    def choose_channels_anew(self) -> None:
        """Have what plays say anew which channel each member hears; who hears the same notices nothing."""
        self.performance.choose_anew()

    async def close(self) -> None:
        """End what plays, for good."""
        self._is_closed = True
        await self.stop()

    # What it does of itself

    def _soon(self, act: Callable[[], Awaitable[None]], errand: Appointment) -> None:
        """Have something done as soon as can be, unless something is asked for meanwhile."""
        number = self._request_number

        async def act_unless_asked() -> None:
            if number == self._request_number:
                await act()

        errand.make(self._clock.now(), act_unless_asked)

    async def _play_again(self) -> None:
        """Play what the queue is at, from where it was; if that cannot be, it is paused there."""
        with suppress(ResonateError):
            await self.play_from(self._program.queue, position_us=self.position_us)

    async def _interject_soon(self, requests: Sequence[MediaRequest]) -> None:
        """Let media be heard in between, from the first that can be opened on."""
        for index, request in enumerate(requests):
            with suppress(ResonateError):
                await self.interject(await self.open_interjection(request), requests[index + 1 :])
                return
