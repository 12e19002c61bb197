"""For everything but the core's tests: those have a configuration of their own (tests/core/pytest.ini)."""

# At the top: else the test plugin's own `custom_components` package is found first, and the integration is not.
import custom_components.resonate  # noqa: F401  # isort: skip

from hypothesis import given, settings, strategies as st

collect_ignore = ["core"]

settings.register_profile("usual", deadline=None)  # deadlines measure the machine
settings.load_profile("usual")


def pytest_collection_finish() -> None:
    """Have Hypothesis make its generator of random numbers now.

    Home Assistant's plugin freezes the garbage collector before each module's tests. What Hypothesis makes after that
    looks to it as if nobody held it: a warning, so an error, in whichever property test is first, where CI is set.
    """
    given(st.none())(lambda _: None)()
