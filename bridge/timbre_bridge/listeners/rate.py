"""A rate limit as a pure object."""

from dataclasses import dataclass, field


@dataclass
class Rate:
    """At most `per_minute` at once, and as many a minute after that."""

    per_minute: int
    _left: float = field(init=False)
    _at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._left = float(self.per_minute)

    def take(self, now: float) -> float:
        """0 where one more may go at `now` (monotonic seconds); otherwise the seconds to wait."""
        self._left = min(self.per_minute, self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        if self._left < 1:
            return (1 - self._left) * 60 / self.per_minute
        self._left -= 1
        return 0.0
