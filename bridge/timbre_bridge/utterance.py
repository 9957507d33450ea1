"""An utterance: one thing an agent says, in one context, and its text as it comes."""

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from uuid import uuid4

from timbre_common.errors import InvalidInput


class Priority(IntEnum):
    """Who goes first for the floor."""

    NORMAL = 0
    HIGH = 1
    SYSTEM = 2

    @classmethod
    def named(cls, name: str) -> "Priority":
        """The priority called `name` in H-Link; an unknown one counts as normal."""
        return cls.__members__.get(name.upper(), cls.NORMAL)


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What is known of an utterance when it begins. Times are of the bridge's monotonic clock, seconds."""

    agent_id: str
    room: str
    received_at: float
    emotion: str = "neutral"
    language: str | None = None
    priority: Priority = Priority.NORMAL
    correlation_id: str | None = None
    expires_at: float | None = None
    """When it is no longer worth saying (`metadata.ttl`); None: never."""
    context_id: str = field(default_factory=lambda: str(uuid4()))


class Script:
    """The text of an utterance, written piece by piece and read by one maker, from the start as often as it needs.

    Holds at most `max_chars` characters: `write` past it raises InvalidInput and keeps what fits.
    """

    def __init__(self, max_chars: int) -> None:
        self.pieces: list[str] = []
        self.closed = False
        self._left = max_chars
        self._changed = asyncio.Event()

    def write(self, piece: str) -> None:
        """Append a piece; an empty one or one after `close` is nothing."""
        if not piece or self.closed:
            return
        fits = piece[: self._left]
        self._left -= len(fits)
        if fits:
            self.pieces.append(fits)
            self._changed.set()
        if len(fits) < len(piece):
            raise InvalidInput("the utterance is longer than the bridge's max_chars; the rest is not spoken", "content")

    def close(self) -> None:
        """No more text comes."""
        self.closed = True
        self._changed.set()

    async def wait(self, read: int) -> list[str]:
        """Pieces from number `read` on, once there are some; [] when the script is closed and read."""
        while len(self.pieces) <= read and not self.closed:
            self._changed.clear()
            await self._changed.wait()
        return self.pieces[read:]
