"""Set up by one click."""

from typing import Any, override

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN


class ProbeConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks for nothing."""

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Make the entry."""
        return self.async_create_entry(title="Probe", data={})
