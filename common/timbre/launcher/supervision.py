"""When a process that ended is started again, and when to give up. Pure: the caller brings the clock."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from timbre_common.backoff import Backoff

MAX_DEATHS: Final = 5
WINDOW: Final = 60.0
"""Seconds: more than MAX_DEATHS of one process within it, and it is given up."""


@dataclass
class Deaths:
    """The ends of one process."""

    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.2, cap=5.0, floor=0.1))
    restart_at: float | None = None
    """When to start it again; None: it runs."""
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DEATHS + 1))

    def died(self, now: float) -> bool:
        """Note its end at `now`, seconds. False: it ended too often, give up."""
        if self._times and now - self._times[-1] > WINDOW:
            self.backoff.reset()
        self._times.append(now)
        self.restart_at = now + self.backoff.next()
        return len(self._times) <= MAX_DEATHS or now - self._times[0] > WINDOW

    def due(self, now: float) -> bool:
        """Whether to start it now; answers so once an end."""
        if self.restart_at is None or now < self.restart_at:
            return False
        self.restart_at = None
        return True
