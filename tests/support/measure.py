"""Measuring on a machine that may be busy with something else."""

from collections.abc import Awaitable, Callable


async def least(once: Callable[[], Awaitable[float]], promised: float, tries: int = 3) -> float:
    """The least of so many measurements, or the first that keeps the promise."""
    measured = await once()
    while measured >= promised and (tries := tries - 1):
        measured = min(measured, await once())
    return measured
