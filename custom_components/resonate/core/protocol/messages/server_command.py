"""server/command, S>C: what a player is told (protocol.md 8.2, 18.5)."""

from .client_hello import PlayerCommand
from .envelope import JsonObject, serialise


def volume_command(volume: int) -> str:
    """Return the command that sets a player's volume, 0-100."""
    return _player_command({"command": PlayerCommand.VOLUME.value, "volume": volume})


def mute_command(*, muted: bool) -> str:
    """Return the command that mutes a player or ends that."""
    return _player_command({"command": PlayerCommand.MUTE.value, "mute": muted})


def delay_command(spelling: PlayerCommand, delay_ms: int) -> str:
    """Return the command that sets a player's output delay, under the name that the client has for it."""
    return _player_command({"command": spelling.value, spelling.value.removeprefix("set_") + "_ms": delay_ms})


def _player_command(player: JsonObject) -> str:
    return serialise("server/command", {"player": player})
