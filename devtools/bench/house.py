"""Home Assistant itself: how late its event loop is while 16 players in 4 groups play."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from devtools import home_assistant
from devtools.api import until
from devtools.folders import free_port
from devtools.home_assistant import HomeAssistant
from devtools.proof import complaints_in
from tests.fakes.player import make_media

from . import processes
from .wire import Format

GROUPS: Final = 4
PLAYERS: Final = 16
_FORMATS: Final = (
    Format("flac"),
    Format("pcm"),
    Format("opus"),
    Format("pcm", 44_100),
)
_SECONDS: Final = 60.0
_SETTLE_S: Final = 5.0
_APPEAR_TIMEOUT_S: Final = 60.0
_PLAY_TIMEOUT_S: Final = 20.0
_PROBE: Final = Path(__file__).with_name("probe")


async def home(_times: int) -> dict[str, object]:
    """Measure the lag of Home Assistant's loop: players connected but idle, then playing, then idle again."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with home_assistant.running(
            folder, port=free_port(), configuration="loop_probe:\n", also=[_PROBE]
        ) as house:
            port = free_port()
            await house.set_up_integration(port=port)
            await asyncio.to_thread(make_media, house.media / "music.flac", _SECONDS + 60)
            async with processes.players(port, PLAYERS, _FORMATS) as players:
                entity_ids = await _find(house)
                await asyncio.sleep(_SETTLE_S)
                idle = await _lag(house)
                size = PLAYERS // GROUPS  # formats go round: each group has all of them
                groups = [entity_ids[at : at + size] for at in range(0, PLAYERS, size)]
                await asyncio.gather(*(_play(house, group) for group in groups))
                await until("all play", lambda: _are_all(house, entity_ids, "playing"), _PLAY_TIMEOUT_S)
                await asyncio.sleep(_SETTLE_S)
                players.tell("reset")
                playing = await _lag(house)
                report = await players.ask("report")
                await house.api.act("media_player.media_stop", entity_id=entity_ids)
                await asyncio.sleep(_SETTLE_S)
                after = await _lag(house)
            complaints = complaints_in(house.log())
    received = {key: report[key] for key in ("chunks", "late", "gaps", "lost")}
    return {"idle": idle, "playing": playing | received, "idle_again": after, "complaints": complaints}


async def _find(house: HomeAssistant) -> list[str]:
    async def found() -> list[str] | None:
        players = await house.players()
        return sorted(players.values()) if len(players) == PLAYERS else None

    entity_ids: list[str] = await until("all players appear", found, _APPEAR_TIMEOUT_S)
    return entity_ids


async def _play(house: HomeAssistant, entity_ids: list[str]) -> None:
    medium = {"media_content_id": "media-source://media_source/local/music.flac", "media_content_type": "audio/flac"}
    await house.api.act("media_player.play_media", entity_id=entity_ids, media=medium)


async def _are_all(house: HomeAssistant, entity_ids: list[str], wanted: str) -> bool:
    return all([(await house.api.state(entity_id))["state"] == wanted for entity_id in entity_ids])


async def _lag(house: HomeAssistant) -> dict[str, Any]:
    await house.api.ask("loop_probe.take")
    await asyncio.sleep(_SECONDS)
    answer: dict[str, Any] = await house.api.ask("loop_probe.take")
    return {key: round(value, 2) for key, value in answer.items()}
