"""client/command, C>S: what a controller asks of its group (protocol.md 9.3, 18.7)."""

from dataclasses import dataclass
from typing import Final

from ...errors import RemoteProtocolError
from ...events import ControllerAction
from .envelope import JsonObject
from .fields import MAX_NUMBER, Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerCommand:
    """One command, with the parameter that its action needs and no other."""

    action: ControllerAction
    volume: int | None = None
    """0-100, of the group."""
    mute: bool | None = None
    position_ms: int | None = None
    """Absolute, from the medium's start."""
    offset_ms: int | None = None
    """Signed."""


_PARAMETERS: Final = {
    ControllerAction.VOLUME: "volume",
    ControllerAction.MUTE: "mute",
    ControllerAction.SEEK: "position_ms",
    ControllerAction.SEEK_RELATIVE: "offset_ms",
}


def parse_client_command(payload: JsonObject, notes: list[str]) -> ControllerCommand:
    """Return the command. Raises RemoteProtocolError when it is none, unknown, or lacks its parameter."""
    controller = Fields(payload, "client/command", notes).nested("controller")
    if controller is None:
        raise RemoteProtocolError("client/command for no role that we implement")
    action = controller.word("command", ControllerAction)
    if action is None:
        raise RemoteProtocolError("client/command without a command that we know")
    needed = _PARAMETERS.get(action)
    command = ControllerCommand(
        action=action,
        volume=controller.integer("volume", minimum=0, maximum=100) if needed == "volume" else None,
        mute=controller.boolean("mute") if needed == "mute" else None,
        position_ms=controller.integer("position_ms", minimum=0, maximum=MAX_NUMBER)
        if needed == "position_ms"
        else None,
        offset_ms=_offset(controller) if needed == "offset_ms" else None,
    )
    if needed is not None and getattr(command, needed) is None:
        raise RemoteProtocolError(f"client/command {action} without {needed}")
    return command


def _offset(controller: Fields) -> int | None:
    return controller.integer("offset_ms", minimum=-MAX_NUMBER, maximum=MAX_NUMBER)
