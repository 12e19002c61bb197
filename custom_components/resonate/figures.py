"""Numbers that change all the time: asked for every ten seconds, as long as somebody wants to see them."""

from datetime import timedelta
import logging
from typing import Final, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN
from .coordinator import ResonateConfigEntry
from .core.errors import ResonateError
from .core.server.statistics import ServerStatistics

_LOGGER = logging.getLogger(__name__)

INTERVAL: Final = timedelta(seconds=10)


class FigureCoordinator(DataUpdateCoordinator[ServerStatistics]):
    """Asks the core for its counters while an entity listens; there is no timer otherwise."""

    config_entry: ResonateConfigEntry

    def __init__(self, hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
        """Ask nothing yet."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=f"{DOMAIN} figures", update_interval=INTERVAL)
        self.data = ServerStatistics()

    @override
    async def _async_update_data(self) -> ServerStatistics:
        try:
            return await self.config_entry.runtime_data.bridge.async_call(lambda server: server.statistics)
        except ResonateError as error:  # it stops
            raise UpdateFailed(str(error)) from error
