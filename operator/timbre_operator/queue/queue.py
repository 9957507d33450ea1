"""The queue at work: a bounded number of passes at once, errors told by their type."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from timbre_common.backoff import Backoff
from timbre_common.errors import Permanent, TimbreError, Transient
from timbre_operator.queue.key import Key
from timbre_operator.queue.schedule import Schedule

_log = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]
"""One pass over a key. Idempotent. Returns the seconds after which it wants to run again by itself, or None."""

_CAP: Final = 60.0
"""Seconds between tries of what keeps failing, at most."""


class Observer(Protocol):
    """Who is told about passes, such as the metrics."""

    def passed(self, key: Key, seconds: float, error: Exception | None) -> None:
        """A pass over `key` ended after `seconds`."""
        ...


class Queue:
    """Runs `reconcile` for every key that was added: keys in parallel, one key never twice at once.

    workers: passes at once, at most. gather: seconds that a key waits for more of the same before it runs.
    """

    def __init__(self, reconcile: Reconcile, observer: Observer, *, workers: int = 8, gather: float = 0.1) -> None:
        self._reconcile = reconcile
        self._observer = observer
        self._workers = workers
        self._gather = gather
        self._schedule: Schedule[Key] = Schedule(lambda: Backoff(first=0.5, cap=_CAP, floor=0.25))
        self._changed = asyncio.Event()
        self._running = 0

    def add(self, key: Key, after: float = 0.0) -> None:
        """Ask for a pass in `after` seconds. Never blocks, never full: there are as many places as keys."""
        self._schedule.add(key, time.monotonic() + max(after, self._gather))
        self._changed.set()

    def add_all(self, keys: Iterable[Key]) -> None:
        """Ask for a pass over each, as soon as can be."""
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        """Keys that wait or run."""
        return len(self._schedule)

    async def run(self) -> None:
        """Work until cancelled; passes under way are cancelled with it."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                while self._running < self._workers and (key := self._schedule.take(time.monotonic())) is not None:
                    self._running += 1
                    tasks.create_task(self._pass(key))
                await self._wait(idle=self._running < self._workers)

    async def _wait(self, *, idle: bool) -> None:
        """Until something changed or, where a worker is idle, the next key is due."""
        due = self._schedule.next_due() if idle else None
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - time.monotonic())):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _pass(self, key: Key) -> None:
        began = time.monotonic()
        error: Exception | None = None
        try:
            again = await self._reconcile(key)
            self._schedule.succeeded(key, None if again is None else time.monotonic() + again)
        except Exception as raised:  # whatever a pass meets, the queue goes on
            error = raised
            self._retry(key, raised)
        finally:
            self._running -= 1
            self._changed.set()
        self._observer.passed(key, time.monotonic() - began, error)

    def _retry(self, key: Key, error: Exception) -> None:
        at_least = _CAP if isinstance(error, Permanent) else 0.0
        if isinstance(error, Transient):
            at_least = error.retry_after or 0.0
        wait = self._schedule.failed(key, time.monotonic(), at_least)
        where = f"{key.kind} {key.namespace}/{key.engine}"
        if isinstance(error, TimbreError):
            _log.warning("%s: %s; again in %.1f s", where, error, wait)
        else:
            _log.error("%s failed; again in %.1f s", where, wait, exc_info=error)
