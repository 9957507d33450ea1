"""The order of an utterance's pieces, and what a closing text adds to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_MAX_EARLY: Final = 256


@dataclass
class PieceOrder:
    """Puts pieces in order by their index (from 0); a piece without one is next.

    A missing piece is waited for `wait` seconds, or until 256 later ones are there; then the later ones are spoken.
    A piece that comes after that is dropped: what follows it has been said already.
    """

    wait: float
    deadline: float | None = None
    """When a gap is given up, monotonic seconds; None: there is no gap."""
    _next: int = 0
    _early: dict[int, str] = field(default_factory=dict)
    _last: int | None = None
    muted: bool = False
    """Nothing more is said."""

    def add(self, index: int | None, text: str, now: float, *, last: bool = False) -> list[str]:
        """Pieces that can be said now that this one is here."""
        if index is None:
            index = self._next
        if index < self._next:
            return []
        self._early[index] = text
        if last:
            self._last = index
        ready = self._take()
        if len(self._early) >= _MAX_EARLY:
            ready += self._skip()
        self.deadline = (self.deadline or now + self.wait) if self._early else None
        return self._said(ready)

    def give_up(self, now: float) -> list[str]:
        """Pieces that can be said because a gap was waited for long enough."""
        if self.deadline is None or now < self.deadline:
            return []
        ready = self._skip()
        self.deadline = now + self.wait if self._early else None
        return self._said(ready)

    def drain(self) -> list[str]:
        """All pieces that are left, gaps or not."""
        ready = [self._early[index] for index in sorted(self._early)]
        self._early.clear()
        self.deadline = None
        return self._said(ready)

    @property
    def complete(self) -> bool:
        """Whether the piece that said it is the last has been reached."""
        return self._last is not None and self._next > self._last

    def mute(self) -> None:
        """Say nothing more."""
        self.muted = True

    def _take(self) -> list[str]:
        ready = []
        while self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return ready

    def _skip(self) -> list[str]:
        self._next = min(self._early)
        return self._take()

    def _said(self, texts: list[str]) -> list[str]:
        return [] if self.muted else texts


def not_brought(whole: str, brought: Iterable[str]) -> str:
    """What of `whole` no piece has brought, in order. White space at a piece's ends does not count."""
    missing = []
    position = 0
    for piece in brought:
        core = piece.strip()
        if not core:
            continue
        found = whole.find(core, position)
        if found < 0:
            continue
        missing.append(whole[position:found])
        position = found + len(core)
    missing.append(whole[position:])
    return " ".join(part.strip() for part in missing if part.strip())
