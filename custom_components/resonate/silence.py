"""Why a player is not heard, in one word: the first thing that a person would have to put right."""

from enum import StrEnum
from typing import Final

from .core.events import LossReason
from .core.server.snapshot import ClientSnapshot, GroupSnapshot, PlaybackState


class SilenceReason(StrEnum):
    """What keeps a player from being heard, or that it is heard."""

    PLAYING = "playing"
    STARTING = "starting"
    """It is about to be heard."""
    READY = "ready"
    """Nothing plays, and nothing would keep it from being heard."""
    NOTHING_PLAYS = "nothing_plays"
    """The same in a group with others."""
    PAUSED = "paused"
    NOT_FOUND = "not_found"
    SWITCHED_OFF = "switched_off"
    RESTARTING = "restarting"
    OTHER_SERVER = "other_server"
    NOT_PAIRED = "not_paired"
    INCOMPATIBLE = "incompatible"
    SLOW_CONNECTION = "slow_connection"
    IN_USE = "in_use"
    """By something else than a server: a line in, Bluetooth."""
    NO_COMMON_FORMAT = "no_common_format"
    MUTED = "muted"
    VOLUME_ZERO = "volume_zero"
    OUT_OF_SYNC = "out_of_sync"


LOSS_TO_REASON: Final = {
    LossReason.ANOTHER_SERVER: SilenceReason.OTHER_SERVER,
    LossReason.CONCURRENT_ATTEMPT: SilenceReason.OTHER_SERVER,
    LossReason.RESTART: SilenceReason.RESTARTING,
    LossReason.SHUTDOWN: SilenceReason.SWITCHED_OFF,
    LossReason.USER_REQUEST: SilenceReason.SWITCHED_OFF,
    LossReason.UNAUTHORIZED: SilenceReason.NOT_PAIRED,
    LossReason.PAIRING_REQUIRED: SilenceReason.NOT_PAIRED,
    LossReason.UNPAIRED: SilenceReason.NOT_PAIRED,
    LossReason.PROTOCOL_ERROR: SilenceReason.INCOMPATIBLE,
    LossReason.TOO_SLOW: SilenceReason.SLOW_CONNECTION,
}
"""Any other loss, or none that is known of: it is not found."""


def silence_reason(
    client: ClientSnapshot | None, group: GroupSnapshot | None, *, is_off: bool = False
) -> SilenceReason:
    """Say why a player is not heard; None: not seen since the start, in no group. `is_off`: its owner turned it off.

    What would still keep it silent once something plays comes before that nothing does: ready means ready.
    """
    if client is None or not client.is_connected:
        loss = None if client is None else client.loss_reason
        return SilenceReason.NOT_FOUND if loss is None else LOSS_TO_REASON.get(loss, SilenceReason.NOT_FOUND)
    if is_off and (group is None or group.state in (PlaybackState.IDLE, PlaybackState.PAUSED)):
        return SilenceReason.SWITCHED_OFF
    if not client.is_available:
        return SilenceReason.IN_USE
    if client.format_problem is not None:
        return SilenceReason.NO_COMMON_FORMAT
    if client.is_muted:
        return SilenceReason.MUTED
    if client.volume == 0:
        return SilenceReason.VOLUME_ZERO
    return _by_playback(client, group)


def _by_playback(client: ClientSnapshot, group: GroupSnapshot | None) -> SilenceReason:
    if group is None or group.state is PlaybackState.IDLE:
        is_alone = group is None or len(group.members) <= 1
        return SilenceReason.READY if is_alone else SilenceReason.NOTHING_PLAYS
    if group.state is PlaybackState.PAUSED:
        return SilenceReason.PAUSED
    if client.is_out_of_sync:  # between playings it is in nobody's way
        return SilenceReason.OUT_OF_SYNC
    if group.state is PlaybackState.BUFFERING or client.stream_format is None:
        return SilenceReason.STARTING
    return SilenceReason.PLAYING
