"""Why a player is silent; for those who look for a fault, how it is being served; and what it has played."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceView, ResonateConfigEntry, ResonateCoordinator
from .core.server.statistics import ServerStatistics
from .core.units import US_PER_MS, ClientId
from .entity import ResonateEntity
from .figures import FigureCoordinator
from .format_texts import format_text
from .per_device import async_add_per_device, async_add_per_group
from .plays import Hearer, LastPlayed, Plays, device_hearer, group_hearer
from .silence import SilenceReason, silence_reason

PARALLEL_UPDATES = 0

SYNCHRONISED: Final = "synchronised"
OUT_OF_SYNC: Final = "out_of_sync"


def _codec(view: DeviceView) -> str | None:
    stream_format = None if view.client is None else view.client.stream_format
    return None if stream_format is None else format_text(stream_format)


def _sync_state(view: DeviceView) -> str | None:
    if view.client is None or view.client.is_out_of_sync:
        return None if view.client is None else OUT_OF_SYNC
    return None if view.client.stream_format is None else SYNCHRONISED  # nothing to be in step with


def _silence(view: DeviceView) -> str:
    return silence_reason(view.client, view.group, is_off=view.device.is_off)


def _buffer_ms(statistics: ServerStatistics, client_id: ClientId) -> int | None:
    held_us = statistics.held_us.get(client_id)
    return None if held_us is None else round(held_us / US_PER_MS)


def _lead_ms(statistics: ServerStatistics, client_id: ClientId) -> int | None:
    return statistics.lead_ms.get(client_id)


@dataclass(frozen=True, kw_only=True)
class ViewSensorDescription(SensorEntityDescription):
    """A sensor of what the coordinator shows."""

    value: Callable[[DeviceView], str | None]
    is_always_available: bool = False


@dataclass(frozen=True, kw_only=True)
class FigureSensorDescription(SensorEntityDescription):
    """A sensor of a number that changes all the time."""

    value: Callable[[ServerStatistics, ClientId], int | None]


VIEW_SENSORS: Final = (
    ViewSensorDescription(
        key="silence_reason",
        translation_key="silence_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[str(reason) for reason in SilenceReason],
        value=_silence,
        is_always_available=True,  # that it is away is one of the reasons
    ),
    ViewSensorDescription(
        key="codec",
        translation_key="codec",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=_codec,
    ),
    ViewSensorDescription(
        key="sync_state",
        translation_key="sync_state",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        options=[SYNCHRONISED, OUT_OF_SYNC],
        value=_sync_state,
    ),
    ViewSensorDescription(
        key="address",
        translation_key="address",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda view: None if view.client is None else view.client.address,
    ),
)
FIGURE_SENSORS: Final = (
    FigureSensorDescription(
        key="buffer",
        translation_key="buffer",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        value=_buffer_ms,
    ),
    FigureSensorDescription(
        key="lead",
        translation_key="lead",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        value=_lead_ms,
    ),
)
PLAY_SENSORS: Final = (
    (
        Plays,
        SensorEntityDescription(
            key="plays",
            translation_key="plays",
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            state_class=SensorStateClass.TOTAL_INCREASING,
        ),
    ),
    (
        LastPlayed,
        SensorEntityDescription(
            key="last_played",
            translation_key="last_played",
            device_class=SensorDeviceClass.TIMESTAMP,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
        ),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: ResonateConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add those of each player, and of each named group."""
    coordinator = entry.runtime_data
    figures = FigureCoordinator(hass, entry)

    def make(device_id: str) -> Iterable[SensorEntity]:
        yield from (ViewSensor(coordinator, device_id, description) for description in VIEW_SENSORS)
        yield from (FigureSensor(coordinator, device_id, figures, description) for description in FIGURE_SENSORS)
        yield from make_play_sensors(device_hearer(coordinator, device_id))

    def make_play_sensors(hearer: Hearer) -> Iterable[SensorEntity]:
        return [kind(description, hearer) for kind, description in PLAY_SENSORS]

    async_add_per_device(entry, async_add_entities, make)
    async_add_per_group(
        entry, async_add_entities, lambda group_id: make_play_sensors(group_hearer(coordinator, group_id))
    )


class ViewSensor(ResonateEntity, SensorEntity):
    """Shows what the coordinator tells."""

    entity_description: ViewSensorDescription

    def __init__(self, coordinator: ResonateCoordinator, device_id: str, description: ViewSensorDescription) -> None:
        """`device_id` is our own."""
        self.entity_description = description
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-{description.key}"

    @property
    @override
    def available(self) -> bool:
        """Whether there is anything to say."""
        return self.entity_description.is_always_available or super().available

    @override
    def _update(self) -> None:
        self._attr_native_value = self.entity_description.value(self._view)


class FigureSensor(ResonateEntity, SensorEntity):
    """Shows a number that is asked for only while this is enabled."""

    entity_description: FigureSensorDescription

    def __init__(
        self,
        coordinator: ResonateCoordinator,
        device_id: str,
        figures: FigureCoordinator,
        description: FigureSensorDescription,
    ) -> None:
        """`device_id` is our own."""
        self.entity_description = description
        self._figures = figures
        super().__init__(coordinator, device_id)
        self._attr_unique_id = f"{device_id}-{description.key}"

    @override
    async def async_added_to_hass(self) -> None:
        """Have the numbers be asked for from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self._figures.async_add_listener(self._show))

    @callback
    def _show(self) -> None:
        self._attr_native_value = self.entity_description.value(self._figures.data, self._view.device.client_id)
        self.async_write_ha_state()
