"""The server: what the outside sees of the core, and does to it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
import logging
from typing import Final

from ..clock import Clock
from ..errors import CommandRefusedError, Refusal
from ..events import Event, LossReason
from ..formats import StreamFormat
from ..images import Picture
from ..media.request import MediaRequest
from ..queue import Queue
from ..stream.work import Work
from ..units import US_PER_MS, ClientId, GroupId, ServerTimeUs
from ..volume import MAX_VOLUME
from .connector import Connector
from .controls import Controls
from .dialer import Dialer, Target
from .group import ResonateGroup
from .in_step import interject_together
from .listener import Listener
from .notices import Listener as Notice, Notices
from .pictures import Pictures
from .queue_controls import QueueControls
from .registry import Registry
from .runner import Runner
from .session import Session
from .settings import ServerSettings
from .snapshot import PlaybackState, ServerSnapshot
from .statistics import LoopLag, ServerStatistics
from .transport import Transport
from .volumes import VolumeLimits, Volumes

_LOGGER = logging.getLogger(__name__)

_GOODBYE_STEP_US: Final = 10 * US_PER_MS
_GOODBYE_US: Final = 500 * US_PER_MS
"""How long clients may take to answer that we close."""
_MAX_REFUSALS_LOGGED: Final = 64


class ResonateServer:
    """Listens, dials, and plays. Belongs to the loop that it is started on: all is called there, and nothing blocks."""

    def __init__(self, settings: ServerSettings, *, clock: Clock, render: Runner, media: Runner) -> None:
        """Take what it needs; `start` does the rest. The runners stay the caller's to close."""
        self._settings = settings
        self._clock = clock
        self._render = render
        self._media = media
        self._pictures = Pictures(media, clock)
        self._notices = Notices(lambda: self._registry.picture(self.port), clock)
        self._volumes = Volumes(clock, lambda: self._notices.changed(can_wait=True))
        self._registry = Registry(
            make_group=self._make_group,
            notices=self._notices,
            volumes=self._volumes,
            client_lost=lambda client_id, reason: self._dialer.client_lost(client_id, reason),
            welcome=lambda client: self._controls.welcome(client),
            commanded=lambda client, command: self._controls.commanded(client, command),
        )
        self._controls = Controls(self._registry, self._volumes, resume=self.resume)
        self._notices.subscribe(self._show)
        self._listener = Listener(clock, self._serve_accepted)
        self._connector: Connector | None = None
        self._dialer = Dialer(
            clock,
            connect=self._connect,
            serve=self._serve_dialled,
            is_connected=self._is_connected,
        )
        self._running: set[Session] = set()
        """Those whose connection is not closed yet, over or not."""
        self._is_closed = False
        self._refusals_logged: set[tuple[str, str]] = set()
        self._loop_lag = LoopLag(clock)

    async def start(self) -> None:
        """Listen. Raises OSError when no port can be had."""
        settings = self._settings
        await self._listener.start(settings.host, settings.port, allow_fallback=settings.allow_port_fallback)
        self._connector = Connector()
        self._notices.changed()

    async def close(self) -> None:
        """End every session and everything else; nothing is left then. Again: nothing happens."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop_lag.stop()
        for session in list(self._registry.sessions):
            session.end(LossReason.SERVER_STOPPED)
        give_up_at = self._clock.now() + _GOODBYE_US
        while self._running and self._clock.now() < give_up_at:
            await self._clock.sleep_until(ServerTimeUs(self._clock.now() + _GOODBYE_STEP_US))
        for session in self._running:
            session.abort()
        await self._dialer.close()
        await self._listener.close()
        if self._connector is not None:
            await self._connector.close()
        await self._controls.close()
        await self._registry.close()
        await self._pictures.close()
        self._notices.close()

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._listener.port

    @property
    def snapshot(self) -> ServerSnapshot:
        """How everything stands; the same object until something changes."""
        return self._notices.picture

    def subscribe(self, listener: Notice) -> Callable[[], None]:
        """Have `listener` called with every event and every new snapshot; the call that is returned ends that."""
        return self._notices.subscribe(listener)

    # Whom to dial

    def dial(self, key: str, urls: Sequence[str]) -> None:
        """Keep a connection to the client that is announced as `key`, at the first of these URLs that answers.

        Again with the same key: other URLs for the next attempt.
        """
        self._dialer.dial(key, urls)

    def undial(self, key: str) -> None:
        """Dial it no more; a live session stays."""
        self._dialer.undial(key)

    async def accept(self, transport: Transport) -> None:
        """Serve a client that came some other way than through the port; returns when it is gone."""
        await self._serve_accepted(transport, lambda: None)

    # Playing; `target` is a group, or a client for the group it is in. All raise UnknownTargetError.

    async def play(
        self,
        target: ClientId | GroupId,
        requests: Sequence[MediaRequest],
        *,
        keeps_queue: bool = False,
        start_at: ServerTimeUs | None = None,
        when_open: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Play media one after another in the place of the queue, or before the rest of it with `keeps_queue`.

        Returns when one is open; raises MediaError when none can be, FormatError when players are there and none of
        them can be played to, and QueueError for too many.

        `when_open` is awaited once it is open and before anything of it is sent: who is moved into the group then
        hears it from its beginning, and nobody is moved for what cannot be opened.
        """
        group = self._wake(target)

        async def gather() -> None:
            self._registry.gather(group)  # though it may play, and without some of them
            if when_open is not None:
                await when_open()

        await group.play(
            requests,
            keeps_queue=keeps_queue,
            start_at=start_at,
            when_open=gather if group.group_id == target else when_open,
        )

    async def interject(self, targets: Sequence[ClientId | GroupId], requests: Sequence[MediaRequest]) -> None:
        """Let groups hear media in between, at the same instant; then each is as it was before.

        Returns when they are about to be heard. Raises as `play` does when that is so for none of the groups.
        """
        for target in targets:
            self._wake(target)

        def reached() -> list[ResonateGroup]:
            return list(dict.fromkeys(group for target in targets for group in self._registry.reached_by(target)))

        await interject_together(reached, requests, clock=self._clock)

    async def pause(self, target: ClientId | GroupId, *, at: ServerTimeUs | None = None) -> None:
        """Let nothing more be heard until `resume`, from now on or from an instant on.

        Raises CommandRefusedError when nothing plays.
        """
        await self._registry.group_of(target).pause(at=at)

    async def resume(self, target: ClientId | GroupId) -> None:
        """Go on after `pause`, else play what was played last. Raises CommandRefusedError when there is nothing.

        A named group that all have left gathers them.
        """
        group = self._wake(target)
        if not (group.members or group.is_idle):
            self._registry.gather(group)
        elif not group.is_idle:
            self._registry.rejoin(group)
        await group.resume()

    async def hush(self, client_id: ClientId) -> GroupId:
        """Put a client into a group of its own, which is to be quiet; return that. Where it was they play on."""
        group = self._registry.move(self._registry.client(client_id), None)
        await group.hush()
        return group.group_id

    async def stop(self, target: ClientId | GroupId, *, at: ServerTimeUs | None = None) -> None:
        """End what plays, now or at an instant: what is asked for before that counts instead. The queue stays."""
        await self._registry.group_of(target).stop(at=at)

    async def seek(self, target: ClientId | GroupId, position_us: int) -> None:
        """Go on elsewhere in the medium. Raises CommandRefusedError where that is not possible."""
        await self._registry.group_of(target).seek(position_us)

    def queue(self, target: ClientId | GroupId) -> QueueControls:
        """Return what can be done to the queue of a group."""
        return self._registry.group_of(target).queue

    def restore(self, target: ClientId | GroupId, queue: Queue, *, position_us: int | None) -> bool:
        """Let a group that has none take over a queue, paused at a position; return whether it did."""
        return self._registry.group_of(target).restore(queue, position_us=position_us)

    def group_id_of(self, target: ClientId | GroupId) -> GroupId:
        """Return the group that is meant."""
        return self._registry.group_of(target).group_id

    async def reinstate(
        self, target: ClientId | GroupId, queue: Queue, *, position_us: int | None, is_playing: bool
    ) -> None:
        """Let a group take over a queue in place of what there is, and play or pause it. Raises as `play` does."""
        group = self._wake(target)
        if group.group_id == target and not group.is_idle:
            self._registry.gather(group)
        await group.reinstate(queue, position_us=position_us, is_playing=is_playing)

    async def transfer(self, source: ClientId | GroupId, target: ClientId | GroupId) -> None:
        """Let another group go on with what a group plays, or has paused, and with its queue; that one is empty then.

        Raises as `play` does, also for an empty queue; then all stays as it was.
        """
        group = self._registry.group_of(source)
        if group is self._registry.group_of(target):
            return
        shown = group.snapshot()
        if not shown.queue.entries:
            raise CommandRefusedError(Refusal.NOTHING_TO_PLAY)
        position_us = None if group.is_idle else group.position_us
        if (interrupted := shown.interrupted) is not None:
            position_us = None if interrupted.state == PlaybackState.IDLE else interrupted.position_us
        await self.reinstate(target, shown.queue, position_us=position_us, is_playing=shown.is_on)
        await group.queue.clear()

    async def picture(self, target: ClientId | GroupId) -> Picture | None:
        """Return the picture of what plays, which `MediumSnapshot.artwork_digest` stands for; None without one."""
        return self._registry.group_of(target).picture

    async def choose_channels_anew(self, target: ClientId | GroupId) -> None:
        """Have the MediaStream that plays say anew which of its channels each player hears."""
        self._registry.group_of(target).choose_channels_anew()

    # Single clients. All raise UnknownTargetError, and CommandRefusedError when the client cannot do that now.

    async def set_volume(self, client_id: ClientId, volume: int) -> None:
        """Set a player's volume, 0-100, its maximum at most; the snapshot shows it once the player confirms it."""
        self._volumes.set_volume(self._registry.live_session(client_id), volume)

    async def set_muted(self, client_id: ClientId, muted: bool) -> None:
        """Mute a player or end that."""
        self._volumes.set_muted(self._registry.live_session(client_id), muted)

    async def set_output_delay(self, client_id: ClientId, delay_ms: int) -> None:
        """Set how much a player plays before the timestamps, 0-5000 ms."""
        self._registry.live_session(client_id).set_output_delay(delay_ms)

    def set_limits(
        self, client_id: ClientId, *, max_volume: int | None = None, start_volume: int | None = None
    ) -> None:
        """Have a player never be louder than `max_volume`, and connect with `start_volume`; both 0-100, None: as it is.

        Kept for clients that are not known, too. One that is louder at present goes down.
        """
        limit = MAX_VOLUME if max_volume is None else max_volume
        self._volumes.set_limits(client_id, VolumeLimits(max_volume=limit, start_volume=start_volume))

    def choose_format(self, client_id: ClientId, stream_format: StreamFormat | None) -> None:
        """Have a player be sent this whenever it lists it, whatever it asks for; None: what it asks for, or prefers.

        Kept for clients that are not known, too. What plays goes on in it; the other players notice nothing.
        """
        self._registry.choose_format(client_id, stream_format)

    # The members of a group together. Both raise UnknownTargetError, and CommandRefusedError when none of them can.

    async def set_group_volume(self, target: ClientId | GroupId, volume: int) -> None:
        """Move the volume of a group to `volume`, 0-100; its members keep their differences (protocol.md 9.4).

        An idle named group has those for members that it would gather.
        """
        self._volumes.set_group_volume(self._registry.sounding(self._registry.group_of(target)), volume)

    async def set_group_muted(self, target: ClientId | GroupId, muted: bool) -> None:
        """Mute all members of a group that can be muted, or end that."""
        self._volumes.set_group_muted(self._registry.sounding(self._registry.group_of(target)), muted)

    # Groups

    def create_group(self, name: str, group_id: GroupId | None = None) -> GroupId:
        """Make a group that stays when nobody is in it."""
        return self._registry.create_group(name, group_id).group_id

    def define_group(
        self, group_id: GroupId, name: str, client_ids: Collection[ClientId], *, excused: Collection[ClientId] = ()
    ) -> None:
        """Have a group that stays, for these clients, known or not; again: change its name and whom it is for.

        Playing on it brings those that are there, and the others when they come; it keeps them until it is idle, and
        then each has a group of its own. Who was moved elsewhere meanwhile stays there; so does
        who is new to it and `excused`, until it plays anew.
        """
        self._registry.define_group(group_id, name, client_ids, excused)

    def audience(self, target: ClientId | GroupId) -> Sequence[ClientId]:
        """Return to whom a group plays; of an idle named group, those that are there and it would gather."""
        group = self._registry.group_of(target)
        clients = self._registry.sounding(group)
        return [it.client_id for it in clients if it.client_id in group.members or it.session is not None]

    def remove_group(self, group_id: GroupId) -> None:
        """Drop a group that would stay; what it plays ends, and each of its members has a group of its own."""
        self._registry.remove_group(group_id)

    def expect(self, homes: Mapping[ClientId, GroupId]) -> None:
        """Say which group each client is in that has not come yet; who comes otherwise has a group of its own."""
        self._registry.expect(homes)

    async def move(self, client_id: ClientId, group_id: GroupId | None) -> GroupId:
        """Put a client into a group, None: one of its own; return that."""
        client = self._registry.client(client_id)
        group = None if group_id is None else self._registry.group_of(group_id)
        return self._registry.move(client, group).group_id

    async def join(self, target: ClientId | GroupId, client_ids: Sequence[ClientId]) -> GroupId:
        """Put clients into the group of `target`, all of them or, if one is not known, none; return that."""
        group = self._registry.group_of(target)
        clients = [self._registry.client(client_id) for client_id in client_ids]
        for client in clients:
            self._registry.move(client, group)
        return group.group_id

    async def forget(self, client_id: ClientId) -> None:
        """Drop a client that is not connected."""
        self._registry.forget(self._registry.client(client_id))

    # Numbers

    @property
    def statistics(self) -> ServerStatistics:
        """Counters, as of now."""
        clients = self._registry.clients
        sessions = [client.session for client in clients.values() if client.session is not None]
        performances = {group_id: group.performance for group_id, group in self._registry.groups.items()}
        work = sum((performance.work for performance in performances.values()), Work())
        return ServerStatistics(
            encoded_chunk_count=work.encoded_chunks,
            resampled_block_count=work.resampled_blocks,
            held_bytes={client_id: held for it in performances.values() for client_id, held in it.held_bytes.items()},
            held_us={client_id: held for it in performances.values() for client_id, held in it.held_us.items()},
            lead_ms={client_id: client.lead_ms for client_id, client in clients.items() if client.is_player_ready},
            load={group_id: performance.load for group_id, performance in performances.items()},
            loop_lag_us=self._loop_lag.worst_us,
            queued_bytes={session.client_id: session.queued_bytes for session in sessions if session.client_id},
            dropped_chunk_count=sum(session.dropped_chunk_count for session in sessions),
        )

    def measure_loop_lag(self) -> None:
        """Have `statistics` tell how late the loop calls, from now on; costs ten calls a second."""
        self._loop_lag.start()

    # Parts

    def _wake(self, target: ClientId | GroupId) -> ResonateGroup:
        """Return a group that is to play, and have those of its members dialled that are not there."""
        group = self._registry.group_of(target)
        for client_id in self._registry.listeners(group, anew=group.is_idle or group.group_id == target):
            if not self._is_connected(client_id):
                self._dialer.want(client_id)
        return group

    def _show(self, what: Event | ServerSnapshot) -> None:
        if isinstance(what, ServerSnapshot):
            self._controls.show(what)

    # Sessions

    async def _connect(self, url: str) -> Transport:
        if self._connector is None:
            raise ConnectionError("not started")
        return await self._connector.connect(url)

    def _is_connected(self, client_id: ClientId) -> bool:
        client = self._registry.clients.get(client_id)
        return client is not None and client.session is not None

    async def _serve_accepted(self, transport: Transport, introduced: Callable[[], None]) -> None:
        await self._serve(self._make_session(transport, on_hello=lambda _: introduced()))

    async def _serve_dialled(self, transport: Transport, target: Target) -> LossReason:
        session = self._make_session(
            transport, on_hello=target.answered_by, is_dialled=True, is_wanted=target.is_wanted
        )
        await self._serve(session)
        return session.loss_reason or LossReason.CONNECTION_LOST

    async def _serve(self, session: Session) -> None:
        if self._is_closed:
            session.abort()
            return
        self._registry.sessions.add(session)
        self._running.add(session)
        try:
            await session.run()
        finally:
            self._running.discard(session)
            if session.client_id is None:
                self._log_refusal(session)

    def _log_refusal(self, session: Session) -> None:
        refusal = (session.peer, session.detail)
        if refusal not in self._refusals_logged and len(self._refusals_logged) < _MAX_REFUSALS_LOGGED:
            self._refusals_logged.add(refusal)
            _LOGGER.info("Turned away %s: %s", *refusal)

    def _make_session(
        self,
        transport: Transport,
        *,
        on_hello: Callable[[ClientId], None],
        is_dialled: bool = False,
        is_wanted: bool = False,
    ) -> Session:
        return Session(
            transport,
            clock=self._clock,
            server_id=self._settings.server_id,
            server_name=self._settings.name,
            owner=self._registry,
            on_hello=on_hello,
            is_dialled=is_dialled,
            is_wanted=is_wanted,
        )

    def _make_group(self, group_id: GroupId, name: str) -> ResonateGroup:
        return ResonateGroup(
            group_id,
            name,
            clock=self._clock,
            render=self._render,
            media=self._media,
            policy=self._settings.policy,
            changed=self._notices.changed,
            emit=self._notices.emit,
            pictures=self._pictures,
            starts=lambda group: self._registry.gather(group),
            fell_idle=lambda group: self._registry.fell_idle(group),
        )
