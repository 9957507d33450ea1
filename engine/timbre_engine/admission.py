"""Who may speak now: a fixed number of slots, and a bounded queue before them."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from timbre_common.errors import Busy, TimbreError

_LEAST_RETRY_S: Final = 1.0
_MOST_RETRY_S: Final = 30.0
_SMOOTHING: Final = 0.2
"""Weight of the newest utterance in the mean time that a slot is held."""


@dataclass(slots=True)
class Slot:
    """A place in which one utterance at a time is made."""

    id: int
    voice: str | None = None
    """Whose utterance it is; None: free."""
    since: float = 0.0
    """When it was taken, seconds of the monotonic clock."""
    samples: int = 0
    """Samples of its utterance that were made."""


class Admission:
    """Gives slots first come, first served. Where every slot and every place in the queue are taken, Busy is raised."""

    def __init__(self, slots: int, queue: int) -> None:
        self.slots = [Slot(index) for index in range(slots)]
        self._free = list(reversed(self.slots))
        self._places = queue
        self._waiting: deque[asyncio.Future[Slot]] = deque()
        self._mean_held_s = _LEAST_RETRY_S
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """Slots that are taken."""
        return len(self.slots) - len(self._free)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    async def idle(self) -> None:
        """Waits until no slot is taken."""
        await self._idle.wait()

    def refuse_waiting(self, error: TimbreError) -> None:
        """Whoever is in the queue leaves it with this error."""
        while self._waiting:
            self._waiting.popleft().set_exception(error)

    def _refuse_when_full(self) -> None:
        if not self._free and len(self._waiting) >= self._places:
            raise Busy("every slot and every place in the queue are taken", retry_after=self._retry_after())

    @asynccontextmanager
    async def slot(self, voice: str) -> AsyncIterator[Slot]:
        """A slot for as long as the context lasts; waits for it. Raises Busy, and what the queue is refused with.

        Whoever is cancelled while waiting has left the queue at once.
        """
        slot = await self._take()
        self._idle.clear()
        slot.voice, slot.since, slot.samples = voice, time.monotonic(), 0
        try:
            yield slot
        finally:
            self._mean_held_s += _SMOOTHING * (time.monotonic() - slot.since - self._mean_held_s)
            slot.voice = None
            self._release(slot)

    async def _take(self) -> Slot:
        if self._free:
            return self._free.pop()
        self._refuse_when_full()
        place: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if not place.done() or place.cancelled():
                self._waiting.remove(place)
            elif place.exception() is None:
                self._release(place.result())
            raise

    def _release(self, slot: Slot) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(slot)
        else:
            self._free.append(slot)
            if not self.running:
                self._idle.set()

    def _retry_after(self) -> float:
        expected = self._mean_held_s * (len(self._waiting) + 1) / len(self.slots)
        return min(_MOST_RETRY_S, max(_LEAST_RETRY_S, expected))
