"""Loaded before every other pytest plugin (`-p tests.early`): lets a test plugin written for 2026.10 run 2026.11.

Delete it, and uv's overrides in pyproject.toml, once there is a pytest-homeassistant-custom-component for 2026.11.
"""

# First of all: Home Assistant 2026.11 answers for httpx with httpx2, and refuses when httpx came before it. The plugin
# imports respx, which imports httpx.
import homeassistant  # noqa: F401  # isort: skip

from homeassistant.components import logger
from homeassistant.components.logger import helpers

# Under its old name, where the plugin still looks for it.
logger._clear_logger_overwrites = helpers._clear_logger_overwrites  # type: ignore[attr-defined]
