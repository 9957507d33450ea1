"""When each key is due, as a pure object: time is passed in."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from timbre_common.backoff import Backoff

K = TypeVar("K")


@dataclass
class _Entry:
    due: float | None
    """Seconds; None: nothing is to be done, or it is running and nobody asked again."""
    backoff: Backoff
    running: bool = False


@dataclass
class Schedule(Generic[K]):
    """Keys and when they are due.

    A key is there once however often it is added, runs once at a time, and is forgotten when it has succeeded and
    nobody asked again: so the number of keys bounds it. One that fails is tried again for ever, at growing intervals.
    """

    backoff: Callable[[], Backoff]
    _entries: dict[K, _Entry] = field(default_factory=dict)
    _heap: list[tuple[float, int, K]] = field(default_factory=list)
    _pushed: int = 0

    def add(self, key: K, due: float) -> None:
        """Ask for a run at `due`, or earlier where an earlier one is planned. One more follows a run that is on."""
        entry = self._entries.setdefault(key, _Entry(None, self.backoff()))
        if entry.due is None or due < entry.due:
            self._plan(key, entry, due)

    def take(self, now: float) -> K | None:
        """A key that is due and does not run; it runs until `succeeded` or `failed` is told."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is None or entry.due != due or entry.running:
                continue
            entry.due, entry.running = None, True
            return key
        return None

    def succeeded(self, key: K, again: float | None = None) -> None:
        """The run ended well. `again`: when it is due next by itself."""
        entry = self._entries[key]
        entry.running = False
        entry.backoff.reset()
        if entry.due is not None:
            self._plan(key, entry, entry.due if again is None else min(entry.due, again))
        elif again is not None:
            self._plan(key, entry, again)
        else:
            del self._entries[key]

    def failed(self, key: K, now: float, at_least: float = 0.0) -> float:
        """The run failed: it is due again after the returned seconds, `at_least` at the soonest.

        What was asked for meanwhile may have mended it, so it waits for the backoff alone: never in a tight loop.
        """
        entry = self._entries[key]
        entry.running = False
        wait = max(entry.backoff.next(), at_least if entry.due is None else 0.0)
        self._plan(key, entry, now + wait)
        return wait

    def next_due(self) -> float | None:
        """When the next key that does not run is due."""
        while self._heap:
            due, _, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due == due and not entry.running:
                return due
            heapq.heappop(self._heap)
        return None

    def __len__(self) -> int:
        """How many keys wait or run."""
        return len(self._entries)

    def _plan(self, key: K, entry: _Entry, due: float) -> None:
        entry.due = due
        self._pushed += 1
        heapq.heappush(self._heap, (due, self._pushed, key))
