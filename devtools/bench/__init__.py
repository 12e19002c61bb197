"""Benchmarks: how long, how much, how late. They measure, they never judge; tests do not time."""

from pathlib import Path
import sys

_INTEGRATION = str(Path(__file__).parents[2] / "custom_components" / "resonate")
if _INTEGRATION not in sys.path:
    sys.path.append(_INTEGRATION)  # appended: in front, the integration's select.py would shadow the library's
