"""What a controller can ask of its group: when that works, and what it does (protocol.md 9.2, 9.3)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from ..events import ControllerAction as Action
from ..protocol.messages.client_command import ControllerCommand
from ..protocol.messages.server_state import Controller, RepeatMode
from ..queue import Repeat
from ..units import US_PER_MS
from .client import Client
from .group import ResonateGroup
from .registry import Registry
from .snapshot import GroupSnapshot, PlaybackState
from .switching import next_group
from .volumes import Volumes


class Hand(NamedTuple):
    """A controller's hand on its group."""

    client: Client
    group: ResonateGroup
    shown: GroupSnapshot
    registry: Registry
    volumes: Volumes
    resume: Callable[[], Awaitable[None]]
    """Goes on with what is paused, else with what was played last."""

    async def set_volume(self, volume: int | None) -> None:
        """Move the volume of the group, 0-100."""
        if volume is not None:
            self.volumes.set_group_volume(self.group.members.values(), volume)

    async def set_muted(self, muted: bool | None) -> None:
        """Mute the group or end that."""
        if muted is not None:
            self.volumes.set_group_muted(self.group.members.values(), muted)

    async def seek(self, position_ms: int | None) -> None:
        """Go on at a position of the medium; one that it does not have counts for nothing."""
        if position_ms is not None and position_ms <= (_seek_max_ms(self.shown) or 0):
            await self.group.seek(position_ms * US_PER_MS)

    async def seek_by(self, offset_ms: int | None) -> None:
        """Go on so much later, or earlier, than what is heard now, within the medium."""
        if offset_ms is not None:
            await self.group.seek_by(offset_ms * US_PER_MS)

    async def switch(self) -> None:
        """Move the client to the next group."""
        picture = self.registry.picture(None)
        group_id = next_group(self.client.client_id, picture, self.client.group_before)
        self.registry.move(self.client, None if group_id is None else self.registry.groups[group_id])

    async def repeat(self, repeat: Repeat) -> None:
        """Say what is repeated."""
        self.group.queue.set_repeat(repeat)

    async def shuffle(self, *, is_shuffled: bool) -> None:
        """Shuffle what is to come, or put it in order again."""
        self.group.queue.set_shuffle(is_shuffled=is_shuffled)


class Control(NamedTuple):
    """Something that can be asked for."""

    works: Callable[[GroupSnapshot], bool]
    """Whether it has a use at present: only then is it offered, and done."""
    act: Callable[[Hand, ControllerCommand], Awaitable[None]]


def controller_of(group: GroupSnapshot) -> Controller:
    """Return what controllers of a group are told."""
    return Controller(
        actions=frozenset(action for action, control in CONTROLS.items() if control.works(group)),
        volume=100 if group.volume is None else group.volume,
        is_muted=bool(group.is_muted),
        repeat=RepeatMode(group.queue.repeat.value),
        is_shuffled=group.queue.is_shuffled,
        seek_max_ms=_seek_max_ms(group),
    )


def _can_play(group: GroupSnapshot) -> bool:
    return group.state == PlaybackState.PAUSED or (group.state == PlaybackState.IDLE and bool(group.queue.entries))


def _is_playing(group: GroupSnapshot) -> bool:
    return group.state in (PlaybackState.PLAYING, PlaybackState.BUFFERING)


def _is_loaded(group: GroupSnapshot) -> bool:
    return group.state != PlaybackState.IDLE


def _has_previous(group: GroupSnapshot) -> bool:
    return group.queue.has_previous or _is_loaded(group)


def _has_queue(group: GroupSnapshot) -> bool:
    return bool(group.queue.entries)


def _is_seekable(group: GroupSnapshot) -> bool:
    return _seek_max_ms(group) is not None


def _seek_max_ms(group: GroupSnapshot) -> int | None:
    """Return the last position that can be gone to; None where there is no seeking."""
    medium = group.medium
    if medium is None or not medium.is_seekable or medium.duration_us is None:
        return None
    return medium.duration_us // US_PER_MS


CONTROLS: Final[Mapping[Action, Control]] = {
    Action.PLAY: Control(_can_play, lambda hand, _: hand.resume()),
    Action.PAUSE: Control(_is_playing, lambda hand, _: hand.group.pause()),
    Action.STOP: Control(_is_loaded, lambda hand, _: hand.group.stop()),
    Action.NEXT: Control(lambda group: group.queue.has_next, lambda hand, _: hand.group.queue.skip()),
    Action.PREVIOUS: Control(_has_previous, lambda hand, _: hand.group.queue.skip_back()),
    Action.REPEAT_OFF: Control(_has_queue, lambda hand, _: hand.repeat(Repeat.OFF)),
    Action.REPEAT_ONE: Control(_has_queue, lambda hand, _: hand.repeat(Repeat.ONE)),
    Action.REPEAT_ALL: Control(_has_queue, lambda hand, _: hand.repeat(Repeat.ALL)),
    Action.SHUFFLE: Control(_has_queue, lambda hand, _: hand.shuffle(is_shuffled=True)),
    Action.UNSHUFFLE: Control(_has_queue, lambda hand, _: hand.shuffle(is_shuffled=False)),
    Action.VOLUME: Control(lambda group: group.can_set_volume, lambda hand, command: hand.set_volume(command.volume)),
    Action.MUTE: Control(lambda group: group.can_mute, lambda hand, command: hand.set_muted(command.mute)),
    Action.SEEK: Control(_is_seekable, lambda hand, command: hand.seek(command.position_ms)),
    Action.SEEK_RELATIVE: Control(_is_seekable, lambda hand, command: hand.seek_by(command.offset_ms)),
    Action.SWITCH: Control(lambda _: True, lambda hand, _: hand.switch()),
}
"""All that is ever offered."""
