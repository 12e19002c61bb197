"""What only the user can put right: the port that another program has taken."""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, ISSUE_PORT_TAKEN


@callback
def async_report_port(hass: HomeAssistant, entry_id: str, *, wanted: int, port: int | None) -> None:
    """Say that the server listens elsewhere than wanted, or that it no longer does."""
    if port == wanted:
        ir.async_delete_issue(hass, DOMAIN, ISSUE_PORT_TAKEN)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        ISSUE_PORT_TAKEN,
        data={"entry_id": entry_id, "port": port},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key="port_taken",
        translation_placeholders={"wanted": str(wanted), "port": str(port)},
    )


class PortRepairFlow(RepairsFlow):
    """Either the port is free again, or the one in use is as good."""

    def __init__(self, entry_id: str, port: int, placeholders: dict[str, str] | None) -> None:
        """`port` is the one in use."""
        self._entry_id = entry_id
        self._port = port
        self._placeholders = placeholders

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Let the user choose."""
        return self.async_show_menu(
            step_id="init", menu_options=["try_again", "keep"], description_placeholders=self._placeholders
        )

    async def async_step_try_again(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start the server again: if the port is still taken, the repair comes back."""
        self.hass.config_entries.async_schedule_reload(self._entry_id)
        return self.async_create_entry(data={})

    async def async_step_keep(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Want the port that is in use, from now on."""
        entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
        self.hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PORT: self._port})
        return self.async_create_entry(data={})


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that puts an issue right; the port is the only one there is."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert data is not None
    placeholders = None if issue is None else issue.translation_placeholders
    return PortRepairFlow(str(data["entry_id"]), int(data["port"] or 0), placeholders)
