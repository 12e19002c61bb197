"""Which clients and groups there are, and the picture of them that the outside sees."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
import logging
from typing import Final
from uuid import uuid4

from ..errors import CommandRefusedError, Refusal, UnknownTargetError
from ..events import ClientCommanded, ClientConnected, ClientLost, ClientSyncChanged, LossReason
from ..formats import StreamFormat
from ..protocol.messages.client_command import ControllerCommand
from ..protocol.messages.client_hello import ClientHello
from ..protocol.messages.server_hello import ConnectionReason
from ..units import ClientId, GroupId
from .client import Client
from .group import ResonateGroup
from .notices import Notices
from .rosters import Rosters
from .session import Session
from .snapshot import GroupSnapshot, ServerSnapshot
from .volumes import Volumes

_LOGGER = logging.getLogger(__name__)

MAX_CLIENTS: Final = 256
"""Known at a time; one more makes the one that is gone the longest be forgotten, or is turned away."""


class Registry:
    """Owns clients, groups and sessions (it is their `SessionOwner`). On the loop; what is awaited says so."""

    def __init__(
        self,
        *,
        make_group: Callable[[GroupId, str], ResonateGroup],
        notices: Notices,
        volumes: Volumes,
        client_lost: Callable[[ClientId, LossReason], None],
        welcome: Callable[[Client], None],
        commanded: Callable[[Client, ControllerCommand], None],
    ) -> None:
        """Know nobody. `client_lost` is told when a client is gone.

        `welcome` is called with a client that has just come, `commanded` with what a controller asks.
        """
        self.clients: dict[ClientId, Client] = {}
        self.groups: dict[GroupId, ResonateGroup] = {}
        self.sessions: set[Session] = set()
        """The live ones, with those that have not introduced themselves."""
        self._make_group = make_group
        self._notices = notices
        self._volumes = volumes
        self._client_lost = client_lost
        self._welcome = welcome
        self._commanded = commanded
        self._homes: dict[ClientId, ResonateGroup] = {}
        """The group that each client is in."""
        self._rosters = Rosters()
        self._expected: dict[ClientId, GroupId] = {}
        """Which group each client is in that has not come yet."""
        self._chosen_formats: dict[ClientId, StreamFormat] = {}
        """What owners wish their players to be sent, whether those are known or not."""
        self._tasks: set[asyncio.Task[None]] = set()

    def picture(self, port: int | None) -> ServerSnapshot:
        """Return how everything stands."""
        return ServerSnapshot(
            port=port,
            clients={key: client.snapshot(self._homes[key].group_id) for key, client in self.clients.items()},
            groups={group_id: self.picture_of(group) for group_id, group in self.groups.items()},
        )

    def picture_of(self, group: ResonateGroup) -> GroupSnapshot:
        """Return how a group stands."""
        excused = () if group.is_idle else self._rosters.excused(group.group_id)
        return group.snapshot(self._volumes.of(self.sounding(group)), excused)

    async def close(self) -> None:
        """Let go of the groups; the sessions must be over."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._rosters.clear()  # where somebody is, they stay: the next server is told
        for group in self.groups.values():
            await group.close()

    # Finding and moving

    def client(self, client_id: ClientId) -> Client:
        """Return a known client. Raises UnknownTargetError."""
        if (client := self.clients.get(client_id)) is None:
            raise UnknownTargetError(f"no client {client_id}")
        return client

    def live_session(self, client_id: ClientId) -> Session:
        """Return a client's session. Raises UnknownTargetError, or CommandRefusedError when it is not connected."""
        if (session := self.client(client_id).session) is None:
            raise CommandRefusedError(Refusal.NOT_CONNECTED)
        return session

    def group_of(self, target: ClientId | GroupId) -> ResonateGroup:
        """Return the group meant by a group's or a member's id. Raises UnknownTargetError."""
        if (group := self.groups.get(GroupId(target))) is not None:
            return group
        if (group := self._homes.get(ClientId(target))) is not None:
            return group
        raise UnknownTargetError(f"no client or group {target}")

    def create_group(self, name: str, group_id: GroupId | None = None) -> ResonateGroup:
        """Return a new group that stays when nobody is in it; the one of this id when there is one."""
        group = self._add_group(group_id or _new_group_id(), name)
        group.is_named = True
        return group

    def define_group(
        self, group_id: GroupId, name: str, client_ids: Collection[ClientId], excused: Collection[ClientId] = ()
    ) -> None:
        """Have a group for these clients, or change it; while it plays, who is added comes, who is dropped leaves.

        `excused` are those of a new one, or of those that are added, who stay elsewhere until it plays anew.
        """
        group = self.create_group(name, group_id)
        group.rename(name)
        dropped = self._rosters.define(group_id, client_ids, excused)
        self._notices.changed()
        if group.is_playing:
            self.rejoin(group)  # of one that is paused, when it goes on
        for client_id in () if group.is_idle else dropped:
            if self._homes.get(client_id) is group:
                self.move(self.clients[client_id], None)

    def remove_group(self, group_id: GroupId) -> None:
        """Drop a group that would stay; what it plays ends. Raises UnknownTargetError when there is no such group."""
        group = self.groups.get(group_id)
        if group is None or not group.is_named:
            raise UnknownTargetError(f"no named group {group_id}")
        self._rosters.drop(group_id)
        self._free(group)
        group.is_named = False
        self._drop_if_empty(group)

    def reached_by(self, target: ClientId | GroupId) -> Sequence[ResonateGroup]:
        """Return the groups that hear what is meant for a target and is to move nobody.

        Of a named group that has nobody at present: those in which the ones are that it would gather.
        """
        group = self.group_of(target)
        if group.members or group.group_id not in self._rosters:
            return [group]
        present = (self.clients.get(client_id) for client_id in self._rosters.members(group.group_id))
        return [self._homes[it.client_id] for it in present if it is not None and it.session is not None]

    def gather(self, group: ResonateGroup) -> None:
        """Bring all that a group is for and that are there, from wherever they are."""
        self._rosters.begin(group.group_id)
        self.rejoin(group)

    def rejoin(self, group: ResonateGroup) -> None:
        """Bring those that a group wants and that are elsewhere, but for who was taken out of it."""
        for client_id in self._rosters.wanted(group.group_id):
            client = self.clients.get(client_id)
            if client is not None and client.session is not None:
                self.move(client, group)

    def fell_idle(self, group: ResonateGroup) -> None:
        """Let everybody go whom a group with a roster holds: it does so only while it plays."""
        if group.group_id in self._rosters:
            self._free(group)

    def listeners(self, group: ResonateGroup, *, anew: bool) -> Collection[ClientId]:
        """Return all who are to hear what a group plays, there or not; `anew`: also who was taken elsewhere."""
        rosters = self._rosters
        return {*group.members, *(rosters.members if anew else rosters.wanted)(group.group_id)}

    def sounding(self, group: ResonateGroup) -> Collection[Client]:
        """Return whose volume a group's volume is: its members; while it is idle also those whom it would gather."""
        if not group.is_idle:
            return group.members.values()
        ids = dict.fromkeys((*group.members, *self._rosters.members(group.group_id)))
        return [self.clients[client_id] for client_id in ids if client_id in self.clients]

    def expect(self, homes: Mapping[ClientId, GroupId]) -> None:
        """Know which group each client is in that has not come yet, in place of what was said before."""
        self._expected = {key: group_id for key, group_id in homes.items() if key not in self.clients}

    def move(self, client: Client, group: ResonateGroup | None) -> ResonateGroup:
        """Put a client into another group, None: one of its own, and return that; others hear no difference."""
        before = self._homes[client.client_id]
        if group is before or (group is None and len(before.members) == 1 and not before.is_named):
            return before
        before.company.remove(client)
        client.group_before = None
        after = self._add_group(_new_group_id(), client.name) if group is None else group
        self._homes[client.client_id] = after
        after.company.add(client)
        self._rosters.moved(client.client_id, after.group_id)
        self._drop_if_empty(before)
        return after

    def choose_format(self, client_id: ClientId, stream_format: StreamFormat | None) -> None:
        """Have a client be sent this whenever it lists it, None: what it asks for; it need not be known."""
        if stream_format is None:
            self._chosen_formats.pop(client_id, None)
        else:
            self._chosen_formats[client_id] = stream_format
        if (client := self.clients.get(client_id)) is not None:
            client.chosen_format = stream_format
            self._homes[client_id].company.client_changed()

    def forget(self, client: Client) -> None:
        """Drop a client that is not connected. Raises CommandRefusedError when it is."""
        if client.session is not None:
            raise CommandRefusedError(Refusal.STILL_CONNECTED)
        del self.clients[client.client_id]
        group = self._homes.pop(client.client_id)
        group.company.remove(client)
        self._drop_if_empty(group)
        self._notices.changed()

    # What sessions tell

    def introduced(self, session: Session, hello: ClientHello) -> ConnectionReason:
        """Connect a session with its client, known or new."""
        client = self.clients.get(hello.client_id)
        if client is not None and client.session is not None and session.is_dialled:
            session.end(LossReason.REPLACED, "has a connection already")  # never by our own second dial
            return ConnectionReason.DISCOVERY
        if client is None:
            if not self._make_room():
                session.end(LossReason.PROTOCOL_ERROR, f"more than {MAX_CLIENTS} clients")
                return ConnectionReason.DISCOVERY
            client = self.clients[hello.client_id] = Client(hello.client_id)
            client.chosen_format = self._chosen_formats.get(hello.client_id)
            self._homes[hello.client_id] = self._first_home(hello)
        elif client.session is None and (wanting := self._wanting(client.client_id)) is not None:
            self.move(client, wanting)
        before, client.session = client.session, session
        if before is not None:
            before.end(LossReason.REPLACED, "another connection of the same client")
        else:
            _LOGGER.info("%s (%s) connected from %s", client.name, client.client_id, session.peer)
        is_to_play = session.is_wanted or self._homes[client.client_id].is_playing
        return ConnectionReason.PLAYBACK if is_to_play else ConnectionReason.DISCOVERY

    def joined(self, session: Session) -> None:
        """Let the client's group have it, or have it back."""
        client = self._client_of(session)
        if client is None:
            return
        group = self._homes[client.client_id]
        if client.client_id in group.members:
            group.company.session_replaced(client)
        else:
            group.company.add(client)
        self._welcome(client)
        if client.loss_reason is not None:
            client.loss_reason = None
            self._notices.emit(ClientConnected(client_id=client.client_id))
        self._notices.changed()

    def state_changed(self, session: Session) -> None:
        """Have the group act on it; who is used by something else steps aside (protocol.md 5)."""
        client = self._client_of(session)
        if client is None or session.state is None:
            return
        self._homes[client.client_id].company.client_changed()
        self._volumes.reported(session)
        was_available, client.was_available = client.was_available, session.state.is_available
        if was_available and not client.was_available:
            self._step_aside(client)
        was_out_of_sync, client.was_out_of_sync = client.was_out_of_sync, session.state.is_out_of_sync
        if was_out_of_sync != client.was_out_of_sync:
            news = ClientSyncChanged(client_id=client.client_id, is_out_of_sync=client.was_out_of_sync)
            self._notices.emit(news, behind_picture=True)
        self._notices.changed(can_wait=True)

    def stream_changed(self, session: Session) -> None:
        """Show what it is being sent now."""
        self._notices.changed(can_wait=True)

    def commanded(self, session: Session, command: ControllerCommand) -> None:
        """Tell it, and have it done, unless it comes from a connection before."""
        if (client := self._client_of(session)) is not None:
            self._notices.emit(ClientCommanded(client_id=client.client_id, action=command.action))
            self._commanded(client, command)

    def ended(self, session: Session) -> None:
        """Leave the client in its group, without a session."""
        self.sessions.discard(session)
        self._volumes.ended(session)
        client = self._client_of(session)
        if client is None or session.loss_reason is None:
            return
        client.session = None
        client.loss_reason = session.loss_reason
        # At the end, so that the first is the one that is gone the longest.
        self.clients[client.client_id] = self.clients.pop(client.client_id)
        if session.loss_reason != LossReason.SERVER_STOPPED:
            _LOGGER.info("%s (%s) lost: %s %s", client.name, client.client_id, session.loss_reason, session.detail)
        self._homes[client.client_id].company.session_replaced(client)
        self._notices.emit(ClientLost(client_id=client.client_id, reason=session.loss_reason, detail=session.detail))
        self._notices.changed()
        self._client_lost(client.client_id, session.loss_reason)

    # Parts

    def _client_of(self, session: Session) -> Client | None:
        """Return the client whose session this is, and not one before."""
        client = None if session.client_id is None else self.clients.get(session.client_id)
        return client if client is not None and client.session is session else None

    def _first_home(self, hello: ClientHello) -> ResonateGroup:
        """Return the group for a client that was never here."""
        expected = self._expected.pop(hello.client_id, None)
        if (wanting := self._wanting(hello.client_id)) is not None:
            return wanting
        if expected is None or (expected in self._rosters and self.groups[expected].is_idle):
            expected = _new_group_id()
        return self._add_group(expected, hello.name)

    def _wanting(self, client_id: ClientId) -> ResonateGroup | None:
        """Return the group that plays and is to take in a client as soon as it is there."""
        groups = (self.groups[group_id] for group_id in self._rosters.wanting(client_id))
        return next((group for group in groups if not group.is_idle), None)

    def _free(self, group: ResonateGroup) -> None:
        for client in tuple(group.members.values()):
            self.move(client, None)

    def _step_aside(self, client: Client) -> None:
        group = self._homes[client.client_id]
        if len(group.members) > 1:
            self.move(client, None)
            client.group_before = group.group_id
        elif group.is_playing:
            self._spawn(group.stop())

    def _add_group(self, group_id: GroupId, name: str) -> ResonateGroup:
        if group_id not in self.groups:
            self.groups[group_id] = self._make_group(group_id, name)
            self._notices.changed()
        return self.groups[group_id]

    def _drop_if_empty(self, group: ResonateGroup) -> None:
        if group.members:
            return
        if group.group_id in self._rosters and group.is_playing:
            self._spawn(group.stop())  # for nobody; paused it waits for whoever is to go on
        if not group.is_named:
            del self.groups[group.group_id]
            self._spawn(group.close())
            self._notices.changed()

    def _make_room(self) -> bool:
        if len(self.clients) < MAX_CLIENTS:
            return True
        gone = next((client for client in self.clients.values() if client.session is None), None)
        if gone is not None:
            self.forget(gone)
        return gone is not None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _new_group_id() -> GroupId:
    return GroupId(str(uuid4()))
