"""The members of a group, and what they are told."""

from collections.abc import Callable, Mapping

from ..clock import Clock
from ..stream.chunk import PlayerOutput
from ..units import ClientId, GroupId
from .audience import Audience
from .client import Client
from .displays import Displays
from .pictures import Pictures
from .snapshot import PlaybackState
from .standing import Standing


class Company:
    """Who is in a group: each hears what plays as soon as it can, and is told what that is. On the loop."""

    def __init__(
        self,
        group_id: GroupId,
        name: str,
        standing: Standing,
        *,
        clock: Clock,
        pictures: Pictures,
        changed: Callable[[], None],
    ) -> None:
        """Begin with nobody. `standing` is the group's to change, `changed` called when its snapshot would be another.

        `pictures` looks for those of what plays.
        """
        self.name = name
        self._group_id = group_id
        self._standing = standing
        self.changed = changed
        self._members: dict[ClientId, Client] = {}
        self.audience = Audience(self._members, clock)
        self.displays = Displays(self._members, pictures, heard=lambda: standing.item, changed=changed)

    @property
    def members(self) -> Mapping[ClientId, Client]:
        """The clients, in the order of their coming."""
        return self._members

    # Who comes and goes

    def add(self, client: Client) -> None:
        """Take in a client; it hears what plays as soon as it can."""
        self._members[client.client_id] = client
        self._inform(client)
        self.audience.changed()
        self.changed()

    def remove(self, client: Client) -> None:
        """Let a client go; nobody else hears a difference."""
        del self._members[client.client_id]
        self.audience.leave(client.client_id)
        if client.session is not None:
            client.session.deliver(PlayerOutput(end=True))
        self.audience.changed()
        self.changed()

    def client_changed(self) -> None:
        """Take note that a member can hear now or no longer, wishes another format, or plays with another delay."""
        self.audience.changed()

    def session_replaced(self, client: Client) -> None:
        """Take note that a member lost its connection, or has a new one: nothing of what it was sent is there."""
        self.audience.drop(client.client_id)
        self._inform(client)
        self.audience.changed()
        self.changed()

    # What they are told

    def rename(self, name: str) -> None:
        """Have the group be called otherwise."""
        self.name = name
        self.inform()

    def inform(self) -> None:
        """Tell all what group they are in, whether it plays, and what."""
        for client in self._members.values():
            self._inform(client)
        self.changed()

    def tell_progress(self) -> None:
        """Tell all what plays and where in it that is, the state being the same."""
        for client in self._members.values():
            self._inform_of_medium(client)
        self.changed()

    def deliver(self, outputs: Mapping[ClientId, PlayerOutput]) -> None:
        """Have audio written to those it is for, and who are there."""
        for client_id, output in outputs.items():
            client = self._members.get(client_id)
            if client is not None and client.session is not None:
                client.session.deliver(output)

    def end_streams(self) -> None:
        """End every player's stream right now, before another playing can begin one."""
        self.deliver(dict.fromkeys(self.audience.end(), PlayerOutput(end=True)))

    def _inform(self, client: Client) -> None:
        if client.session is not None:
            client.session.group_update(playing=self._standing.is_playing, group_id=self._group_id, name=self.name)
            self._inform_of_medium(client)

    def _inform_of_medium(self, client: Client) -> None:
        if client.session is not None:
            standing = self._standing
            client.session.metadata(
                None if standing.item is None else standing.item.snapshot(),
                position_us=standing.told_position_us,
                playing=standing.state == PlaybackState.PLAYING,
            )
            self.displays.show(client)
