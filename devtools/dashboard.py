"""A dashboard with the players, as a person would make one."""

from collections.abc import Sequence
from typing import Any, Final

from .api import Api

URL_PATH: Final = "resonate-players"  # must have a hyphen
TITLE: Final = "Music"


async def make_dashboard(api: Api, entity_ids: Sequence[str]) -> str:
    """Make the dashboard, or make it anew, and return its path."""
    [dashboards] = await api.command({"type": "lovelace/dashboards/list"})
    if all(dashboard["url_path"] != URL_PATH for dashboard in dashboards):
        await api.command(
            {
                "type": "lovelace/dashboards/create",
                "url_path": URL_PATH,
                "title": TITLE,
                "icon": "mdi:speaker-multiple",
                "show_in_sidebar": True,
                "require_admin": False,
            }
        )
    await api.command({"type": "lovelace/config/save", "url_path": URL_PATH, "config": layout(entity_ids)})
    return f"/{URL_PATH}/players"


def layout(entity_ids: Sequence[str]) -> dict[str, Any]:
    """Return a view with a section for each player: what it plays, and its volume."""
    sections = [
        {
            "type": "grid",
            "cards": [
                {"type": "media-control", "entity": entity_id},
                {
                    "type": "tile",
                    "entity": entity_id,
                    "icon": "mdi:speaker",
                    "features": [{"type": "media-player-volume-slider"}],
                    "grid_options": {"columns": "full"},
                },
            ],
        }
        for entity_id in entity_ids
    ]
    view = {"title": TITLE, "path": "players", "type": "sections", "max_columns": 2, "sections": sections}
    return {"title": TITLE, "views": [view]}
