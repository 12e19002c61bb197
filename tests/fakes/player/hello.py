"""What the player says of itself, in the words of its era."""

from typing import Any

from .config import Era, PlayerConfig

STATE_SYNCHRONIZED = "synchronized"
STATE_ERROR = "error"  # out of sync at the moment: keep streaming
STATE_EXTERNAL = "external_source"


def hello(config: PlayerConfig) -> dict[str, Any]:
    """Return the payload of client/hello."""
    device_info = {"product_name": "Software player", "manufacturer": "Resonate", "software_version": "1"}
    if config.mac_address is not None:
        device_info["mac_address"] = config.mac_address
    support = {
        "supported_formats": [entry.as_json() for entry in config.formats],
        "buffer_capacity": config.buffer_capacity,
        "supported_commands": list(config.commands),
    }
    payload = {
        "client_id": config.client_id,
        "name": config.name,
        "version": 1,
        "supported_roles": list(config.roles),
        "device_info": device_info,
        config.era.support_key: support,
    }
    if config.both_spellings:
        payload |= {era.support_key: support for era in (Era.A1, Era.A5)}
    return payload


def state(config: PlayerConfig, *, word: str | None = None, player: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a payload of client/state: the state word where this era puts it, and fields of the player object."""
    fields = dict(player or {})
    if word is not None and not config.era.has_timing:
        fields = {"state": word, **fields}
    payload: dict[str, Any] = {"player": fields} if fields else {}
    if word is not None and config.era.has_timing:
        payload["state"] = word
    return payload


def complete_player_state(config: PlayerConfig, volume: int, *, muted: bool, delay_ms: int) -> dict[str, Any]:
    """Return all fields of the player object that this era knows."""
    fields: dict[str, Any] = {"volume": volume, "muted": muted}
    if config.era.has_delay:
        fields |= {"static_delay_ms": delay_ms, "supported_commands": ["set_static_delay"]}
    if config.era.has_timing:
        fields |= {
            "required_lead_time_ms": config.required_lead_time_ms,
            "min_buffer_ms": config.min_buffer_ms,
        }
    return fields
