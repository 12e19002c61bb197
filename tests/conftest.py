"""For everything but the core's tests: those have a configuration of their own (tests/core/pytest.ini)."""

# At the top: else the test plugin's own `custom_components` package is found first, and the integration is not.
import custom_components.resonate  # noqa: F401

collect_ignore = ["core"]
