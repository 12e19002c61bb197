"""A real Home Assistant with the integration, for tests that wait: whatever is asked here is done when it returns."""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
import json
from pathlib import Path
import shutil
import time
from typing import Any, Final

import aiohttp

from devtools import home_assistant
from devtools.api import ApiError, Json, until
from devtools.folders import free_port
from devtools.home_assistant import DOMAIN, HomeAssistant
from devtools.proof import complaints_in

from .background import Background
from .processes import ROOT

PROBE: Final = "e2e_probe"
VOICE: Final = "tts.probe_voice"
TIMEOUT_S: Final = 15.0
_EXPECTED = (
    "Error during service call to ",
    "Validation error",
    "] The medium ",
    "] There is no way to play ",
    "may not read ",
)
"""In the lines in which Home Assistant's WebSocket interface says of a refusal that it told it to whoever asked."""


class House:
    """One Home Assistant, which may be stopped and started again."""

    def __init__(self, folder: Path, background: Background, *, with_assist: bool = False) -> None:
        """Prepare; `start` runs it."""
        self.folder = folder
        self._with_assist = with_assist
        self.plays_on = False
        """Whether the option says so; chosen with the next options."""
        self.port = free_port()
        """Where players find it."""
        self.url = f"ws://127.0.0.1:{self.port}/sendspin"
        self.entry_id = ""
        self._background = background
        self._stack = AsyncExitStack()
        self._host: HomeAssistant | None = None
        self._seen_log = 0
        # A package and no namespace: else Home Assistant sees the repository's custom_components alone.
        components = folder / "custom_components"
        components.mkdir()
        (components / "__init__.py").touch()
        (components / DOMAIN).symlink_to(ROOT / "custom_components" / DOMAIN)
        shutil.copytree(Path(__file__).parent / "probe", components / PROBE)

    def start(self) -> None:
        """Have it run with the integration set up, listening, and no address to dial; as it may do already."""
        self._background.run(self._start())

    def stop(self) -> tuple[int, float]:
        """End it as a service manager does; return its exit status, and the seconds it took."""
        began = time.monotonic()
        status = self._background.run(self.host.stop())
        self._host = None
        self._background.run(self._stack.aclose())
        return status, time.monotonic() - began

    def kill(self) -> None:
        """End it as a power cut does."""
        self._background.run(self.host.kill())
        self._host = None
        self._background.run(self._stack.aclose())

    def close(self) -> None:
        """End it if it runs."""
        if self._host is not None:
            self.stop()

    @property
    def host(self) -> HomeAssistant:
        """It, running."""
        assert self._host is not None, "it was stopped"
        return self._host

    @property
    def media(self) -> Path:
        """Where its local media are."""
        return home_assistant.media_folder(self.folder)

    # What is done

    def act(self, action: str, **data: object) -> Json:
        """Call an action and return its response, if it is one of the probe's. Raises ApiError with the refusal."""
        return self.begin(action, **data).result()

    def ask(self, action: str, **data: object) -> Json:
        """Call an action that answers, and return its answer."""
        return self._background.run(self.host.api.ask(action, **data))

    def begin(self, action: str, **data: object) -> Future[Json]:
        """Call an action and let it take its time."""
        return self._background.begin(self._act(action, data))

    def play(self, entity_ids: str | Sequence[str], media_id: str) -> None:
        """Play a medium: an id, or the name of a file among the local media. Raises ApiError with the refusal."""
        self.begin_to_play(entity_ids, media_id).result()

    def begin_to_play(self, entity_ids: str | Sequence[str], media_id: str) -> Future[Json]:
        """Play a medium, and let it take its time to open."""
        is_name = not {"/", ":"} & set(media_id)
        media = {
            "media_content_id": f"media-source://media_source/local/{media_id}" if is_name else media_id,
            "media_content_type": "music",
        }
        return self.begin("media_player.play_media", entity_id=entity_ids, media=media)

    def refusal(self, entity_id: str, media_id: str) -> str:
        """Return with what words a medium is refused."""
        try:
            self.play(entity_id, media_id)
        except ApiError as refused:
            return str(refused).removeprefix("call_service: ")
        raise AssertionError(f"{media_id} was taken")

    def dial(self, *ports: int) -> None:
        """Type the addresses of players on this machine into the options, in place of those there are."""
        self.set_options(addresses=[f"127.0.0.1:{port}" for port in ports])

    def set_options(self, *, addresses: Sequence[str] = (), policy: str = "balanced") -> None:
        """Walk through the dialogue of options."""
        self._background.run(self._set_options(addresses, policy))

    def stored(self, key: str) -> Any:
        """Return what is on the disk under a key; None while nothing is."""
        path = self.folder / ".storage" / key
        return json.loads(path.read_text())["data"] if path.exists() else None

    def add_group(self, name: str, entity_ids: Sequence[str]) -> str:
        """Walk through the dialogue of a named group, and return its media player."""
        start: Json = {"handler": [self.entry_id, "group"]}
        typed = {"name": name, "members": list(entity_ids)}
        self._background.run(self.host.api.flow(start, [typed], kind="subentries/flow"))
        return self.entity(name)

    def command(self, kind: str, /, **data: object) -> Any:
        """Send a command over the WebSocket and return its result. Raises ApiError with the refusal."""
        [result] = self._background.run(self.host.api.command({"type": kind, **data}))
        return result

    def remove_integration(self) -> None:
        """Remove the integration's entry, as the button does."""
        self._background.run(self._remove_entry())

    # What is seen

    def entity(self, name: str) -> str:
        """Return the media player of the device with this name, once it is there and available."""
        return self._background.run(until(f"{name} is available", lambda: self._available(name), TIMEOUT_S))

    def state(self, entity_id: str) -> Json:
        """Return an entity's state object."""
        return self._background.run(self.host.api.state(entity_id))

    def wait_for(self, entity_id: str, state: str | None = None, **attributes: object) -> Json:
        """Return the state object once it is this state with these attributes."""

        async def look() -> Json | None:
            seen = await self.host.api.state(entity_id)
            fits = state in (None, seen["state"]) and all(
                seen["attributes"].get(key) == value for key, value in attributes.items()
            )
            return seen if fits else None

        try:
            return self._background.run(until(f"{entity_id} is {state} {attributes}", look, TIMEOUT_S))
        except ApiError as err:
            raise AssertionError(f"{err}; it is {self.state(entity_id)}") from None

    def wait_for_members(self, entity_id: str, *members: str) -> None:
        """Return once these hear what an entity plays, in whatever order."""

        async def look() -> bool:
            seen = await self.host.api.state(entity_id)
            return set(seen["attributes"].get("group_members") or ()) == set(members)

        self._background.run(until(f"{entity_id} is with {members}", look, TIMEOUT_S))

    def devices(self) -> list[Json]:
        """Return the integration's devices."""
        [devices] = self._background.run(self.host.api.command({"type": "config/device_registry/list"}))
        return [device for device in devices if any(domain == DOMAIN for domain, _ in device["identifiers"])]

    def complaints(self) -> list[str]:
        """Return the lines of trouble in Home Assistant's log that were not there the last time."""
        lines = home_assistant.log_of(self.folder).splitlines()
        fresh, self._seen_log = lines[self._seen_log :], len(lines)
        return [
            line
            for line in fresh
            if any(mark in line for mark in (" ERROR ", " CRITICAL ", "Detected ", "Traceback"))
            and not ("websocket_api" in line and any(text in line for text in _EXPECTED))
        ]

    # How

    async def _start(self) -> None:
        if self._host is None:
            running = home_assistant.running(self.folder, port=free_port(), with_assist=self._with_assist)
            self._host = await self._stack.enter_async_context(running)
            lines = self._host.log().splitlines()  # it misses programs that it does not need
            assert complaints_in("\n".join(lines)) == []
            self._seen_log = len(lines)
            await self._host.api.flow({"handler": PROBE}, [])
        if not await self._is_loaded():
            await self._host.set_up_integration(port=self.port)
            await until("it listens", self._is_loaded, TIMEOUT_S)
        [entry] = await self._entries()
        self.entry_id = entry["entry_id"]
        await self._set_options((), "balanced")

    async def _is_loaded(self) -> bool:
        return [entry["state"] for entry in await self._entries()] == ["loaded"]

    async def _entries(self) -> list[Json]:
        [entries] = await self.host.api.command({"type": "config_entries/get", "domain": DOMAIN})
        return list(entries)

    async def _act(self, action: str, data: Json) -> Json:
        domain, _, service = action.partition(".")
        call = {"type": "call_service", "domain": domain, "service": service, "service_data": data}
        has_response = action in (f"{PROBE}.measure_loop", f"{PROBE}.list_threads")
        [result] = await self.host.api.command(call | {"return_response": has_response})
        return dict(result.get("response") or {})

    async def _available(self, name: str) -> str | None:
        if (entity_id := (await self.host.players()).get(name)) is None:
            return None
        return None if (await self.host.api.state(entity_id))["state"] == "unavailable" else entity_id

    async def _set_options(self, addresses: Sequence[str], policy: str) -> None:
        typed = {"addresses": list(addresses), "policy": policy, "play_on": self.plays_on}
        await self.host.api.flow({"handler": self.entry_id}, [typed], kind="options/flow")

    async def _remove_entry(self) -> None:
        api = self.host.api
        url = f"{api.url}/api/config/config_entries/entry/{self.entry_id}"
        headers = {"Authorization": f"Bearer {api.token}"}
        async with aiohttp.request("DELETE", url, headers=headers) as response:
            assert response.status == 200, await response.text()
