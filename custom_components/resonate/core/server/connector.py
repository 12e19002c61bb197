"""Opens WebSockets to clients."""

import asyncio
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, ClientWSTimeout, DummyCookieJar, TCPConnector

from .transport import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, Transport, dialled

_CONNECT_TIMEOUT_S: Final = 10.0
"""For the name, the connection and the handshake: clients that sleep in Wi-Fi need a few seconds."""


class Connector:
    """Dials; its own HTTP session, for it keeps nothing from one connection to the next."""

    def __init__(self) -> None:
        """Open nothing yet. On the loop."""
        self._http = ClientSession(
            connector=TCPConnector(force_close=True, limit=0, use_dns_cache=False),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
        )

    async def connect(self, url: str) -> Transport:
        """Return a connection to `url`. Raises OSError when there is none to be had."""
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                websocket = await self._http.ws_connect(
                    url,
                    autoping=False,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
        except (ClientError, TimeoutError, ValueError) as err:
            raise ConnectionError(str(err) or type(err).__name__) from err
        return dialled(websocket)

    async def close(self) -> None:
        """Let go of everything."""
        await self._http.close()
