"""What serving costs."""

from pathlib import Path
import resource
import time
from typing import Final

from core.server.server import ResonateServer

from .voice import Fact

_STATM: Final = Path("/proc/self/statm")


def measure(server: ResonateServer) -> Fact:
    """Return what it has cost so far, and how it stands."""
    numbers = server.statistics
    return {
        "event": "stats",
        "cpu_s": round(time.process_time(), 3),
        "loop_lag_ms": None if numbers.loop_lag_us is None else numbers.loop_lag_us / 1000,
        "rss_bytes": _resident_bytes(),
        "encodes": numbers.encoded_chunk_count,
        "resamplings": numbers.resampled_block_count,
        "buffered_bytes": dict(numbers.held_bytes),
        "queued_bytes": dict(numbers.queued_bytes),
        "dropped_chunks": numbers.dropped_chunk_count,
        "load": round(sum(numbers.load.values()), 4),
    }


def _resident_bytes() -> int:
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # its peak: the best that others than Linux tell
