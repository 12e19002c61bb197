"""What happens to a device, in the words of its event entity and of its triggers."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .const import SIGNAL_CORE_EVENT
from .core.events import (
    ClientCommanded,
    ClientConnected,
    ClientLost,
    ClientSyncChanged,
    ControllerAction,
    Event,
    LossReason,
)
from .core.units import ClientId


class HappeningType(StrEnum):
    """What can happen, besides that a button is pressed."""

    CONNECTED = "connected"
    LOST = "lost"
    OUT_OF_SYNC = "out_of_sync"
    BACK_IN_SYNC = "back_in_sync"


type HappeningKind = HappeningType | ControllerAction
"""What can happen, a controller's buttons among it."""

HAPPENING_TYPES: Final = [str(kind) for kind in (*HappeningType, *ControllerAction)]


class Happening(NamedTuple):
    """One of them."""

    client_id: ClientId
    kind: HappeningKind
    attributes: Mapping[str, str]


def happening_of(event: Event) -> Happening | None:
    """Return what a device's event entity says of an event of the core; None when that is nothing."""
    match event:
        case ClientConnected():
            return Happening(event.client_id, HappeningType.CONNECTED, {})
        case ClientLost() if event.reason is not LossReason.SERVER_STOPPED:  # by us
            return Happening(event.client_id, HappeningType.LOST, {"reason": event.reason})
        case ClientSyncChanged():
            kind = HappeningType.OUT_OF_SYNC if event.is_out_of_sync else HappeningType.BACK_IN_SYNC
            return Happening(event.client_id, kind, {})
        case ClientCommanded():
            return Happening(event.client_id, event.action, {})
        case _:
            return None


@callback
def async_listen(hass: HomeAssistant, listener: Callable[[Happening], None]) -> CALLBACK_TYPE:
    """Have `listener` called with all that happens to any device; the call that is returned ends that."""
    return async_dispatcher_connect(hass, SIGNAL_CORE_EVENT, partial(_hand_on, listener))


@callback
def _hand_on(listener: Callable[[Happening], None], event: Event) -> None:
    if (happening := happening_of(event)) is not None:
        listener(happening)
