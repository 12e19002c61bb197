"""One group that every player hears, and what is done to it."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import assert_never

from core.errors import CommandRefusedError, MediaError, Refusal, ResonateError
from core.events import (
    ClientConnected,
    ClientLost,
    Event,
    MediumChanged,
    MediumState,
    MetadataChanged,
    PlaybackEnded,
    Underrun,
)
from core.queue import Repeat
from core.server.server import ResonateServer
from core.server.snapshot import ClientSnapshot, ServerSnapshot
from core.units import US_PER_MS, ClientId

from .commands import BadCommandError, Command, Join, Leave, Plain, Play, Seek, SetMuted, SetVolume, parse_command
from .media import make_request
from .voice import Fact, Tell
from .volume import spread_volume


class Service:
    """Moves players into its group, plays to them, does what it is told, and tells what happens. On the loop."""

    def __init__(
        self, server: ResonateServer, tell: Tell, *, media: Sequence[str], wait_clients: int, is_looping: bool
    ) -> None:
        """`media` begin once there are `wait_clients` players that can be played to."""
        self._server = server
        self._tell = tell
        self._media = tuple(media)
        self._wait_clients = wait_clients
        self._is_looping = is_looping
        self._group_id = server.create_group("script/serve")
        self._has_begun = not media
        self._away: set[ClientId] = set()
        """Players that were told to leave."""
        self._tasks: set[asyncio.Task[None]] = set()
        server.subscribe(self._notice)

    async def obey(self, line: str | bytes) -> None:
        """Do what a line asks for, and answer it."""
        try:
            await self._do(parse_command(line))
        except (BadCommandError, ResonateError) as err:
            self._tell({"event": "refused", "message": str(err)})
        else:
            self._tell({"event": "done"})

    # What is asked for

    async def _do(self, command: Command) -> None:
        match command:
            case Plain(word="pause"):
                await self._server.pause(self._group_id)
            case Plain(word="resume"):
                await self._server.resume(self._group_id)
            case Plain():
                await self._server.stop(self._group_id)
            case Play():
                await self._play(command.media)
                self._has_begun = True
            case Seek():
                await self._server.seek(self._group_id, command.position_ms * US_PER_MS)
            case SetVolume():
                await self._set_volume(command)
            case SetMuted():
                await self._set_muted(command)
            case Leave():
                await self._server.move(command.client_id, None)
                self._away.add(command.client_id)
            case Join():
                await self._server.move(command.client_id, self._group_id)
                self._away.discard(command.client_id)
            case _:
                assert_never(command)

    async def _play(self, media: Sequence[str]) -> None:
        """Play these, from the first that can be opened on. Raises MediaError when none can."""
        if self._is_looping:
            self._server.queue(self._group_id).set_repeat(Repeat.ALL)
        await self._server.play(self._group_id, [make_request(medium) for medium in media])

    async def _set_volume(self, command: SetVolume) -> None:
        if command.client_id is not None:
            await self._server.set_volume(command.client_id, command.volume)
            return
        volumes = {
            client.client_id: client.volume
            for client in self._members()
            if client.can_set_volume and client.volume is not None
        }
        if not volumes:
            raise CommandRefusedError(Refusal.NO_VOLUME)
        for client_id, volume in spread_volume(volumes, command.volume).items():
            if volume != volumes[client_id]:
                await self._server.set_volume(client_id, volume)

    async def _set_muted(self, command: SetMuted) -> None:
        if command.client_id is not None:
            await self._server.set_muted(command.client_id, command.muted)
            return
        clients = [client for client in self._members() if client.can_mute]
        if not clients:
            raise CommandRefusedError(Refusal.NO_MUTE)
        for client in clients:
            await self._server.set_muted(client.client_id, command.muted)

    def _members(self) -> list[ClientSnapshot]:
        """Return the players of the group that are there."""
        snapshot = self._server.snapshot
        members = (snapshot.clients[client_id] for client_id in snapshot.groups[self._group_id].members)
        return [client for client in members if client.is_connected and client.is_player]

    # What happens

    def _notice(self, news: Event | ServerSnapshot) -> None:
        match news:
            case ServerSnapshot():
                self._begin_if_due()
            case ClientConnected():
                self._tell(self._client_fact(news.client_id, "connected"))
                if news.client_id not in self._away:
                    self._spawn(self._take_in(news.client_id))
            case ClientLost():
                self._tell(self._client_fact(news.client_id, "lost") | {"reason": news.reason})
            case MediumChanged():
                self._tell(_item_fact(news))
            case MetadataChanged():
                names = {"title": news.title, "artist": news.artist, "album": news.album}
                self._tell({"event": "metadata", "media": news.media_id, **names})
            case Underrun():
                self._tell({"event": "underrun", "media": news.media_id, "length_ms": news.length_us / US_PER_MS})
            case PlaybackEnded():
                self._tell({"event": "end"})

    def _begin_if_due(self) -> None:
        if self._has_begun:
            return
        # What is known of its delay is what a player says in its first state: only then it can be played to.
        ready = [client for client in self._members() if client.is_available and client.output_delay_ms is not None]
        if len(ready) >= self._wait_clients:
            self._has_begun = True
            self._spawn(self._begin())

    async def _begin(self) -> None:
        try:
            await self._play(self._media)
        except MediaError:
            self._tell({"event": "end"})

    async def _take_in(self, client_id: ClientId) -> None:
        await self._server.move(client_id, self._group_id)

    def _client_fact(self, client_id: ClientId, state: str) -> dict[str, object]:
        client = self._server.snapshot.clients.get(client_id)
        name = client_id if client is None else client.name
        return {"event": "client", "client_id": client_id, "name": name, "state": state}

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _item_fact(news: MediumChanged) -> Fact:
    fact = {"event": "item", "media": news.media_id, "state": news.state}
    return fact | {"error": news.error, "message": news.message} if news.state == MediumState.FAILED else fact
