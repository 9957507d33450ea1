"""The queue over a real loop: what it promises of concurrency, errors and coalescing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

import pytest

from support.waiting import until
from timbre_common.errors import ClusterUnavailable
from timbre_operator.queue import Key, Kind, Queue

A, B = Key(Kind.ENGINE, "n", "a"), Key(Kind.ENGINE, "n", "b")


class Seen:
    """Every pass that ended."""

    def __init__(self) -> None:
        self.passes: list[tuple[Key, Exception | None]] = []

    def passed(self, key: Key, seconds: float, error: Exception | None) -> None:
        self.passes.append((key, error))


@asynccontextmanager
async def running(queue: Queue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_flood_of_one_key_becomes_few_passes() -> None:
    seen, going = Seen(), asyncio.Event()

    async def reconcile(key: Key) -> None:
        await going.wait()

    queue = Queue(reconcile, seen, gather=0.0)
    async with running(queue):
        queue.add(A)
        await asyncio.sleep(0)
        for _ in range(1000):
            queue.add(A)
            await asyncio.sleep(0)
        assert len(queue) == 1
        going.set()
        await until(lambda: len(queue) == 0)
    assert 1 <= len(seen.passes) <= 2


async def test_keys_run_beside_each_other_within_the_bound_and_one_key_alone() -> None:
    running_now: Counter[Key] = Counter()
    most = Counter[str]()

    async def reconcile(key: Key) -> None:
        running_now[key] += 1
        most["all"] = max(most["all"], running_now.total())
        most["one"] = max(most["one"], running_now[key])
        await asyncio.sleep(0.01)
        running_now[key] -= 1

    seen = Seen()
    queue = Queue(reconcile, seen, workers=3, gather=0.0)
    keys = [Key(Kind.VOICES, "n", f"e{number}") for number in range(10)]
    async with running(queue):
        for _ in range(5):
            for key in keys:
                queue.add(key)
            await asyncio.sleep(0.005)
        await until(lambda: len(queue) == 0)
    assert most["all"] == 3 and most["one"] == 1


@pytest.mark.parametrize("error", [ClusterUnavailable("away"), RuntimeError("a bug"), TimeoutError()])
async def test_whatever_a_pass_meets_it_is_tried_again_and_others_go_on(error: Exception) -> None:
    tries: Counter[Key] = Counter()

    async def reconcile(key: Key) -> None:
        tries[key] += 1
        if key == A and tries[key] < 3:
            raise error

    seen = Seen()
    queue = Queue(reconcile, seen, gather=0.0)
    async with running(queue):
        queue.add(A)
        queue.add(B)
        await until(lambda: len(queue) == 0)
    assert tries == {A: 3, B: 1}
    assert [told for key, told in seen.passes if key == A] == [error, error, None]


async def test_a_pass_asks_for_the_next_one() -> None:
    passes = 0

    async def reconcile(key: Key) -> float | None:
        nonlocal passes
        passes += 1
        return 0.01 if passes < 3 else None

    queue = Queue(reconcile, Seen(), gather=0.0)
    async with running(queue):
        queue.add(A)
        await until(lambda: len(queue) == 0)
    assert passes == 3


async def test_cancelling_the_queue_cancels_what_runs() -> None:
    cancelled: list[Awaitable[None] | Key] = []

    async def reconcile(key: Key) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(key)
            raise

    queue = Queue(reconcile, Seen(), gather=0.0)
    async with running(queue):
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(0.05)
    assert sorted(str(key) for key in cancelled) == sorted([str(A), str(B)])
