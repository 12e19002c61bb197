"""Conditions that Home Assistant's own media player does not have."""

from typing import Final, override

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.components.media_player.const import MediaPlayerEntityStateAttribute as Attribute
from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import ATTR_BEHAVIOR, BEHAVIOR_ALL, BEHAVIOR_ANY, Condition, EntityConditionBase
import voluptuous as vol

from .players import our_players, view_of


class PlayerCondition(EntityConditionBase):
    """Holds for any or for all of our players that it is about."""

    _domain_specs = {MEDIA_PLAYER_DOMAIN: DomainSpec()}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return those that are ours."""
        return our_players(self._hass, entities)


class IsGrouped(PlayerCondition):
    """A player is in a group with others."""

    _domain_specs = {MEDIA_PLAYER_DOMAIN: DomainSpec(value_source=Attribute.GROUP_MEMBERS)}

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Whether it has company."""
        return len(entity_state.attributes.get(Attribute.GROUP_MEMBERS) or ()) > 1


class IsOutOfSync(PlayerCondition):
    """A player says that it is out of step. No state says so: it cannot be told for how long."""

    _schema = vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): {
                vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): vol.In([BEHAVIOR_ANY, BEHAVIOR_ALL])
            },
        }
    )

    @property
    @override
    def needs_polling(self) -> bool:
        """Its states do not change with it."""
        return True

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Whether it says so now."""
        view = view_of(self._hass, entity_state.entity_id)
        return view is not None and view.client is not None and view.client.is_out_of_sync


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_grouped": IsGrouped,
    "is_out_of_sync": IsOutOfSync,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return them by the second half of their names."""
    return CONDITIONS
