"""From H-Link messages to utterances: what is spoken, which pieces belong together, in which order, and when they end.

Pure: it takes messages and the clock, and returns events. Every memory is bounded; the oldest entry goes first.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from timbre_bridge.pieces import PieceOrder, not_brought
from timbre_bridge.settings import Settings
from timbre_bridge.utterance import Priority, Utterance
from timbre_common import hlink
from timbre_common.hlink import SPOKEN_TYPES, Message, MessageType
from timbre_common.names import BRIDGE_ROLE, DEFAULT_ROOM

_REMEMBERED_IDS: Final = 4_096
_REMEMBERED_KEYS: Final = 1_024
_HEARD_BY_PEOPLE: Final = frozenset({"user", "broadcast"})
_MAX_ROOM_CHARS: Final = 128

K = TypeVar("K")
V = TypeVar("V")

Key = tuple[str, str]
"""(agent, what its pieces share): pieces of one utterance have the same key."""


class Outcome(StrEnum):
    """What became of a message; the label `outcome` of timbre_bridge_messages_total."""

    SPOKEN = "spoken"
    NOT_SPEECH = "not_speech"
    OWN = "own"
    DUPLICATE = "duplicate"
    NOT_FOR_PEOPLE = "not_for_people"
    UNKNOWN_AGENT = "unknown_agent"
    EXPIRED = "expired"
    LATE = "late"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"


@dataclass(frozen=True)
class Begin:
    """An utterance begins."""

    utterance: Utterance


@dataclass(frozen=True)
class Piece:
    """More of an utterance's text."""

    context_id: str
    text: str


@dataclass(frozen=True)
class Close:
    """An utterance's text is complete."""

    context_id: str


@dataclass(frozen=True)
class Expired:
    """An utterance that is no longer worth saying and never began."""

    utterance: Utterance


Event = Begin | Piece | Close | Expired


@dataclass
class _Chunked:
    """An utterance that comes in pieces."""

    utterance: Utterance
    order: PieceOrder
    last_piece: float
    brought: list[str] = field(default_factory=list)


class Intake:
    """Turns messages into events on utterances."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[Key, _Chunked] = OrderedDict()
        self._closed: OrderedDict[Key, _Chunked] = OrderedDict()
        """Closed by silence or by their last piece; a closing text, or more after the silence, may still come."""

    def judge(self, message: Message, *, known: bool) -> Outcome:
        """Whether the message is spoken, or why not. Remembers its id where it is.

        known: somebody speaks for its agent.
        """
        if message.sender.role == BRIDGE_ROLE:
            return Outcome.OWN
        if message.type not in SPOKEN_TYPES:
            return Outcome.NOT_SPEECH
        if message.recipient.target.lower() not in _HEARD_BY_PEOPLE and not self._settings.speak_to_agents:
            return Outcome.NOT_FOR_PEOPLE
        if not known:
            return Outcome.UNKNOWN_AGENT
        if message.id in self._ids:
            return Outcome.DUPLICATE
        _remember(self._ids, message.id, None, _REMEMBERED_IDS)
        return Outcome.SPOKEN

    def accept(self, message: Message, now: float, wall: datetime | None = None) -> list[Event]:
        """Events of a message that is to be spoken. `now`: monotonic seconds; `wall`: the time of day."""
        utterance = _utterance(message, now, wall or datetime.now(UTC))
        if utterance.expires_at is not None and utterance.expires_at <= now:
            return [Expired(utterance)]
        if message.type == MessageType.NARRATIVE_CHUNK:
            return list(self._chunk(message, utterance, now))
        return list(self._whole(message, utterance))

    def tick(self, now: float) -> list[Event]:
        """Events that time alone brings: gaps given up, silent utterances closed."""
        events: list[Event] = []
        for key, entry in list(self._open.items()):
            events += _pieces(entry, entry.order.give_up(now))
            if now - entry.last_piece >= self._settings.chunk_silence:
                events += self._close(key, entry)
        return events

    def forget(self, context_id: str) -> None:
        """The utterance was cancelled: further pieces of it are not spoken, until its text is complete."""
        for entry in (*self._open.values(), *self._closed.values()):
            if entry.utterance.context_id == context_id:
                entry.order.mute()

    def _chunk(self, message: Message, utterance: Utterance, now: float) -> Iterator[Event]:
        key = _key(message)
        entry = self._open.get(key)
        if entry is None:
            entry = self._opened(message, utterance, now)
            if len(self._open) >= _REMEMBERED_KEYS:
                yield from self._close(*next(iter(self._open.items())))
            self._open[key] = entry
            if not entry.order.muted:
                yield Begin(utterance)
        entry.last_piece = now
        payload = message.payload
        yield from _pieces(entry, entry.order.add(payload.index, payload.spoken_text, now, last=bool(payload.is_final)))
        if entry.order.complete:
            yield from self._close(key, entry)

    def _opened(self, message: Message, utterance: Utterance, now: float) -> _Chunked:
        """A new utterance. One that goes on after silence knows what was said of its text, and whether it was cut."""
        entry = _Chunked(utterance, PieceOrder(self._settings.reorder_wait), now)
        before = self._closed.pop(_key(message), None)
        if before and message.metadata.correlation_id and not before.order.complete:
            entry.brought = before.brought
            if before.order.muted:
                entry.order.mute()
        return entry

    def _whole(self, message: Message, utterance: Utterance) -> Iterator[Event]:
        text = message.payload.spoken_text
        key = _key(message)
        entry = self._open.get(key)
        if message.type == MessageType.NARRATIVE_TEXT and message.metadata.correlation_id:
            if entry is not None:
                yield from _pieces(entry, entry.order.drain())
                yield from _pieces(entry, [not_brought(text, entry.brought)])
                yield from self._close(key, entry, drained=True)
                return
            if before := self._closed.pop(key, None):
                text = not_brought(text, before.brought)
                if before.order.muted or not text:
                    return
        yield Begin(utterance)
        yield Piece(utterance.context_id, text)
        yield Close(utterance.context_id)

    def _close(self, key: Key, entry: _Chunked, *, drained: bool = False) -> list[Event]:
        del self._open[key]
        events: list[Event] = []
        if not drained:
            events += _pieces(entry, entry.order.drain())
            _remember(self._closed, key, entry, _REMEMBERED_KEYS)
        return [*events, Close(entry.utterance.context_id)]


def _pieces(entry: _Chunked, texts: list[str]) -> list[Event]:
    texts = [text for text in texts if text]
    entry.brought += texts
    return [Piece(entry.utterance.context_id, text) for text in texts]


def _key(message: Message) -> Key:
    shared = message.metadata.correlation_id or message.payload.session_id or ""
    return message.agent_id, shared


def _utterance(message: Message, now: float, wall: datetime) -> Utterance:
    ttl = message.metadata.ttl
    expires_at = None
    if ttl is not None:
        expires_at = now + ttl - max(0.0, hlink.age(message, wall) or 0.0)
    return Utterance(
        agent_id=message.agent_id,
        room=(message.recipient.room or DEFAULT_ROOM)[:_MAX_ROOM_CHARS],
        received_at=now,
        emotion=(message.payload.emotion or "neutral").lower()[:32],
        language=message.payload.language or None,
        priority=Priority.named(message.metadata.priority or "normal"),
        correlation_id=message.metadata.correlation_id or message.id,
        expires_at=expires_at,
    )


def _remember(memory: OrderedDict[K, V], key: K, value: V, bound: int) -> None:
    memory[key] = value
    if len(memory) > bound:
        memory.popitem(last=False)
