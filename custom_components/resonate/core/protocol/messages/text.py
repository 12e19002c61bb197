"""Texts that cross the wire: a peer's before they reach a log or a registry, ours before they reach a peer."""

import re
from typing import Final

MAX_NAME_LENGTH: Final = 256
"""Characters kept of a name or text of a peer (protocol.md 20.1)."""
MAX_SENT_LENGTH: Final = 512
"""Characters sent of a title: a tag may be megabytes long, and small devices hold a message in memory."""

# Controls of C0 and C1, line and paragraph separators, what turns the direction of writing, and lone surrogates.
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def clean(text: str) -> str:
    """Return a peer's text fit for a log line or a name: capped, control characters replaced by a space."""
    return _UNFIT.sub(" ", text[: 4 * MAX_NAME_LENGTH]).strip()[:MAX_NAME_LENGTH].rstrip()


def is_fit(text: str) -> bool:
    """Return whether a text that must not be altered (an id) can be taken as it is."""
    return 0 < len(text) <= MAX_NAME_LENGTH and _UNFIT.search(text) is None


def shown(value: object) -> str:
    """Return a short picture of a peer's value for a log line; of lists and objects only what they are."""
    if isinstance(value, str):
        return repr(clean(value)[:40])
    if value is None or isinstance(value, int | float):
        return str(value)[:40]
    return "a list" if isinstance(value, list) else "an object"


def sendable(text: str) -> str:
    """Return a text of ours so that it can be sent: capped, lone surrogates (undecodable tags) replaced."""
    return text[:MAX_SENT_LENGTH].encode("utf-8", "replace").decode()


def sendable_or_none(text: str | None) -> str | None:
    """Return `sendable(text)`, None as it is."""
    return None if text is None else sendable(text)
