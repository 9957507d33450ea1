"""The bridge's metrics stay few, however many agents there are."""

import pytest
from prometheus_client.samples import Sample

from timbre_bridge.metrics import Metrics
from timbre_common.names import TTFB_BUCKETS


@pytest.mark.parametrize(
    ("limit", "agents", "told_apart"),
    [
        (0, ["lisa", "lisa"], {"other"}),
        (2, ["lisa", "electra", "lisa"], {"lisa", "electra"}),
        (2, ["lisa", "electra", "renarde", "lisa", "zoe"], {"lisa", "electra", "other"}),
    ],
)
def test_the_first_agents_have_series_of_their_own(limit: int, agents: list[str], told_apart: set[str]) -> None:
    metrics = Metrics(agents=limit)
    for agent in agents:
        metrics.first_byte(agent, "free", 0.1)
    assert {sample.labels["agent"] for sample in samples(metrics)} == told_apart
    counted = [sample.value for sample in samples(metrics) if sample.name.endswith("_count")]
    assert sum(counted) == len(agents)


def test_a_thousand_agents_make_no_more_series_than_the_limit_allows() -> None:
    metrics = Metrics(agents=32)
    for number in range(1000):
        metrics.first_byte(f"agent-{number}", "free", 0.1)
        metrics.first_byte(f"agent-{number}", "waited", 0.1)
    buckets = [sample for sample in samples(metrics) if sample.name.endswith("_bucket")]
    assert len(buckets) == 33 * 2 * (len(TTFB_BUCKETS) + 1)


def samples(metrics: Metrics) -> list[Sample]:
    """Of the time to first byte."""
    return [
        sample
        for family in metrics.registry.collect()
        if family.name == "timbre_bridge_time_to_first_byte_seconds"
        for sample in family.samples
    ]
