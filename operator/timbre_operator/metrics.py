"""What Prometheus is told. Labels are bounded: kinds, states and reasons, never names of resources."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as PrometheusCounter
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from timbre_common.documents import VoiceState
from timbre_operator.queue import Key, Kind

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """One operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._problems: dict[Key, Counter[str]] = {}
        self._voices: dict[Key, Counter[str]] = {}
        self._reconcile = Histogram(
            "timbre_operator_reconcile_seconds",
            "How long a pass over one engine's objects, or its voices, took.",
            ["kind"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._errors = PrometheusCounter(
            "timbre_operator_reconcile_errors",
            "Passes that failed, to be tried again.",
            ["kind"],
            registry=self._registry,
        )
        self._leader = self._gauge("leader", "Whether this replica holds the Lease: 1 or 0.")
        self._last_pass = self._gauge(
            "last_pass_timestamp_seconds", "When a pass, or a look that found nothing to do, ended last, since 1970."
        )
        self._voices_gauge = self._gauge("voices", "Voices by what became of them.", "state")
        self._problems_gauge = self._gauge("problems", "Conditions that somebody has to look at.", "reason")
        self._depth = self._gauge("queue_depth", "Passes that wait or run.")
        for kind in Kind:
            self._reconcile.labels(kind.value)
            self._errors.labels(kind.value)
        for state in VoiceState:
            self._voices_gauge.labels(state.value)

    def passed(self, key: Key, seconds: float, error: Exception | None) -> None:
        """A pass ended."""
        self._reconcile.labels(key.kind.value).observe(seconds)
        if error is not None:
            self._errors.labels(key.kind.value).inc()
        self.looked()

    def looked(self) -> None:
        """There is nothing to pass over."""
        self._last_pass.set(time.time())

    def begin_term(self, queue_depth: Callable[[], int]) -> None:
        """This replica leads."""
        self._leader.set(1)
        self._depth.set_function(queue_depth)

    def end_term(self) -> None:
        """This replica leads no more, and has nothing to tell of resources."""
        self._leader.set(0)
        self._depth.set_function(lambda: 0)
        for key in [*self._problems, *self._voices]:
            self.forget(key)

    def problems(self, key: Key, reasons: Mapping[str, int]) -> None:
        """How many problems of each reason there are with what `key` is about."""
        _replace(self._problems, self._problems_gauge, key, reasons)

    def voices(self, key: Key, states: Mapping[str, int]) -> None:
        """How many voices of each state `key` is about."""
        _replace(self._voices, self._voices_gauge, key, states)

    def forget(self, key: Key) -> None:
        """What `key` was about has gone."""
        self.problems(key, {})
        self.voices(key, {})

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(f"timbre_operator_{name}", documentation, labels, registry=self._registry)


def _replace(known: dict[Key, Counter[str]], gauge: Gauge, key: Key, counts: Mapping[str, int]) -> None:
    before = known.pop(key, Counter())
    if counts:
        known[key] = Counter(counts)
    for label in {*before, *counts}:
        gauge.labels(label).set(sum(each[label] for each in known.values()))
