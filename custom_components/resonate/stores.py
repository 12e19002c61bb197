"""What all that is stored has in common: how it is written, and what becomes of a damaged file."""

from collections.abc import Callable
from datetime import datetime
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION: Final = 1
"""Another one is for what the releases before would not understand: they refuse to start then, and write nothing."""
STORAGE_MINOR_VERSION: Final = 1
"""Another one is read all the same: it may only add fields, which who does not know them passes over."""


class DamagedError(Exception):
    """What was read is JSON, but not what we once wrote."""


def make_store(hass: HomeAssistant, key: str, *, is_large: bool = False) -> Store[dict[str, Any]]:
    """Return the store of this name: readable by its owner only, and written as a whole or not at all.

    `is_large`: it takes long to be put into text, which is done off the loop then; its data must not change meanwhile.
    """
    return Store(
        hass,
        STORAGE_VERSION,
        key,
        private=True,
        atomic_writes=True,
        minor_version=STORAGE_MINOR_VERSION,
        serialize_in_event_loop=not is_large,
    )


async def async_read[T](hass: HomeAssistant, store: Store[dict[str, Any]], parse: Callable[[Any], T]) -> T | None:
    """Return what is stored, None when nothing is.

    What is not JSON is set aside and reported by Home Assistant itself; what is JSON and yet not ours, here.
    """
    try:
        data = await store.async_load()
        return None if data is None else await hass.async_add_executor_job(parse, data)
    except DamagedError, KeyError, TypeError, AttributeError:
        set_aside = await hass.async_add_executor_job(_set_aside, Path(store.path), dt_util.utcnow())
    _LOGGER.error("The store %s is damaged; it was kept as %s", store.key, set_aside)
    ir.async_create_issue(
        hass,
        DOMAIN,
        _damage_issue(store.key),
        is_fixable=False,
        is_persistent=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key="store_damaged",
        translation_placeholders={"path": str(set_aside)},
    )
    return None


async def async_remove(hass: HomeAssistant, key: str) -> None:
    """Remove a store, and what was said of it."""
    await make_store(hass, key).async_remove()
    ir.async_delete_issue(hass, DOMAIN, _damage_issue(key))


def text_of(data: Any, key: str) -> str:
    """Return a text that is not empty. Raises DamagedError, or KeyError where there is none."""
    if not isinstance(text := data[key], str) or not text:
        raise DamagedError
    return text


def _set_aside(path: Path, now: datetime) -> Path:
    return path.rename(path.with_name(f"{path.name}.damaged.{now:%Y%m%dT%H%M%S%f}"))


def _damage_issue(key: str) -> str:
    return f"store_damaged_{key}"
