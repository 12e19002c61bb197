"""Home Assistant as a server of synchronised music: sets up and unloads the one entry."""

import logging
import sysconfig
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, UnsupportedStorageVersionError
from homeassistant.helpers import config_validation as cv, issue_registry as ir
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from .const import DOMAIN, ISSUE_PORT_TAKEN, PLATFORMS
from .coordinator import ResonateConfigEntry, ResonateCoordinator
from .core.audio.resample import Engine, available_engines, find_engines
from .core.errors import ResonateError
from .queue_news import async_watch_queues
from .reach import async_watch_reach
from .services import async_register_actions
from .storage import async_remove_stores
from .trouble import async_watch_trouble

_LOGGER = logging.getLogger(__name__)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
SOXR: Final = "soxr>=1.0.0"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer the actions; nothing else is set up without an entry."""
    async_register_actions(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Start the server and everything that shows it."""
    await _async_get_soxr(hass)
    coordinator = ResonateCoordinator(hass, entry)
    async_watch_queues(hass, entry, coordinator)  # first of all: queues that come back early are no news
    try:
        await coordinator.async_start()
    except UnsupportedStorageVersionError as error:
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="store_too_new") from error
    except OSError as error:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key="no_port", translation_placeholders={"reason": str(error)}
        ) from error
    entry.runtime_data = coordinator
    entry.async_on_unload(entry.add_update_listener(_async_entry_updated))
    async_watch_trouble(hass, entry)
    try:
        await async_watch_reach(hass, entry)
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException:
        await coordinator.async_stop()
        raise


async def async_unload_entry(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Stop everything."""
    # First of all: a player that came later would be added to a platform that is no more.
    await entry.runtime_data.async_stop()
    await hass.config_entries.async_unload_platforms_or_raise(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Remove what was stored."""
    await async_remove_stores(hass)
    ir.async_delete_issue(hass, DOMAIN, ISSUE_PORT_TAKEN)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ResonateConfigEntry, device_entry: DeviceEntry
) -> bool:
    """Let the user remove a device that is away; if it comes back, it is a new one."""
    if entry.state is not ConfigEntryState.LOADED:
        return False  # what is stored of it would bring it back
    if device_entry.config_subentry_id is not None:
        return False  # a named group: it goes with its subentry
    coordinator = entry.runtime_data
    for domain, device_id in device_entry.identifiers:
        view = coordinator.data.devices.get(device_id)
        if domain != DOMAIN or view is None:
            continue
        if view.is_connected:
            return False
        try:
            await coordinator.async_forget(device_id)
        except ResonateError:  # it came back this very moment
            return False
    return True


async def _async_entry_updated(hass: HomeAssistant, entry: ResonateConfigEntry) -> None:
    """Apply what was changed; only a change of port, address or policy takes a restart."""
    if not entry.runtime_data.apply_changes():
        hass.config_entries.async_schedule_reload(entry.entry_id)


async def _async_get_soxr(hass: HomeAssistant) -> None:
    """Have the better resampler installed where there is a build of it: none for musl, so not in the manifest."""
    if Engine.SOXR in available_engines() or "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        return
    try:
        await async_process_requirements(hass, DOMAIN, [SOXR], is_built_in=False)
    except RequirementsNotFound as error:
        _LOGGER.info("Resampling is done by FFmpeg, for soxr cannot be installed: %s", error)
        return
    await hass.async_add_import_executor_job(find_engines)
