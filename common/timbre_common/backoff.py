"""Backoff as a pure object: how long to wait before the next try."""

from dataclasses import dataclass
from random import Random


@dataclass
class Backoff:
    """Exponential backoff with full jitter, capped.

    first: the upper bound of the first wait, seconds. cap: the upper bound of any wait, seconds.
    floor: the lower bound of any wait, seconds, so that a refused connection never becomes a busy loop.
    """

    first: float = 0.1
    cap: float = 5.0
    floor: float = 0.05
    random: Random = Random()  # noqa: S311,RUF009 -- jitter needs no cryptography
    tries: int = 0

    def next(self) -> float:
        """Seconds to wait before the next try."""
        bound = min(self.cap, self.first * 2.0 ** min(self.tries, 30))
        self.tries += 1
        return max(self.floor, self.random.uniform(0, bound))

    def reset(self) -> None:
        """Start over, after a success."""
        self.tries = 0
