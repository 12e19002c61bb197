"""Triggers on our media players: what they share, and those that the core's events bring about."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast, override

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import CALLBACK_TYPE, Event as HomeAssistantEvent, HomeAssistant, State, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.target import TargetStateChangedData, async_track_target_selector_state_change_event
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .const import EVENT_QUEUE_CHANGED, SIGNAL_CORE_EVENT
from .core.events import Event, PlaybackEnded
from .happenings import Happening, HappeningType, async_listen
from .players import our_players, own_id_of, view_of


class PlayerTrigger(Trigger):
    """Knows which of our players it is about, as areas, labels and registries change."""

    schema: ClassVar[vol.Schema] = ENTITY_STATE_TRIGGER_SCHEMA

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Return the configuration with its defaults. Raises vol.Invalid."""
        return cast(ConfigType, cls.schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """`config` is valid."""
        super().__init__(hass, config)
        assert config.target is not None
        self._target = config.target
        self._options: Mapping[str, Any] = config.options or {}
        self._players: dict[str, None] = {}
        """The entities that it is about at present."""

    async def _async_track(self) -> CALLBACK_TYPE:
        """Keep `_players` up to date, until the call that is returned is made."""
        return await async_track_target_selector_state_change_event(
            self._hass, self._target, self._state_changed, self._only_ours, self._retarget
        )

    async def _async_track_and(self, listen: Callable[[], CALLBACK_TYPE]) -> CALLBACK_TYPE:
        """Keep `_players` up to date, and listen; until the call that is returned is made."""
        untrack = await self._async_track()
        unlisten = listen()

        @callback
        def detach() -> None:
            unlisten()
            untrack()

        return detach

    def _only_ours(self, entity_ids: set[str]) -> set[str]:
        return our_players(self._hass, entity_ids)

    @callback
    def _state_changed(self, change: TargetStateChangedData) -> None:
        """Take note that the state of one of the players is another."""

    @callback
    def _retarget(self, added: set[str], removed: set[str], states: Mapping[str, State | None]) -> None:
        for entity_id in removed:
            self._players.pop(entity_id, None)
        self._players.update(dict.fromkeys(sorted(added)))


class HappeningTrigger(PlayerTrigger):
    """Fires when something happens to a player's device."""

    kind: ClassVar[HappeningType]

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with the entity, and what more there is to say."""

        @callback
        def handle(happening: Happening) -> None:
            if happening.kind is not self.kind:
                return
            for entity_id in list(self._players):
                view = view_of(self._hass, entity_id)
                if view is not None and view.device.client_id == happening.client_id:
                    run_action({ATTR_ENTITY_ID: entity_id, **happening.attributes}, f"{self.kind} of {entity_id}", None)

        return await self._async_track_and(lambda: async_listen(self._hass, handle))


class PlayerLost(HappeningTrigger):
    """A player's connection ended."""

    kind = HappeningType.LOST


class PlayerBack(HappeningTrigger):
    """A player is connected again."""

    kind = HappeningType.CONNECTED


class PlayerOutOfSync(HappeningTrigger):
    """A player says that it is out of step."""

    kind = HappeningType.OUT_OF_SYNC


class PlayerBackInSync(HappeningTrigger):
    """A player says that it is in step again."""

    kind = HappeningType.BACK_IN_SYNC


class QueueEnded(PlayerTrigger):
    """Everything was played to its end, and nobody stopped it; in a group, all its members heard that, and it did."""

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with each player that heard the end."""

        @callback
        def handle(event: Event) -> None:
            if not isinstance(event, PlaybackEnded):
                return
            for entity_id in list(self._players):
                view = view_of(self._hass, entity_id)
                heard_it = view is not None and view.device.client_id in event.client_ids
                if heard_it or own_id_of(self._hass, entity_id) == event.group_id:
                    run_action({ATTR_ENTITY_ID: entity_id}, f"end of what {entity_id} played", None)

        return await self._async_track_and(lambda: async_dispatcher_connect(self._hass, SIGNAL_CORE_EVENT, handle))


class QueueChanged(PlayerTrigger):
    """Another medium is in a player's queue, or in another place."""

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with each player whose queue it is, and what more the event says."""

        @callback
        def handle(event: HomeAssistantEvent) -> None:
            for entity_id in [it for it in self._players if it in event.data[ATTR_ENTITY_ID]]:
                run_action({**event.data, ATTR_ENTITY_ID: entity_id}, f"queue of {entity_id}", event.context)

        return await self._async_track_and(lambda: self._hass.bus.async_listen(EVENT_QUEUE_CHANGED, handle))
