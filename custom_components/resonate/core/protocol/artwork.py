"""The artwork role of one connection (protocol.md 11, 18.5, 18.6), without I/O."""

from collections.abc import Callable

from ..errors import LocalProtocolError, RemoteProtocolError
from ..units import ServerTimeUs
from .binary import pack_artwork
from .messages.artwork import ArtworkChannel, ArtworkRequest, ArtworkSource, artwork_stream_start, resolve_channel
from .messages.client_hello import Role
from .messages.stream import stream_end


class ArtworkStream:
    """What a client declares that it can show, and whether it is being sent pictures. One owner, as its connection."""

    def __init__(self, can_start: Callable[[], bool], spell: Callable[[Role], str]) -> None:
        """Nothing is declared, and nothing active; `spell` says what the client calls a role."""
        self.declared: tuple[ArtworkChannel, ...] = ()
        """All channels, those without a picture too; empty without the role."""
        self.started: tuple[ArtworkChannel, ...] = ()
        """Those of the active stream; empty while there is none."""
        self._can_start = can_start
        self._spell = spell

    @property
    def wanted(self) -> tuple[ArtworkChannel, ...]:
        """What is to be started now: all that is declared; nothing while nobody wants a picture or none may come."""
        wants_any = any(channel.source is not ArtworkSource.NONE for channel in self.declared)
        return self.declared if wants_any and self._can_start() else ()

    def request(self, request: ArtworkRequest) -> bool:
        """Change what is declared; return whether that is anything new. Raises RemoteProtocolError."""
        if request.channel >= len(self.declared):
            raise RemoteProtocolError("stream/request-format for an artwork channel that was not declared")
        before = self.declared
        changed = resolve_channel(request, before[request.channel])
        self.declared = (*before[: request.channel], changed, *before[request.channel + 1 :])
        return self.declared != before

    def start(self, *, transmitted: ServerTimeUs) -> str:
        """Return what begins the stream, or changes the one that is active to what is declared now."""
        if not self.wanted:
            raise LocalProtocolError("stream/start for artwork that nobody wants")
        self.started = self.wanted
        return artwork_stream_start(self.started, transmitted=transmitted)

    def image(self, channel: int, image: bytes, *, shown_at: ServerTimeUs) -> bytes:
        """Return the message that shows an image; an empty one clears the channel."""
        if channel >= len(self.started):
            raise LocalProtocolError(f"an image for artwork channel {channel}, which is not active")
        return pack_artwork(channel, shown_at, image)

    def end(self) -> str:
        """Return what ends the stream and clears the display."""
        if not self.started:
            raise LocalProtocolError("stream/end without an active stream of artwork")
        self.started = ()
        return stream_end(self._spell(Role.ARTWORK))
