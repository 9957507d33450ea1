"""/healthz, /readyz and /metrics as a kubelet and a Prometheus ask for them."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from timbre_common.errors import SetupError
from timbre_operator.health import Health, serving
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key, Kind

A, B = Key(Kind.ENGINE, "n", "a"), Key(Kind.ENGINE, "n", "b")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def status(session: aiohttp.ClientSession, port: int, path: str) -> int:
    async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status


async def test_who_did_nothing_for_too_long_counts_as_hung(session: aiohttp.ClientSession) -> None:
    health = Health(within=1000.0)
    async with serving(health, Metrics(), "127.0.0.1", 0) as port:
        assert await status(session, port, "/healthz") == 200
        health.within = 0.0
        assert await status(session, port, "/healthz") == 503
        health.alive()
        health.within = 1000.0
        assert await status(session, port, "/healthz") == 200


async def test_it_is_ready_once_it_has_what_it_needs(session: aiohttp.ClientSession) -> None:
    health = Health(within=1000.0)
    async with serving(health, Metrics(), "127.0.0.1", 0) as port:
        assert await status(session, port, "/readyz") == 503
        health.ready = True
        assert await status(session, port, "/readyz") == 200
        assert await status(session, port, "/metrics") == 200
        assert await status(session, port, "/secrets") == 404


async def test_a_port_that_is_taken_is_said() -> None:
    async with serving(Health(within=1.0), Metrics(), "127.0.0.1", 0) as port:
        with pytest.raises(SetupError, match=str(port)):
            async with serving(Health(within=1.0), Metrics(), "127.0.0.1", port):
                pass


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by its labels' values."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in found}


def test_problems_are_counted_over_all_engines_and_go_with_them() -> None:
    metrics = Metrics()
    metrics.problems(A, {"NameConflict": 1, "Crashing": 2})
    metrics.problems(B, {"Crashing": 1})
    assert samples(metrics, "timbre_operator_problems") == {("NameConflict",): 1, ("Crashing",): 3}
    metrics.problems(A, {"Crashing": 1})
    assert samples(metrics, "timbre_operator_problems") == {("NameConflict",): 0, ("Crashing",): 2}
    metrics.forget(A)
    metrics.forget(B)
    assert samples(metrics, "timbre_operator_problems") == {("NameConflict",): 0, ("Crashing",): 0}


def test_who_leads_no_more_tells_nothing_of_resources() -> None:
    metrics = Metrics()
    metrics.begin_term(lambda: 7)
    metrics.voices(A, {"ready": 3})
    assert samples(metrics, "timbre_operator_leader") == {(): 1}
    assert samples(metrics, "timbre_operator_queue_depth") == {(): 7}
    metrics.end_term()
    assert samples(metrics, "timbre_operator_leader") == {(): 0}
    assert samples(metrics, "timbre_operator_voices")[("ready",)] == 0
    assert samples(metrics, "timbre_operator_queue_depth") == {(): 0}


def test_passes_are_measured_by_kind_and_never_by_name() -> None:
    metrics = Metrics()
    metrics.passed(A, 0.2, None)
    metrics.passed(B, 0.3, RuntimeError("x"))
    assert samples(metrics, "timbre_operator_reconcile_seconds_count") == {("engine",): 2, ("voices",): 0}
    assert samples(metrics, "timbre_operator_reconcile_errors_total") == {("engine",): 1, ("voices",): 0}
    assert samples(metrics, "timbre_operator_last_pass_timestamp_seconds")[()] > 1.7e9
    assert '"n"' not in metrics.exposition().decode()
