"""A real Home Assistant in a folder of its own, with the integration of this repository; on loopback alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
import json
import os
from pathlib import Path
from typing import Final

import aiohttp

from .api import Api, ApiError, Json, until
from .children import ROOT, Child

DOMAIN: Final = "resonate"
HASS: Final = ROOT / ".venv" / "bin" / "hass"
_START_TIMEOUT_S: Final = 90.0
_SET_UP_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 30.0
_REQUEST_TIMEOUT_S: Final = 30.0

_CONFIGURATION: Final = """\
# Written anew at every start.
homeassistant:
  internal_url: {url}
  media_dirs:
    local: {media}
frontend:
config:
media_source:
system_health:
diagnostics:
"""
# What makes the voice assistant understand "play ... in the kitchen": worth its second where a person tries things.
_ASSIST: Final = """\
conversation:
assist_pipeline:
"""


class HomeAssistant:
    """A running one."""

    def __init__(self, child: Child, api: Api, folder: Path) -> None:
        """Made by `running`."""
        self.api = api
        self._child = child
        self._folder = folder

    @property
    def media(self) -> Path:
        """Where its local media are: media-source://media_source/local/NAME."""
        return media_folder(self._folder)

    async def version(self) -> str:
        """Return which one it is."""
        return str((await self.api.get("/api/config"))["version"])

    async def wait(self) -> int:
        """Return its exit status when somebody else has ended it."""
        return await self._child.wait()

    async def stop(self) -> int:
        """End it in order and return its exit status. Raises TimeoutError when it had to be killed."""
        return await self._child.stop(_STOP_TIMEOUT_S)

    async def kill(self) -> None:
        """End it without a chance to write anything."""
        await self._child.kill()

    def log(self) -> str:
        """Return its log."""
        return log_of(self._folder)

    # The integration

    async def set_up_integration(self, *, port: int) -> None:
        """Set up the integration by its dialogues, unless it is there; it then listens at `port`, on loopback."""
        entry_id = await self._entry_id()
        if entry_id is None:
            made = await self.api.flow({"handler": DOMAIN}, [{}])
            entry_id = str(made["result"]["entry_id"])
        typed = {"port": port, "host": "127.0.0.1"}
        done = await self.api.flow({"handler": DOMAIN, "entry_id": entry_id}, [typed])
        if done["reason"] != "reconfigure_successful":
            raise ApiError(f"the port could not be set: {done['reason']}")
        await until("the integration is set up", self._is_integration_loaded, _SET_UP_TIMEOUT_S)

    async def _is_integration_loaded(self) -> bool:
        entry = await self.entry()
        if entry["state"] in ("setup_error", "setup_retry", "migration_error"):
            raise ApiError(f"the integration could not be set up: {entry['reason'] or entry['state']}")
        return bool(entry["state"] == "loaded")

    async def entry(self) -> Json:
        """Return the integration's entry. Raises ApiError when it is not set up."""
        entries = await self._entries()
        if not entries:
            raise ApiError("the integration is not set up")
        return entries[0]

    async def _entry_id(self) -> str | None:
        return next((entry["entry_id"] for entry in await self._entries()), None)

    async def _entries(self) -> list[Json]:
        [entries] = await self.api.command({"type": "config_entries/get", "domain": DOMAIN})
        return list(entries)

    async def players(self) -> dict[str, str]:
        """Return the players' entity ids by the names of their devices."""
        entities, devices = await self.api.command(
            {"type": "config/entity_registry/list"}, {"type": "config/device_registry/list"}
        )
        names = {device["id"]: device["name"] for device in devices}
        return {
            names[entity["device_id"]]: entity["entity_id"]
            for entity in entities
            if entity["platform"] == DOMAIN and entity["entity_id"].startswith("media_player.")
        }


@asynccontextmanager
async def running(
    folder: Path, *, port: int, with_assist: bool = False, configuration: str = "", also: Sequence[Path] = ()
) -> AsyncIterator[HomeAssistant]:
    """Run one in `folder`, new or used before, at http://127.0.0.1:`port`; ends with the block.

    `configuration` is added to its YAML, custom_components in the folders `also` to its integrations.
    """
    url = f"http://127.0.0.1:{port}"
    _prepare(folder, url, port, configuration=(_ASSIST if with_assist else "") + configuration)
    command: list[str | Path] = [HASS, "-c", folder, "--skip-pip", "--log-file", folder / "home-assistant.log"]
    # With the repository on the path it finds custom_components there.
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *also)))}
    child = await Child.start("Home Assistant", command, output=folder / "output.txt", environment=environment)
    try:
        timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            api = Api(session, url)
            await until("Home Assistant answers", lambda: _answers(api, child), _START_TIMEOUT_S)
            await api.log_in()
            await until("Home Assistant runs", lambda: _runs(api), _START_TIMEOUT_S)
            yield HomeAssistant(child, api, folder)
    finally:
        await child.close(_STOP_TIMEOUT_S)


def log_of(folder: Path) -> str:
    """Return the log of the one that runs, or ran, in a folder."""
    with suppress(FileNotFoundError):
        return (folder / "home-assistant.log").read_text(errors="replace")
    return ""


def media_folder(folder: Path) -> Path:
    """Return where the media of the one in `folder` are."""
    return folder / "media"


async def _answers(api: Api, child: Child) -> bool:
    if child.status is not None:
        raise ApiError(f"Home Assistant ended with status {child.status}:\n{child.last_words()}")
    return await api.is_answering()


async def _runs(api: Api) -> bool:
    config = await api.get("/api/config")
    if config["recovery_mode"]:
        raise ApiError("Home Assistant does not accept its configuration and started in recovery mode")
    return bool(config["state"] == "RUNNING")


def _prepare(folder: Path, url: str, port: int, *, configuration: str) -> None:
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    media_folder(folder).mkdir(exist_ok=True)
    usual = _CONFIGURATION.format(url=url, media=json.dumps(str(media_folder(folder))))
    (folder / "configuration.yaml").write_text(usual + configuration)
    if not (storage / "onboarding").exists():
        # Only the owner is left to make; the steps that would fetch things from the internet are done.
        _store(storage, "onboarding", {"done": ["core_config", "analytics", "integration"]}, version=4)
    _store(storage, "http", _http(port), version=3)
    # It neither announces itself nor looks around: loopback is the only network it is given.
    _store(storage, "core.network", {"configured_adapters": ["lo", "lo0"]}, version=1)


def _store(storage: Path, key: str, data: Json, *, version: int) -> None:
    content = {"version": version, "minor_version": 1, "key": key, "data": data}
    (storage / key).write_text(json.dumps(content))


def _http(port: int) -> Json:
    """Return what the HTTP server is told; in YAML it would be a trial of five minutes."""
    stable = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {"stable": stable, "pending": None, "yaml_migration_done": True}
