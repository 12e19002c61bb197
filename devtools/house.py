"""A Home Assistant to look at: the integration set up, two players in their rooms, music, and a dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import home_assistant, players
from .api import until
from .dashboard import make_dashboard
from .home_assistant import HomeAssistant
from .players import PARTS

_APPEAR_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """It, running."""

    home_assistant: HomeAssistant
    entity_ids: tuple[str, ...]
    """Of the players."""
    dashboard: str
    """The URL's path."""
    players_url: str
    """Where players connect to."""


@asynccontextmanager
async def inhabited(
    folder: Path, *, port: int, players_port: int, wav: Path | None = None, with_assist: bool = False
) -> AsyncIterator[House]:
    """Run it in `folder`, new or used before; ends with the block."""
    url = f"ws://127.0.0.1:{players_port}/sendspin"
    async with home_assistant.running(folder, port=port, with_assist=with_assist) as host:
        await host.set_up_integration(port=players_port)
        async with players.playing(url, folder, wav=wav):
            entity_ids = await until("the players appear", lambda: find_players(host), _APPEAR_TIMEOUT_S)
            yield House(
                home_assistant=host,
                entity_ids=tuple(entity_ids),
                dashboard=await make_dashboard(host.api, entity_ids),
                players_url=url,
            )


async def find_players(host: HomeAssistant) -> list[str] | None:
    """Return the entity ids of the players in the order of `PARTS`; None while one is missing."""
    found = await host.players()
    entity_ids = [found[part.name] for part in PARTS if part.name in found]
    states = [(await host.api.state(entity_id))["state"] for entity_id in entity_ids]
    return entity_ids if len(states) == len(PARTS) and "unavailable" not in states else None
