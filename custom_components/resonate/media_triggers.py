"""Triggers on what our media players play: another track, its end coming near, a position."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol, override

from homeassistant.components.media_player import MediaPlayerState
from homeassistant.components.media_player.const import MediaPlayerEntityStateAttribute as Attribute
from homeassistant.const import ATTR_ENTITY_ID, CONF_OPTIONS, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.target import TargetStateChangedData
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .moments import Moment, is_announcing, read_progress
from .player_triggers import PlayerTrigger

CONF_BEFORE: Final = "before"
CONF_POSITION: Final = "position"

type Fire = Callable[[State, Context | None], None]


class Watch(Protocol):
    """Follows the states of one player."""

    def update(self, state: State | None, context: Context | None, *, is_first: bool = False) -> None:
        """Take the latest state; `is_first`: the one that was there before anybody watched."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


class WatchTrigger(PlayerTrigger):
    """Fires when a watch says so, of which there is one for each player."""

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """`config` is valid."""
        super().__init__(hass, config)
        self._watches: dict[str, Watch] = {}
        self._run_action: TriggerActionRunner | None = None

    @abstractmethod
    def _make_watch(self, fire: Fire) -> Watch:
        """Return what calls `fire` with the state in which it is time."""

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run the action with the entity and its state."""
        self._run_action = run_action
        untrack = await self._async_track()

        @callback
        def detach() -> None:
            untrack()
            for watch in self._watches.values():
                watch.close()
            self._watches.clear()

        return detach

    @override
    @callback
    def _state_changed(self, change: TargetStateChangedData) -> None:
        event = change.state_change_event
        if (watch := self._watches.get(event.data["entity_id"])) is not None:
            watch.update(event.data["new_state"], event.context)

    @override
    @callback
    def _retarget(self, added: set[str], removed: set[str], states: Mapping[str, State | None]) -> None:
        super()._retarget(added, removed, states)
        for entity_id in removed:
            self._watches.pop(entity_id).close()
        for entity_id in added:
            watch = self._watches[entity_id] = self._make_watch(partial(self._fire, entity_id))
            watch.update(states[entity_id], None, is_first=True)

    @callback
    def _fire(self, entity_id: str, state: State, context: Context | None) -> None:
        assert self._run_action is not None
        payload: dict[str, Any] = {ATTR_ENTITY_ID: entity_id, "to_state": state, **self._options}
        self._run_action(payload, f"what {entity_id} plays", context)


class TrackWatch:
    """Tells of each track that is heard, once: after a pause it is the same."""

    def __init__(self, fire: Fire) -> None:
        """`fire` is called with the state in which a track is heard first."""
        self._fire = fire
        self._heard: tuple[object, ...] | None = None

    @callback
    def update(self, state: State | None, context: Context | None, *, is_first: bool = False) -> None:
        """Take the latest state."""
        if is_announcing(state):
            return  # afterwards it is the same track as before
        if state is None or state.state in (MediaPlayerState.IDLE, STATE_UNAVAILABLE, STATE_UNKNOWN):
            self._heard = None
            return
        keys = (Attribute.MEDIA_CONTENT_ID, Attribute.MEDIA_TITLE, Attribute.MEDIA_ARTIST)
        track = tuple(state.attributes.get(key) for key in keys)
        if state.state != MediaPlayerState.PLAYING or track == self._heard or not any(track):
            return
        self._heard = track
        if not is_first:
            self._fire(state, context)

    def close(self) -> None:
        """Nothing is under way."""


class MomentWatch:
    """Sets a timer for a moment of what plays, anew with every pause, seek and change."""

    def __init__(self, hass: HomeAssistant, moment: Moment, fire: Fire) -> None:
        """`fire` is called when the moment is heard."""
        self._hass = hass
        self._moment = moment
        self._fire = fire
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def update(self, state: State | None, context: Context | None, *, is_first: bool = False) -> None:
        """Take the latest state."""
        self.close()
        if is_announcing(state):
            return  # what it interrupts goes on later
        now = dt_util.utcnow()
        due_at = self._moment.due_at(read_progress(state), now, is_first=is_first)
        if due_at is None or state is None:
            return
        if due_at <= now:
            self._meet(state, context)
        else:
            self._cancel = async_track_point_in_utc_time(self._hass, partial(self._handle_time, state, context), due_at)

    @callback
    def close(self) -> None:
        """Wait no longer."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    @callback
    def _handle_time(self, state: State, context: Context | None, _: datetime) -> None:
        self._cancel = None
        self._meet(state, context)

    def _meet(self, state: State, context: Context | None) -> None:
        self._moment.met()
        self._fire(state, context)


class TrackChanged(WatchTrigger):
    """Another track is heard than before."""

    @override
    def _make_watch(self, fire: Fire) -> Watch:
        return TrackWatch(fire)


class TrackAboutToEnd(WatchTrigger):
    """So much of a track is left; a shorter one: it begins."""

    schema = ENTITY_STATE_TRIGGER_SCHEMA.extend(
        {vol.Required(CONF_OPTIONS): {vol.Required(CONF_BEFORE): cv.positive_time_period}}
    )

    @override
    def _make_watch(self, fire: Fire) -> Watch:
        before: timedelta = self._options[CONF_BEFORE]
        return MomentWatch(self._hass, Moment(before.total_seconds(), is_from_end=True), fire)


class PositionReached(WatchTrigger):
    """A position of a track is heard."""

    schema = ENTITY_STATE_TRIGGER_SCHEMA.extend(
        {vol.Required(CONF_OPTIONS): {vol.Required(CONF_POSITION): cv.positive_time_period}}
    )

    @override
    def _make_watch(self, fire: Fire) -> Watch:
        position: timedelta = self._options[CONF_POSITION]
        return MomentWatch(self._hass, Moment(position.total_seconds(), is_from_end=False), fire)
