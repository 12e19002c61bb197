"""How far ahead a group sends."""

from hypothesis import given, strategies as st
import pytest

from core.stream.policy import SendPolicy


@pytest.mark.parametrize(
    ("policy", "lead_us", "horizon_us"),
    [
        (SendPolicy.RESPONSIVE, 250_000, 500_000),
        (SendPolicy.BALANCED, 250_000, 2_000_000),
        (SendPolicy.STABLE, 250_000, 10_000_000),
        (SendPolicy.RESPONSIVE, 12_000_000, 12_250_000),
        (SendPolicy.BALANCED, 12_000_000, 12_250_000),
        (SendPolicy.STABLE, 12_000_000, 12_250_000),
    ],
)
def test_horizons(policy: SendPolicy, lead_us: int, horizon_us: int) -> None:
    assert policy.horizon_us(lead_us) == horizon_us


@given(lead_us=st.integers(0, 40_000_000), policy=st.sampled_from(SendPolicy))
def test_always_more_than_the_lead(lead_us: int, policy: SendPolicy) -> None:
    assert policy.horizon_us(lead_us) >= lead_us + 250_000
