"""The dialogue in which a named group is made or edited."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    TextSelector,
)
import voluptuous as vol

from .const import DOMAIN
from .named_groups import CONF_MEMBERS, SUBENTRY_TYPE

_OUR_PLAYERS: Final = EntityWithDeviceFilterSelectorConfig(integration=DOMAIN, domain=MEDIA_PLAYER_DOMAIN)


class GroupFlow(ConfigSubentryFlow):
    """Add and edit; the entry's update listener does what was asked for, and the music plays on."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Make a group."""
        if not self._players:
            return self.async_abort(reason="no_players")
        errors, placeholders = self._problems(user_input)
        if user_input is None or errors:
            return self._show("user", user_input or {}, errors, placeholders)
        return self.async_create_entry(title=user_input[CONF_NAME].strip(), data=self._data(user_input))

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Edit a group."""
        subentry = self._get_reconfigure_subentry()
        errors, placeholders = self._problems(user_input, own_id=subentry.subentry_id)
        if user_input is None or errors:
            entity_ids = {device_id: entity_id for entity_id, device_id in self._players.items()}
            members = [entity_ids[it] for it in subentry.data[CONF_MEMBERS] if it in entity_ids]
            shown = user_input or {CONF_NAME: subentry.title, CONF_MEMBERS: members}
            return self._show("reconfigure", shown, errors, placeholders)
        return self.async_update_and_abort(
            self._get_entry(), subentry, title=user_input[CONF_NAME].strip(), data=self._data(user_input)
        )

    @property
    def _players(self) -> Mapping[str, str]:
        """Our own device ids by the entity ids of the players."""
        entries = er.async_entries_for_config_entry(er.async_get(self.hass), self._entry_id)
        return {entry.entity_id: entry.unique_id for entry in entries if _is_player(entry)}

    def _show(
        self, step_id: str, shown: Mapping[str, Any], errors: dict[str, str], placeholders: dict[str, str]
    ) -> SubentryFlowResult:
        schema = vol.Schema(
            {
                vol.Required(CONF_NAME): TextSelector(),
                vol.Required(CONF_MEMBERS): EntitySelector(
                    EntitySelectorConfig(multiple=True, filter=_OUR_PLAYERS, exclude_entities=self._groups)
                ),
            }
        )
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders=placeholders,
        )

    @property
    def _groups(self) -> list[str]:
        """The entities of named groups: a group is no member of another."""
        entries = er.async_entries_for_config_entry(er.async_get(self.hass), self._entry_id)
        return [entry.entity_id for entry in entries if _is_group(entry)]

    def _problems(
        self, user_input: Mapping[str, Any] | None, *, own_id: str | None = None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return errors for fields, and what their texts need; `own_id` is the group that may have its name."""
        if user_input is None:
            return {}, {}
        errors = {}
        name = user_input[CONF_NAME].strip().casefold()
        others = [it for it in self._get_entry().subentries.values() if it.subentry_id != own_id]
        if not name:
            errors[CONF_NAME] = "no_name"
        elif name in {it.title.casefold() for it in others if it.subentry_type == SUBENTRY_TYPE}:
            errors[CONF_NAME] = "name_taken"
        strangers = [entity_id for entity_id in user_input[CONF_MEMBERS] if entity_id not in self._players]
        if strangers:
            errors[CONF_MEMBERS] = "not_our_player"
            return errors, {"entity": strangers[0]}
        if not user_input[CONF_MEMBERS]:
            errors[CONF_MEMBERS] = "no_members"
        return errors, {}

    def _data(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        players = self._players
        return {CONF_MEMBERS: list(dict.fromkeys(players[entity_id] for entity_id in user_input[CONF_MEMBERS]))}


def _is_player(entry: er.RegistryEntry) -> bool:
    return entry.domain == MEDIA_PLAYER_DOMAIN and entry.config_subentry_id is None


def _is_group(entry: er.RegistryEntry) -> bool:
    return entry.domain == MEDIA_PLAYER_DOMAIN and entry.config_subentry_id is not None
