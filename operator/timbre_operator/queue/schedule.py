"""When each key is due, as a pure object: time is passed in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from timbre_common.backoff import Backoff

K = TypeVar("K")


@dataclass
class _Entry:
    backoff: Backoff
    due: float = inf
    """Seconds; inf while it runs and nobody asked again."""
    running: bool = False


@dataclass
class Schedule(Generic[K]):
    """Keys and when they are due.

    A key is there once however often it is added, runs once at a time, and is forgotten when it has succeeded and
    nobody asked again: so the number of keys bounds it. One that fails is tried again for ever, at growing intervals.
    """

    backoff: Callable[[], Backoff]
    _entries: dict[K, _Entry] = field(default_factory=dict)

    def add(self, key: K, due: float) -> None:
        """Ask for a run at `due`, or earlier where an earlier one is planned. One more follows a run that is on."""
        entry = self._entries.setdefault(key, _Entry(self.backoff()))
        entry.due = min(entry.due, due)

    def take(self, now: float) -> K | None:
        """A key that is due and does not run; it runs until `succeeded` or `failed` is told."""
        key = self._first()
        if key is None or self._entries[key].due > now:
            return None
        entry = self._entries[key]
        entry.due, entry.running = inf, True
        return key

    def succeeded(self, key: K, again: float | None = None) -> None:
        """The run ended well. `again`: when it is due next by itself."""
        entry = self._entries[key]
        entry.running = False
        entry.backoff.reset()
        entry.due = min(entry.due, inf if again is None else again)
        if entry.due == inf:
            del self._entries[key]

    def failed(self, key: K, now: float, at_least: float = 0.0) -> float:
        """The run failed: it is due again after the returned seconds, `at_least` at the soonest.

        What was asked for meanwhile may have mended it, so it waits for the backoff alone: never in a tight loop.
        """
        entry = self._entries[key]
        entry.running = False
        wait = max(entry.backoff.next(), at_least if entry.due == inf else 0.0)
        entry.due = now + wait
        return wait

    def next_due(self) -> float | None:
        """When the next key that does not run is due."""
        key = self._first()
        return None if key is None else self._entries[key].due

    def __len__(self) -> int:
        """How many keys wait or run."""
        return len(self._entries)

    def _first(self) -> K | None:
        """The key that is due before all others that do not run, by a look at each.

        A heap would be longer than there are keys: it keeps a plan until its time, also where an earlier one came.
        """
        waiting = (key for key, entry in self._entries.items() if not entry.running)
        return min(waiting, key=lambda key: self._entries[key].due, default=None)
