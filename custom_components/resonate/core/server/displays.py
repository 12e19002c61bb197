"""The displays among the members of a group, and the picture of what it plays."""

from collections.abc import Callable, Mapping

from ..images import Picture
from ..units import ClientId
from .client import Client
from .item import Item
from .pictures import Artwork, Pictures


class Displays:
    """Has pictures looked for early, and shows each when its medium is heard. On the loop."""

    def __init__(
        self,
        members: Mapping[ClientId, Client],
        pictures: Pictures,
        *,
        heard: Callable[[], Item | None],
        changed: Callable[[], None],
    ) -> None:
        """`members` stay the group's to change; `heard` tells what is to be seen, `changed` that its picture came."""
        self._members = members
        self._pictures = pictures
        self._heard = heard
        self._changed = changed

    @property
    def picture(self) -> Picture | None:
        """What is to be seen; None without a picture, or while it is looked for."""
        artwork = self._artwork
        return None if artwork is None else artwork.picture

    def prepare(self, item: Item) -> None:
        """Have the picture of a medium looked for as soon as that is open."""
        item.look_for_artwork(self._pictures, self._found)

    def show(self, client: Client) -> None:
        """Have a member show what is to be seen."""
        if client.session is not None:
            client.session.show(self._artwork)

    @property
    def _artwork(self) -> Artwork | None:
        item = self._heard()
        return None if item is None else item.artwork

    def _found(self, artwork: Artwork) -> None:
        if artwork is self._artwork:
            for client in self._members.values():
                self.show(client)
            self._changed()
