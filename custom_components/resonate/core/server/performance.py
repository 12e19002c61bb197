"""What a group plays at present: one playing after another, and what they tell of what is heard."""

from collections.abc import Callable, Mapping, Sequence

from ..clock import Clock
from ..errors import MediaError
from ..events import MediumState
from ..media.request import MediaRequest
from ..step import Halted, TrackEnded, TrackEvent, TrackStarted, TrackStarved, TrackTagged
from ..stream.policy import SendPolicy
from ..stream.work import Work
from ..units import ClientId, ServerTimeUs
from .audience import mix_rate_for
from .company import Company
from .herald import Herald
from .interjections import Interjections, what_goes_on
from .item import Item
from .playback import Playback
from .program import Program
from .restarts import Restarts
from .runner import Runner
from .snapshot import Interrupted, PlaybackState
from .standing import Standing


class Performance:
    """Plays to a company what it is given, and what the program says follows. On the loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        render: Runner,
        media: Runner,
        policy: SendPolicy,
        standing: Standing,
        company: Company,
        herald: Herald,
        program: Program,
        interjections: Interjections,
        fell_idle: Callable[[], None],
        leave: Callable[[], None],
        play_again: Callable[[], None],
        interject: Callable[[Sequence[MediaRequest]], None],
    ) -> None:
        """Play nothing. What is given is shared with the group; `fell_idle` is called at the end of all.

        `leave` has what is heard be left for what comes behind it, `play_again` what the program is at be opened and
        played, `interject` other media be heard in between; all soon, and not at once.
        """
        self._clock = clock
        self._render = render
        self._media = media
        self._policy = policy
        self._standing = standing
        self._company = company
        self._herald = herald
        self._program = program
        self._interjections = interjections
        self._fell_idle = fell_idle
        self._leave = leave
        self._play_again = play_again
        self._interject = interject
        self._playback: Playback | None = None
        self._restarts = Restarts()
        self._work_done = Work()

    # How much it is

    @property
    def is_on(self) -> bool:
        """Whether there is a playing, heard or halted."""
        return self._playback is not None

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

    # What it is told

    def begin(self, item: Item, *, position_us: int, start_at: ServerTimeUs | None) -> None:
        """Let an open medium take the place of what plays, if anything does."""
        if self._playback is None:
            self._restarts = Restarts()
            self._playback = self._make_playback(mix_rate_for(item.sample_rate, self._company.members.values()))
        self._playback.play(item, start_at=start_at, position_us=position_us)
        self._company.displays.prepare(item)
        if self._standing.state != PlaybackState.PLAYING:
            self._standing.move_to(item, position_us)
            self.set_state(PlaybackState.BUFFERING)
        self._company.changed()

    def halt(self) -> None:
        """Let nothing more be heard; `go_on` does so at the first frame that was not."""
        if self._playback is not None:
            self._playback.halt()
            self._standing.hold()
            self.set_state(PlaybackState.PAUSED)

    def go_on(self) -> None:
        """Be heard again."""
        if self._playback is not None:
            self._playback.resume()
            self.set_state(PlaybackState.BUFFERING)

    def seek(self, item: Item, position_us: int) -> None:
        """Go on elsewhere in a medium that plays. Raises CommandRefusedError where it cannot be sought."""
        if self._playback is not None:
            self._playback.seek(item, position_us)

    def follow_anew(self) -> None:
        """Take note that something else may follow what is heard."""
        if self._playback is not None:
            self._playback.follow_anew()

    def choose_anew(self) -> None:
        """Have what plays say anew which channel each member hears."""
        if self._playback is not None:
            self._playback.choose_anew()

    async def close(self, state: PlaybackState) -> None:
        """Have nothing more be heard from here on, and be that; returns when every medium is let go of."""
        playback, self._playback = self._playback, None
        self._company.end_streams()
        self.set_state(state)
        if playback is not None:
            await playback.close()
            self._work_done += playback.last.work

    async def fall_back(self) -> None:
        """Let nothing more be heard in between, and be paused where that interrupted something; else idle."""
        self._interjections.catch_up(self._standing, self._clock.now())
        interrupted = self._interjections.interrupted
        self._interjections.end()
        if interrupted is not None:
            await self.close(self._stand_at(interrupted))

    def set_state(self, state: PlaybackState) -> None:
        """Be that from now on, and have everybody told."""
        was_idle, self._standing.state = self._standing.is_idle, state
        self._company.inform()
        if self._standing.is_idle and not was_idle:
            self._fell_idle()

    # What the playback tells

    def _report(self, item: Item, event: TrackEvent) -> None:
        match event:
            case TrackStarted() if item.error is not None and not item.main.has_given:
                pass  # there is nothing of it to be heard
            case TrackStarted():
                self._turn_to(item, event.at)
                if not self._program.started(item) and not self._program.is_awaiting:
                    self._leave()
                self._standing.move_to(item, event.position_us, event.at)
                if not item.was_heard and item.error is None:
                    self._herald.medium(item, MediumState.STARTED, event.at)
                item.was_heard = True
                # Made before it was told to pause, it says nothing of what is heard now.
                self.set_state(PlaybackState.PAUSED if self._standing.is_paused else PlaybackState.PLAYING)
            case TrackEnded():
                if item.was_heard and item.error is None and not self._interjections.holds(item):
                    self._herald.medium(item, MediumState.ENDED, event.at)
            case TrackStarved():
                self._herald.starved(item, event)
                if item is self._standing.item:
                    self._standing.move_to(item, event.position_us, ServerTimeUs(event.at + event.length_us))
                    self._company.tell_progress()
            case TrackTagged():
                if item.tag(event.tags):
                    self._tell_metadata(item, event.at)
            case Halted():
                self._standing.move_to(item, event.position_us, event.at)
                self.set_state(self._standing.state)

    def _turn_to(self, item: Item, at: ServerTimeUs) -> None:
        """Take note of what begins to be heard, be it in between or what that interrupted."""
        if item.entry_id is None:
            if self._interjections.started(item, self._standing, at):
                self.follow_anew()
        elif left := self._interjections.end():
            self._interject(left)

    def _tell_metadata(self, item: Item, at: ServerTimeUs) -> None:
        self._herald.metadata(item, at)
        self._company.tell_progress()

    def _following(self, item: Item) -> Item | None:
        between = item.entry_id is None
        following = (
            self._interjections.following(item, self._program.queue) if between else self._program.following(item)
        )
        if following is not None:
            self._company.displays.prepare(following)  # nothing is done before it is open
        return following

    def _failed(self, item: Item, error: MediaError) -> None:
        self._program.failed(item)
        self._herald.failed(item, error)

    def _finished(self, playback: Playback) -> None:
        self._playback = None
        self._work_done += playback.last.work
        self._company.end_streams()  # it may have ended by an error
        if playback.error is not None and self._take_up(playback, playback.error):
            return
        if (interrupted := self._interjections.interrupted) is not None:
            self._interjections.end()
            self._go_back(interrupted)
            return
        self._standing.item = None
        self._program.ended()
        client_ids = tuple(self._company.members)
        self.set_state(PlaybackState.IDLE)
        self._herald.ended(client_ids)

    def _go_back(self, interrupted: Interrupted) -> None:
        """Be again as before what was in between."""
        state = self._stand_at(interrupted)
        if state == PlaybackState.IDLE:
            self.set_state(state)
        elif interrupted.is_to_play:  # it could not follow in time
            self.set_state(PlaybackState.BUFFERING)
            self._play_again()
        else:
            self.set_state(PlaybackState.PAUSED)

    def _stand_at(self, interrupted: Interrupted) -> PlaybackState:
        """Take note of where it goes on behind what was in between; return what it is as long as it does not play."""
        item = what_goes_on(interrupted, self._program.queue)
        if item is None:
            self._standing.item = None
            return PlaybackState.IDLE
        self._standing.move_to(item, item.request.start_us)
        return PlaybackState.PAUSED

    def _take_up(self, broken: Playback, error: Exception) -> bool:
        """Go on with what a playing that broke has left, where it was being heard; return whether that is done."""
        now = self._clock.now()
        rest = broken.hand_over() if self._restarts.allow(now) else None
        goes_on = rest is not None
        self._herald.broke(error, goes_on=goes_on)
        if rest is None:
            return False
        self._standing.move_to(rest.item, self._standing.position_us if rest.position_us is None else rest.position_us)
        self._playback = self._make_playback(broken.mix_rate)
        self._playback.play(rest.item, start_at=rest.start_at, position_us=self._standing.noted_position_us)
        if self._standing.is_paused:
            self._playback.halt()
        else:
            self.set_state(PlaybackState.BUFFERING)
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
            deliver=mine(self._company.deliver),
            report=mine(self._report),
            following=self._following,
            failed=mine(self._failed),
            load_changed=mine(self._herald.load),
            finished=mine(self._finished),
        )
        self._playback = playback
        self._company.audience.play_to(playback)
        return playback
