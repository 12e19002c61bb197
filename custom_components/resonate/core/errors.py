"""The errors of the core.

ResonateError
  MediaError               the thing asked for cannot be played; tell whoever asked
    MediaOpenError         not found, no access, no answer in time
    MediaDecodeError       broken on the way
    UnsupportedMediaError  opened, but no audio in it that we can decode
  PictureError             no picture, or a broken one: the audio goes on without
  FormatError              no common format, or sizes that do not fit
  ProtocolError
    RemoteProtocolError    the peer broke the rules: its session ends, nobody else's
      RefusedError         it was turned away at its first message; carries what is to be said before closing
    LocalProtocolError     we did: a bug
  SessionError
    SessionLostError       the connection ended
    HandshakeTimeoutError  the peer did not introduce itself in time
  UnknownTargetError       no such client or group
  QueueError
    UnknownEntryError      no such entry
    QueueFullError         more entries than there is room for
  CommandRefusedError      known, but cannot do that now (no such command, nothing plays)
"""

from enum import StrEnum


class ResonateError(Exception):
    """Whatever goes wrong here for a reason outside our code."""


class MediaError(ResonateError):
    """The medium cannot be played."""


class MediaOpenError(MediaError):
    """The medium could not be opened: not found, no access, or no answer in time."""


class MediaDecodeError(MediaError):
    """The medium broke while it was read."""


class UnsupportedMediaError(MediaError):
    """The medium was opened and holds no audio that can be decoded."""


class PictureError(ResonateError):
    """What was taken for a picture is none, or cannot be shown."""


class FormatError(ResonateError):
    """No common format, or sizes that do not fit."""


class ProtocolError(ResonateError):
    """A rule of the wire was broken."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule of the wire; its session ends."""


class RefusedError(RemoteProtocolError):
    """The peer is turned away at its first message; `reply` is to be sent before the connection is closed."""

    def __init__(self, message: str, *, reply: str) -> None:
        """Say why, and what the peer is to be told."""
        super().__init__(message)
        self.reply = reply


class LocalProtocolError(ProtocolError):
    """We broke a rule of the wire: a bug."""


class SessionError(ResonateError):
    """A live connection is over or never came to be."""


class SessionLostError(SessionError):
    """The connection ended."""


class HandshakeTimeoutError(SessionError):
    """The peer did not introduce itself in time."""


class UnknownTargetError(ResonateError):
    """No such client or group."""


class QueueError(ResonateError):
    """A queue cannot be changed so."""


class UnknownEntryError(QueueError):
    """No such entry."""


class QueueFullError(QueueError):
    """More entries than there is room for."""


class Refusal(StrEnum):
    """Why something that is known to exist cannot be done now."""

    NOTHING_TO_PLAY = "nothing_to_play"
    NOTHING_PLAYS = "nothing_plays"
    NOTHING_PAUSED = "nothing_paused"
    NO_NEXT = "no_next"
    NO_PREVIOUS = "no_previous"
    NOT_SEEKABLE = "not_seekable"
    NO_VOLUME = "no_volume"
    NO_MUTE = "no_mute"
    NO_OUTPUT_DELAY = "no_output_delay"
    NOT_CONNECTED = "not_connected"
    NOT_READY = "not_ready"
    STILL_CONNECTED = "still_connected"
    SERVER_STOPPED = "server_stopped"


class CommandRefusedError(ResonateError):
    """The target is known but cannot do that now."""

    def __init__(self, refusal: Refusal) -> None:
        """Say why, in a word that can be translated."""
        super().__init__(refusal.replace("_", " "))
        self.refusal = refusal
