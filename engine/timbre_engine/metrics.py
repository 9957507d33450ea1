"""What Prometheus is told. Labels are bounded: outcomes and kinds of surface, never ids, voices or texts."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from timbre_common import names
from timbre_engine.admission import Admission
from timbre_engine.backend import Backend

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_RTF_BUCKETS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2, 3, 5, 10)


class Metrics:
    """One engine's metrics, in a registry of their own."""

    def __init__(self, admission: Admission, backend: Backend) -> None:
        self._registry = CollectorRegistry()
        self.time_to_first_byte = Histogram(
            "timbre_engine_time_to_first_byte_seconds",
            "From an utterance's first text to its first audio, the wait for a slot included.",
            buckets=names.TTFB_BUCKETS,
            registry=self._registry,
        )
        self.real_time_factor = Histogram(
            "timbre_engine_real_time_factor",
            "Seconds waited for the backend by seconds of audio, of utterances whose text was there from the start.",
            buckets=_RTF_BUCKETS,
            registry=self._registry,
        )
        self.queue_wait = Histogram(
            "timbre_engine_queue_wait_seconds",
            "How long an utterance waited for its slot.",
            buckets=(0.001, 0.005, *names.TTFB_BUCKETS, 30),
            registry=self._registry,
        )
        self.audio_seconds = Counter("timbre_engine_audio_seconds", "Seconds of audio made.", registry=self._registry)
        self.requests = Counter(
            "timbre_engine_requests",
            "Utterances by how they ended: finished, empty, cancelled, refused, busy (the queue was full), or failed.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("finished", "empty", "cancelled", "refused", "busy", "failed"):
            self.requests.labels(outcome)
        self._gauge("requests_running", "Utterances that have a slot.").set_function(lambda: admission.running)
        self._gauge("requests_waiting", "Utterances that wait for a slot.").set_function(lambda: admission.waiting)
        self._gauge("slots", "Utterances that can be made at once.").set(len(admission.slots))
        self._gauge("adapters_loaded", "Adapters in memory.").set_function(lambda: len(backend.adapters_loaded()))

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"timbre_engine_{name}", documentation, registry=self._registry)
