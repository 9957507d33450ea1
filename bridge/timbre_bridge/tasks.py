"""Ending tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_PERIOD: Final = 0.5


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended; what they raise is dropped.

    A cancellation can get lost in a library that is just about to time out or to answer, so it is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=_PERIOD)
        for task in done:
            if not task.cancelled():
                task.exception()
