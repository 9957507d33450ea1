"""The rate of text.speak."""

import pytest

from timbre_bridge.listeners.rate import Rate


def test_as_many_at_once_as_a_minute_and_then_one_by_one() -> None:
    rate = Rate(per_minute=3)
    assert [rate.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rate.take(100.0) == pytest.approx(20.0)
    assert rate.take(119.0) == pytest.approx(1.0)
    assert rate.take(120.5) == 0.0
    assert rate.take(1_000.0) == 0.0
