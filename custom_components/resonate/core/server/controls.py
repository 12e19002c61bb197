"""Controllers: who is told how a group stands, and when; who may ask for what."""

import asyncio
from collections.abc import Awaitable, Callable
import logging

from ..errors import ResonateError
from ..events import ControllerAction
from ..protocol.messages.client_command import ControllerCommand
from ..protocol.messages.client_hello import Role
from ..protocol.messages.server_state import Controller
from ..units import ClientId, GroupId
from .client import Client
from .offers import CONTROLS, Hand, controller_of
from .registry import Registry
from .snapshot import ServerSnapshot
from .volumes import Volumes

_LOGGER = logging.getLogger(__name__)


class Controls:
    """Keeps controllers up to date, and does what they ask. On the loop."""

    def __init__(self, registry: Registry, volumes: Volumes, *, resume: Callable[[ClientId], Awaitable[None]]) -> None:
        """`resume` has a client's group go on, or play what it played last."""
        self._registry = registry
        self._volumes = volumes
        self._resume = resume
        self._beginning: set[GroupId] = set()
        """Groups in which a controller begins something at present: that takes as long as a medium takes to open."""
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, picture: ServerSnapshot) -> None:
        """Tell all controllers how their groups stand; a session repeats nothing."""
        told: dict[GroupId, Controller] = {}
        for client_id, shown in picture.clients.items():
            client = self._registry.clients.get(client_id)
            if client is not None and _is_controller(client):
                if shown.group_id not in told:
                    told[shown.group_id] = controller_of(picture.groups[shown.group_id])
                _tell(client, told[shown.group_id])

    def welcome(self, client: Client) -> None:
        """Tell a client that has just come, if it is a controller."""
        if _is_controller(client):
            group = self._registry.group_of(client.client_id)
            _tell(client, controller_of(self._registry.picture_of(group)))

    def commanded(self, client: Client, command: ControllerCommand) -> None:
        """Do what a controller asks, if that works at present; whatever goes wrong with it is for the log alone."""
        task = asyncio.get_running_loop().create_task(self._obey(client, command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what was begun."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _obey(self, client: Client, command: ControllerCommand) -> None:
        try:
            await self._act(client, command)
        except ResonateError as err:
            _LOGGER.debug("%s asked for %s: %s", client.name, command.action, err)
        except Exception:
            _LOGGER.exception("What %s asked for ended by an error of our own", client.name)

    async def _act(self, client: Client, command: ControllerCommand) -> None:
        group = self._registry.group_of(client.client_id)
        control, shown = CONTROLS.get(command.action), self._registry.picture_of(group)
        if control is None or not control.works(shown):
            return
        hand = Hand(client, group, shown, self._registry, self._volumes, lambda: self._resume(client.client_id))
        if command.action != ControllerAction.PLAY:
            await control.act(hand, command)
        elif group.group_id not in self._beginning:
            self._beginning.add(group.group_id)
            try:
                await control.act(hand, command)
            finally:
                self._beginning.discard(group.group_id)


def _is_controller(client: Client) -> bool:
    return client.session is not None and Role.CONTROLLER in client.session.active_roles


def _tell(client: Client, controller: Controller) -> None:
    if client.session is not None:
        client.session.controller(controller)
