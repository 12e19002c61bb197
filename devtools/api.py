"""Home Assistant from outside: its REST and WebSocket interfaces, as a person's browser uses them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
import time
from typing import Any, Final

import aiohttp

USERNAME: Final = "dev"
PASSWORD: Final = "dev-password"
_POLL_S: Final = 0.1

type Json = dict[str, Any]


class ApiError(Exception):
    """Home Assistant refused, or did not get there in time; the text is for a person."""


class Api:
    """Talks to one Home Assistant as its owner."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Know where it is; `log_in` comes first."""
        self.url = url
        self.token = ""
        self._session = session

    # Getting in

    async def log_in(self) -> None:
        """Get in as the owner, who is made when there is none. Waits for nothing: it must answer already."""
        code = await self._make_owner() if await self._has_no_owner() else await self._give_password()
        answer = await self._call(
            "POST",
            "/auth/token",
            form={"grant_type": "authorization_code", "client_id": self._client_id, "code": code},
        )
        self.token = answer["access_token"]

    async def is_answering(self) -> bool:
        """Return whether it takes requests yet."""
        try:
            async with self._session.get(f"{self.url}/api/onboarding") as response:
                # 404: nothing is left to set up.
                return response.status in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
        except aiohttp.ClientError:
            return False

    async def _has_no_owner(self) -> bool:
        async with self._session.get(f"{self.url}/api/onboarding") as response:
            if response.status != HTTPStatus.OK:
                return False
            return any(step["step"] == "user" and not step["done"] for step in await response.json())

    async def _make_owner(self) -> str:
        owner = {"name": "Dev", "username": USERNAME, "password": PASSWORD, "language": "en"}
        answer = await self._call("POST", "/api/onboarding/users", owner | {"client_id": self._client_id})
        return str(answer["auth_code"])

    async def _give_password(self) -> str:
        start = {"client_id": self._client_id, "handler": ["homeassistant", None], "redirect_uri": self._client_id}
        flow = await self._call("POST", "/auth/login_flow", start)
        credentials = {"client_id": self._client_id, "username": USERNAME, "password": PASSWORD}
        answer = await self._call("POST", f"/auth/login_flow/{flow['flow_id']}", credentials)
        return str(answer["result"])

    @property
    def _client_id(self) -> str:
        return f"{self.url}/"

    # Asking and doing

    async def get(self, path: str) -> Any:
        """Return what is at a path."""
        return await self._call("GET", path)

    async def act(self, action: str, **data: object) -> None:
        """Call an action, such as media_player.media_stop, and wait until it is done."""
        await self._call("POST", f"/api/services/{action.replace('.', '/')}", data)

    async def ask(self, action: str, **data: object) -> Json:
        """Call an action that answers, and return its answer."""
        answer = await self._call("POST", f"/api/services/{action.replace('.', '/')}?return_response", data)
        response: Json = answer["service_response"]
        return response

    async def state(self, entity_id: str) -> Json:
        """Return an entity's state object."""
        state: Json = await self.get(f"/api/states/{entity_id}")
        return state

    async def command(self, *commands: Json) -> list[Any]:
        """Send commands over a WebSocket and return their results. Raises ApiError at the first that fails."""
        results: list[Any] = []
        async with self._session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            if (await socket.receive_json())["type"] != "auth_ok":
                raise ApiError("the WebSocket interface does not take the token")
            for number, command in enumerate(commands, start=1):
                await socket.send_json(command | {"id": number})
                answer = await socket.receive_json()
                if not answer["success"]:
                    raise ApiError(f"{command['type']}: {answer['error']['message']}")
                results.append(answer["result"])
        return results

    async def flow(self, start: Json, inputs: Iterable[Mapping[str, object]], *, kind: str = "flow") -> Json:
        """Walk through a dialogue and return how it ended; `inputs` are typed into its forms, one after another."""
        base = f"/api/config/config_entries/{kind}"
        step: Json = await self._call("POST", base, start)
        for typed in inputs:
            if step["type"] != "form":
                raise ApiError(f"the dialogue shows no form but {step}")
            step = await self._call("POST", f"{base}/{step['flow_id']}", typed)
            if step.get("errors"):
                raise ApiError(f"the dialogue refuses {typed}: {step['errors']}")
        if step["type"] not in ("create_entry", "abort"):
            raise ApiError(f"the dialogue wants more: {step}")
        return step

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, form: Mapping[str, str] | None = None
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with self._session.request(
                method, self.url + path, json=body, data=form, headers=headers
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ApiError(f"{method} {path} was answered with {response.status}: {await response.text()}")
                return await response.json()
        except aiohttp.ClientError as err:
            raise ApiError(f"{method} {path}: {err}") from err


async def until[T](what: str, look: Callable[[], Awaitable[T | None]], timeout: float) -> T:
    """Return the first that `look` finds (not None, not False). Raises ApiError after `timeout` seconds."""
    give_up_at = time.monotonic() + timeout
    while True:
        if found := await look():
            return found
        if time.monotonic() > give_up_at:
            raise ApiError(f"{what}: not within {timeout:.0f} s")
        await asyncio.sleep(_POLL_S)
