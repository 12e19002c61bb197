"""The command line of script/serve."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
import logging
from typing import Final

from core.server.settings import DEFAULT_PORT
from core.stream.policy import SendPolicy

_ALL_ADDRESSES: Final = frozenset({"all", "0.0.0.0", "::"})
_EPILOG: Final = """
MEDIA is a file, a URL, or tone:HZ (tone:HZ:SECONDS). They play one after another to every player that connects to
ws://HOST:PORT/sendspin, or is dialled with --client.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    media: tuple[str, ...]
    port: int | None
    """None: the usual one, or the next that is free."""
    host: str | None
    """None: all addresses."""
    clients: tuple[str, ...]
    """URLs of players to dial."""
    wait_clients: int
    """How many players must be there before it begins."""
    policy: SendPolicy
    is_looping: bool
    is_json: bool
    has_control: bool
    has_stats: bool
    log_level: int


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for. Ends the process with status 2 when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="script/serve", description="Play media to players, without Home Assistant.", epilog=_EPILOG
    )
    parser.add_argument("media", nargs="*", metavar="MEDIA", help="a file, a URL, or tone:HZ")
    parser.add_argument("--port", type=_port, help=f"where to listen; 0 takes a free one (default: {DEFAULT_PORT})")
    parser.add_argument("--host", default="127.0.0.1", help='address to listen at, or "all" (default: %(default)s)')
    parser.add_argument("--client", action="append", default=[], metavar="ws://…", help="dial this player; repeatable")
    parser.add_argument("--wait-clients", type=_count, default=1, metavar="N", help="begin when N players are there")
    parser.add_argument("--policy", type=SendPolicy, choices=list(SendPolicy), default=SendPolicy.BALANCED)
    parser.add_argument("--loop", action="store_true", help="begin again after the last medium, without a gap")
    parser.add_argument("--control", action="store_true", help="take commands from stdin, one JSON object a line")
    parser.add_argument("--json", action="store_true", help="tell what happens in JSON, one object a line")
    parser.add_argument("--stats", action="store_true", help="tell once a second what it costs")
    parser.add_argument("--log", default="warning", choices=["debug", "info", "warning", "error"], help="log on stderr")
    parsed = parser.parse_args(arguments)
    if not parsed.media and not parsed.control:
        parser.error("there is nothing to play: name some MEDIA, or take commands with --control")
    return Options(
        media=tuple(parsed.media),
        port=parsed.port,
        host=None if parsed.host in _ALL_ADDRESSES else parsed.host,
        clients=tuple(parsed.client),
        wait_clients=parsed.wait_clients,
        policy=parsed.policy,
        is_looping=parsed.loop,
        is_json=parsed.json,
        has_control=parsed.control,
        has_stats=parsed.stats,
        log_level=logging.getLevelNamesMapping()[parsed.log.upper()],
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 1 << 16:
        raise ValueError
    return port


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count
