"""The dialogues: set up, reconfigure, options."""

from collections.abc import Mapping
import errno
import socket
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import voluptuous as vol

from .const import CONF_ADDRESSES, CONF_PLAY_ON, CONF_POLICY, DOMAIN
from .coordinator import ResonateConfigEntry
from .core.server.settings import DEFAULT_PORT
from .core.stream.policy import SendPolicy
from .discovery import CLIENT_PORT, parse_address
from .group_flow import GroupFlow
from .named_groups import SUBENTRY_TYPE

RECONFIGURE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_PORT): vol.All(
            NumberSelector(NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)), vol.Coerce(int)
        ),
        vol.Optional(CONF_HOST): TextSelector(),
    }
)
OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_ADDRESSES): TextSelector(TextSelectorConfig(multiple=True)),
        vol.Required(CONF_POLICY): SelectSelector(
            SelectSelectorConfig(options=list(SendPolicy), translation_key=CONF_POLICY)
        ),
        vol.Required(CONF_PLAY_ON, default=False): BooleanSelector(),
    }
)


class ResonateConfigFlow(ConfigFlow, domain=DOMAIN):
    """Set up and reconfigure the one server there is."""

    VERSION = 1
    MINOR_VERSION = 1

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> ResonateOptionsFlow:
        """Return the options dialogue."""
        return ResonateOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Let the user make named groups."""
        return {SUBENTRY_TYPE: GroupFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to; there is nothing to type."""
        return await self._async_confirm("user", user_input)

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Offer the server because there is a player; a second player is no second offer."""
        await self.async_set_unique_id(DOMAIN)
        self._abort_if_unique_id_configured()
        name = discovery_info.properties.get("name") or discovery_info.name.removesuffix(f".{discovery_info.type}")
        self.context["title_placeholders"] = {"name": name}
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to."""
        return await self._async_confirm("zeroconf_confirm", user_input, self.context.get("title_placeholders"))

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change where the server listens; the entry's update listener does it."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            data = {key: value for key, value in user_input.items() if value != ""}
            errors = await self._async_errors(entry, data)
            if not errors:
                if not entry.update_listeners:  # it does not run, and may now
                    self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return self.async_update_and_abort(entry, data=data)
        suggested = user_input or {CONF_PORT: DEFAULT_PORT, **entry.data}
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(RECONFIGURE_SCHEMA, suggested),
            errors=errors,
        )

    async def _async_confirm(
        self, step_id: str, user_input: dict[str, Any] | None, placeholders: Mapping[str, str] | None = None
    ) -> ConfigFlowResult:
        await self.async_set_unique_id(DOMAIN, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        if user_input is None:
            return self.async_show_form(
                step_id=step_id, data_schema=vol.Schema({}), description_placeholders=placeholders
            )
        return self.async_create_entry(title="Resonate", data={})

    async def _async_errors(self, entry: ResonateConfigEntry, data: Mapping[str, Any]) -> dict[str, str]:
        """Try what was typed, unless it is what runs."""
        own_port = entry.runtime_data.data.port if entry.state is ConfigEntryState.LOADED else None
        return await self.hass.async_add_executor_job(_try_to_bind, data.get(CONF_HOST), data[CONF_PORT], own_port)


class ResonateOptionsFlow(OptionsFlow):
    """Change what can be changed while the music plays."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show all options at once."""
        errors: dict[str, str] = {}
        placeholders = {"port": str(CLIENT_PORT)}
        if user_input is not None:
            addresses = [text.strip() for text in user_input.get(CONF_ADDRESSES, ()) if text.strip()]
            bad = [text for text in addresses if not _is_address(text)]
            if not bad:
                return self.async_create_entry(data={**user_input, CONF_ADDRESSES: addresses})
            errors[CONF_ADDRESSES] = "invalid_address"
            placeholders["address"] = bad[0]
        suggested = user_input or {CONF_POLICY: SendPolicy.BALANCED, CONF_PLAY_ON: False, **self.config_entry.options}
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(OPTIONS_SCHEMA, suggested),
            errors=errors,
            description_placeholders=placeholders,
        )


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def _try_to_bind(host: str | None, port: int, own_port: int | None) -> dict[str, str]:
    """Return an error for what cannot be listened at; of the port that is ours already, only the address. Blocking."""
    family = socket.AF_INET6 if host and ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host or "", 0 if port == own_port else port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return {CONF_PORT: "port_in_use"}
            return {CONF_HOST: "address_unknown"}
    return {}
