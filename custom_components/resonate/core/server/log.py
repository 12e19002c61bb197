"""Log lines that say which client they are about."""

from collections.abc import MutableMapping
import logging


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """Puts a name before every line; it comes from the peer, so it must not be taken for a format."""

    def __init__(self, logger: logging.Logger, who: str) -> None:
        """Speak of `who`: an address before the hello, a client id after it."""
        super().__init__(logger)
        self._who = who.replace("%", "%%")

    def process[K: MutableMapping[str, object]](self, msg: object, kwargs: K) -> tuple[object, K]:
        """Return the line with its name; lines must have arguments, else nothing is formatted."""
        return f"{self._who}: {msg}", kwargs
