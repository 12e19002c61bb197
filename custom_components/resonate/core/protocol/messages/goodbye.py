"""client/goodbye, C>S: the client leaves, and says why (protocol.md 4.6, 18.7)."""

from typing import Final

from ...events import LossReason
from .envelope import JsonObject

_WORDS: Final = frozenset(
    {
        LossReason.ANOTHER_SERVER,
        LossReason.CONCURRENT_ATTEMPT,
        LossReason.RESTART,
        LossReason.SHUTDOWN,
        LossReason.USER_REQUEST,
        LossReason.UNAUTHORIZED,
        LossReason.PAIRING_REQUIRED,
        LossReason.UNPAIRED,
    }
)  # the other reasons are ours; no peer may claim them


def parse_goodbye(payload: JsonObject) -> LossReason:
    """Return why the client leaves; CONNECTION_LOST when it gives no reason that we know. Never raises."""
    word = payload.get("reason")
    if isinstance(word, str) and word in _WORDS:
        return LossReason(word)
    return LossReason.CONNECTION_LOST
