"""Logging: one line an event on stderr, and a filter against floods. Texts and tokens never reach a log."""

import logging
import sys
import time
from collections.abc import Hashable

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: str) -> None:
    """Log to stderr at `level` (debug, info, warning, error)."""
    logging.basicConfig(level=level.upper(), format=FORMAT, stream=sys.stderr, force=True)


class OnceInAWhile:
    """Lets a key through at most once every `period` seconds; holds at most `bound` keys."""

    def __init__(self, period: float = 60.0, bound: int = 256) -> None:
        self._period = period
        self._bound = bound
        self._last: dict[Hashable, float] = {}
        self._skipped: dict[Hashable, int] = {}

    def allow(self, key: Hashable, now: float | None = None) -> int | None:
        """None where it was let through lately; otherwise how many were skipped since."""
        now = time.monotonic() if now is None else now
        last = self._last.get(key)
        if last is not None and now - last < self._period:
            self._skipped[key] = self._skipped.get(key, 0) + 1
            return None
        if last is None and len(self._last) >= self._bound:
            oldest = min(self._last, key=lambda known: self._last[known])
            del self._last[oldest]
            self._skipped.pop(oldest, None)
        self._last[key] = now
        return self._skipped.pop(key, 0)
