"""What all entities of a device share."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, override

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import DeviceView, ResonateCoordinator
from .core.errors import (
    CommandRefusedError,
    FormatError,
    MediaDecodeError,
    MediaError,
    MediaOpenError,
    QueueFullError,
    Refusal,
    ResonateError,
    UnknownEntryError,
    UnknownTargetError,
    UnsupportedMediaError,
)

ERROR_TO_KEY: dict[type[ResonateError], str] = {
    MediaOpenError: "media_not_opened",
    UnsupportedMediaError: "media_not_supported",
    MediaDecodeError: "media_broken",
    MediaError: "media_broken",
    FormatError: "no_common_format",
    UnknownTargetError: "device_away",
    UnknownEntryError: "entry_unknown",
    QueueFullError: "queue_full",
    ResonateError: "command_failed",
}
"""The first class that fits counts."""


REFUSAL_TO_KEY: dict[Refusal, str] = {
    Refusal.NOTHING_TO_PLAY: "refused_nothing_to_play",
    Refusal.NOTHING_PLAYS: "refused_nothing_plays",
    Refusal.NOTHING_PAUSED: "refused_nothing_paused",
    Refusal.NO_NEXT: "refused_no_next",
    Refusal.NO_PREVIOUS: "refused_no_previous",
    Refusal.NOT_SEEKABLE: "refused_not_seekable",
    Refusal.NO_VOLUME: "refused_no_volume",
    Refusal.NO_MUTE: "refused_no_mute",
    Refusal.NO_OUTPUT_DELAY: "refused_no_output_delay",
    Refusal.NOT_CONNECTED: "refused_not_connected",
    Refusal.NOT_READY: "refused_not_ready",
    Refusal.STILL_CONNECTED: "refused_still_connected",
    Refusal.SERVER_STOPPED: "refused_server_stopped",
}


def translated[Entity, **P, R](
    command: Callable[Concatenate[Entity, P], Awaitable[R]],
) -> Callable[Concatenate[Entity, P], Coroutine[Any, Any, R]]:
    """Turn what the core raises in a command into what Home Assistant shows."""

    @wraps(command)
    async def run(entity: Entity, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await command(entity, *args, **kwargs)
        except CommandRefusedError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key=REFUSAL_TO_KEY[error.refusal]
            ) from error
        except ResonateError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=next(key for cls, key in ERROR_TO_KEY.items() if isinstance(error, cls)),
                translation_placeholders={"reason": str(error)},
            ) from error

    return run


class ResonateEntity(CoordinatorEntity[ResonateCoordinator]):
    """An entity of one device; reads the coordinator's picture and nothing else."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: ResonateCoordinator, device_id: str) -> None:
        """`device_id` is our own."""
        super().__init__(coordinator)
        self._device_id = device_id
        self._view: DeviceView = coordinator.data.devices[device_id]
        self._attr_unique_id = device_id
        self._attr_device_info = coordinator.device_info(self._view.device)
        self._update()

    @property
    @override
    def available(self) -> bool:
        """Whether the device is connected."""
        return self._view.is_connected

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        view = self.coordinator.data.devices.get(self._device_id)
        if view is None or view == self._view:  # forgotten, or the news are of others
            return
        self._view = view
        self._update()
        self.async_write_ha_state()

    def _update(self) -> None:
        """Take attributes from `self._view`."""
