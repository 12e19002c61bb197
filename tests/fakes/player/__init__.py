"""A software player of the cleartext era: the independent witness of what a server makes audible, and when.

It shares no code with the server. `SoftwarePlayer` is sans I/O and joins a server's session in memory; as a process
it is `python -m tests.fakes.player --url ws://127.0.0.1:8927/sendspin`, or `--listen PORT` for a server that dials.
"""

from .clock import DriftingClock, monotonic_raw_ns
from .config import Era, PlayerConfig, PlayerFormat
from .core import SoftwarePlayer
from .media import make_media
from .record import MemoryRecorder, NullRecorder, Recorder, WavRecorder

__all__ = [
    "DriftingClock",
    "Era",
    "MemoryRecorder",
    "NullRecorder",
    "PlayerConfig",
    "PlayerFormat",
    "Recorder",
    "SoftwarePlayer",
    "WavRecorder",
    "make_media",
    "monotonic_raw_ns",
]
