"""What Prometheus is told of the fetcher. Labels are bounded: kinds of source, states, codes; never hosts or voices."""

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from timbre_engine.fetcher.wanted import FileState, Progress, WantedFile

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """One fetcher's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._fetches = Counter(
            "timbre_fetcher_fetches",
            "Tries to fetch a file, by kind of source and outcome: fetched, or the code of what went wrong.",
            ["source", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "timbre_fetcher_fetch_seconds",
            "From the first look for a file to its place on the volume, of files that were fetched.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._bytes = Counter("timbre_fetcher_fetched_bytes", "Bytes of fetched files.", registry=self._registry)
        self.removed = Counter(
            "timbre_fetcher_files_removed", "Files that nobody named any more.", registry=self._registry
        )
        self.passed_on = Counter(
            "timbre_fetcher_passed_on",
            "Voices documents given to the engine, by outcome: taken or failed.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("taken", "failed"):
            self.passed_on.labels(outcome)
        self.volume_bytes = self._gauge("volume_bytes", "Bytes of the files below sha256/.")
        self.generation = self._gauge("generation", "Of the voices document; -1 before the first.")
        self.generation.set(-1)
        self.engine_up = self._gauge("engine_up", "Whether the engine's administration answers.")
        self.ready = self._gauge("ready", "Whether every listed voice was tried once.")

    def follow(self, states: Callable[[], Mapping[WantedFile, FileState]]) -> None:
        """Count the files by state whenever they are asked for."""
        gauge = Gauge("timbre_fetcher_files", "Files of the document, by state.", ["state"], registry=self._registry)
        for progress in Progress:
            gauge.labels(progress).set_function(
                lambda progress=progress: sum(state.progress is progress for state in states().values())  # type: ignore[misc]
            )

    def fetched(self, source: str, size: int, seconds: float) -> None:
        """A file came, of `size` bytes."""
        self._fetches.labels(source, "fetched").inc()
        self._bytes.inc(size)
        self._seconds.observe(seconds)

    def failed(self, source: str, code: str) -> None:
        """A try failed."""
        self._fetches.labels(source, code).inc()

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"timbre_fetcher_{name}", documentation, registry=self._registry)
