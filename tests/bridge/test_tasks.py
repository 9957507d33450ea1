"""Ending tasks for certain."""

import asyncio

from timbre_bridge.tasks import cancel


async def test_a_cancellation_that_gets_lost_is_repeated() -> None:
    async def deaf() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(60)

    async def failing() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError

    tasks = [asyncio.create_task(job()) for job in (deaf, failing)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancel(tasks)
    assert all(task.done() for task in tasks)
