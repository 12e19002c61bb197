"""The player without any input or output: texts and chunks in, texts out, and a recording of what was audible."""

from collections import deque
import json
import math
from typing import Any, Final

from . import hello
from .audio import AudioPath
from .clock import DriftingClock
from .config import AUDIO_HEADER_BYTES, PlayerConfig
from .exchange import TimeExchange
from .record import NullRecorder, Recorder
from .report import make_report
from .witness import Witness

_AUDIO_ID: Final = 4
_TICK_US: Final = 50_000
_HELLO_FIELDS: Final = ("server_id", "name", "version", "connection_reason", "active_roles")
_GROUP_FIELDS: Final = ("playback_state", "group_id", "group_name")
_LARGEST_DELAY_MS: Final = 5000


class SoftwarePlayer:
    """A player of the cleartext era, sans I/O.

    Whoever drives it: `connect()` when a connection is there, `feed_text` and `feed_binary` for what comes in,
    `advance()` at `next_wake_ns()` (on the clock that the player's own clock is made from) or more often, and after
    each of them everything of `take_outgoing()` is sent, at once. `failure` says why the player hangs up.
    """

    def __init__(self, config: PlayerConfig, clock: DriftingClock, recorder: Recorder | None = None) -> None:
        """Play by `clock` into `recorder`."""
        self.config = config
        self.clock = clock
        self.witness = Witness()
        self.audio = AudioPath(config, recorder or NullRecorder(), self.witness.violations)
        self.exchange: TimeExchange | None = None
        self.last_exchange: TimeExchange | None = None
        """That of the last connection that was lost, for the record."""
        self.volume, self.muted, self.delay_ms = config.volume, config.muted, config.delay_ms
        self.failure: str | None = None
        self._outgoing: deque[tuple[str, dict[str, Any]]] = deque()
        self._settled = False
        self._external = False

    @property
    def is_synchronized(self) -> bool:
        """Whether the clock is known well enough, and the player plays."""
        return self._settled

    # The connection.

    def connect(self) -> None:
        """Begin a connection: the client speaks first."""
        self.failure = None
        self.witness.connection_count += 1
        self._outgoing.clear()
        self._send("client/hello", hello.hello(self.config))

    def connection_lost(self) -> None:
        """Forget what belonged to the connection; the output goes on, in silence."""
        self.advance()
        self.audio.end()
        self.last_exchange, self.exchange = self.exchange or self.last_exchange, None
        self._settled = False
        self._outgoing.clear()

    def goodbye(self, reason: str) -> None:
        """Say why the player leaves."""
        self._send("client/goodbye", {"reason": reason})

    def take_outgoing(self) -> list[str]:
        """Return the messages to send now; questions about the time are stamped here."""
        now_us = self.clock.now_us()
        if self.exchange is not None and self.exchange.due_us <= now_us:
            self._outgoing.appendleft(("client/time", {"client_transmitted": self.exchange.ask(now_us)}))
        texts = [json.dumps({"type": kind, "payload": payload}) for kind, payload in self._outgoing]
        self._outgoing.clear()
        return texts

    def next_wake_ns(self) -> int:
        """Return when, on the clock that the player's own is made from, `advance` has something to do."""
        due = [self.clock.now_us() + _TICK_US]
        if self.exchange is not None:
            due.append(self.exchange.due_us)
        return math.ceil(self.clock.true_ns(min(due)))

    def advance(self) -> None:
        """Play what was due until now, and settle if the clock is known."""
        now_us = self.clock.now_us()
        self._render(now_us)
        if self.exchange is not None and not self._settled and self.exchange.is_settled(now_us):
            self._settled = True
            self.audio.skip_until(self._played_us(self.exchange, now_us))
            self._report_state()

    # What a person or the device does.

    def set_volume(self, volume: int) -> None:
        """Turn the knob of the device."""
        self._render(self.clock.now_us())
        self.volume = volume
        self._report_player(volume=volume)

    def set_muted(self, *, muted: bool) -> None:
        """Press the mute button of the device."""
        self._render(self.clock.now_us())
        self.muted = muted
        self._report_player(muted=muted)

    def set_external_source(self, *, active: bool) -> None:
        """Let the device be used by something else, or give it back."""
        self._external = active
        self._report_state()

    def command(self, command: str, **arguments: int | bool) -> None:
        """Send a controller command."""
        self._send("client/command", {"controller": {"command": command, **arguments}})

    def request_format(self, **wishes: str | int) -> None:
        """Ask for another format, by any of its fields."""
        self._send("stream/request-format", {"player": wishes})

    # What comes in.

    def feed_text(self, text: str) -> None:
        """Take a text message."""
        now_us = self.clock.now_us()
        message = json.loads(text)
        kind, payload = message["type"], message["payload"]
        self.witness.messages[kind] += 1
        if self.exchange is None and kind != "server/hello":
            self._violation(f"{kind} before server/hello")
            return
        match kind:
            case "server/time":
                self._take_time(payload, now_us)
            case "server/hello":
                self._take_hello(payload, now_us)
            case "server/state":
                self._take_state(payload)
            case "group/update":
                self._require(payload, _GROUP_FIELDS, kind)
                self.witness.merge("group", payload)
            case "server/command" if "player" in payload:
                self._take_command(payload["player"], now_us)
            case "stream/start" if "player" in payload:
                self._take_start(payload["player"], now_us)
            case "stream/clear" | "stream/end":
                self._take_break(kind, payload.get("roles"), now_us)

    def feed_binary(self, data: bytes) -> None:
        """Take a binary message."""
        now_us = self.clock.now_us()
        if self.exchange is None or len(data) <= AUDIO_HEADER_BYTES or data[0] != _AUDIO_ID:
            self._violation("binary message that no player knows")
            return
        self.witness.messages["audio"] += 1
        timestamp_us = int.from_bytes(data[1:AUDIO_HEADER_BYTES], signed=True)
        played_us = self._played_us(self.exchange, now_us)
        self.audio.take(timestamp_us, data[AUDIO_HEADER_BYTES:], played_us=played_us, settled=self._settled)

    def report(self) -> dict[str, Any]:
        """Return everything the player can witness, as plain JSON values."""
        return make_report(self)

    # Messages.

    def _take_time(self, payload: dict[str, Any], now_us: int) -> None:
        assert self.exchange is not None
        if payload["server_transmitted"] < payload["server_received"]:
            self._violation("server/time was sent before it was received")
        stamps = (payload["client_transmitted"], payload["server_received"], payload["server_transmitted"])
        if not self.exchange.answer(*stamps, now_us):
            self._violation("server/time that nobody asked for")

    def _take_hello(self, payload: dict[str, Any], now_us: int) -> None:
        if self.exchange is not None:
            self._violation("second server/hello")
        elif not self._require(payload, _HELLO_FIELDS, "server/hello"):
            self.failure = "server/hello is not complete"
        elif payload["connection_reason"] not in ("discovery", "playback"):
            self.failure = "server/hello with an unknown connection_reason"
            self._violation(self.failure)
        else:
            self.witness.server = payload
            self.exchange = TimeExchange(now_us)
            fields = hello.complete_player_state(self.config, self.volume, muted=self.muted, delay_ms=self.delay_ms)
            self._report_state(fields)

    def _take_state(self, payload: dict[str, Any]) -> None:
        for role in ("metadata", "controller"):
            if role in payload:
                self.witness.merge(role, payload[role] or {})
        if {"seek", "seek_relative"} & set((payload.get("controller") or {}).get("supported_commands") or ()):
            self._violation("seek offered to a player of the cleartext era")

    def _take_command(self, command: dict[str, Any], now_us: int) -> None:
        self._render(now_us)
        offers = self.config.commands.__contains__
        match command:
            case {"command": "volume", "volume": int(volume)} if offers("volume") and 0 <= volume <= 100:
                self.set_volume(volume)
            case {"command": "mute", "mute": bool(muted)} if offers("mute"):
                self.set_muted(muted=muted)
            case {"command": "set_static_delay", "static_delay_ms": int(delay_ms)} if (
                self.config.era.has_delay and 0 <= delay_ms <= _LARGEST_DELAY_MS
            ):
                self.delay_ms = delay_ms
                self._report_player(static_delay_ms=delay_ms)
            case _:
                self._violation(f"command {command.get('command')} is not offered, or malformed")

    def _take_start(self, player: dict[str, Any], now_us: int) -> None:
        self._render(now_us)
        if self.audio.start(player, now_us):
            self.witness.streams.append({name: value for name, value in player.items() if name != "codec_header"})

    def _take_break(self, kind: str, roles: list[str] | None, now_us: int) -> None:
        word = self.config.era.role_word
        if roles is not None and word not in roles:
            if {"player", "player@v1"} & set(roles):
                self._violation(f"{kind} spells the role unlike this client: dropped")
            return
        if self.audio.stream is None:
            if roles is not None:
                self._violation(f"{kind} without a stream")
            return
        self._render(now_us)
        if kind == "stream/end":
            self.audio.end()
        else:
            self.audio.clear()

    def _render(self, now_us: int) -> None:
        if self.audio.renderer is not None:
            clock = self.exchange.filter if self.exchange is not None and self._settled else None
            gain = 0.0 if self.muted else (self.volume / 100) ** 1.5
            self.audio.renderer.render_until(now_us, clock, self.delay_ms * 1000, gain)

    def _played_us(self, exchange: TimeExchange, now_us: int) -> float:
        """Return the server's instant that is audible now, behind the amplifier."""
        return exchange.filter.to_server(now_us + self.delay_ms * 1000)

    # Sending, and noting.

    def _report_state(self, fields: dict[str, Any] | None = None) -> None:
        word = hello.STATE_SYNCHRONIZED if self._settled else hello.STATE_ERROR
        if self._external:
            word = hello.STATE_EXTERNAL
        if self.witness.states[-1:] != [word]:
            self.witness.states.append(word)
        self._send("client/state", hello.state(self.config, word=word, player=fields))

    def _report_player(self, **fields: int | bool) -> None:
        self._send("client/state", hello.state(self.config, player=fields))

    def _send(self, kind: str, payload: dict[str, Any]) -> None:
        self._outgoing.append((kind, payload))

    def _require(self, payload: dict[str, Any], names: tuple[str, ...], kind: str) -> bool:
        missing = [name for name in names if payload.get(name) is None]
        for name in missing:
            self._violation(f"{kind} without {name}")
        return not missing

    def _violation(self, words: str) -> None:
        self.witness.violations[words] += 1
