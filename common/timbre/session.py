"""A listener's side of `timbre.v1`, without sockets: messages in, events out; each sample comes out once.

One `Session` outlives its connections. For each new one send `open()` first, then give `receive` what arrives.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from timbre.events import (
    Audio,
    AudioDone,
    AudioResumed,
    AudioStarted,
    Cancelled,
    CaptionEvent,
    Connected,
    ErrorEvent,
    Event,
    GoingAway,
    StatusEvent,
)
from timbre_common import frame, protocol
from timbre_common.audio import BYTES_PER_SAMPLE
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.frame import Encoding
from timbre_common.protocol import MAX_START_BYTES, ErrorCode, ResumePoint, ServerMessage, SessionStart

MAX_CONTEXTS: Final = 32
"""Utterances followed at a time; past it the oldest is forgotten. Keeps session.start below its 4 kB."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a listener asks for. None for agents or rooms: all that the token allows."""

    agents: Sequence[str] | None = None
    rooms: Sequence[str] | None = None
    encodings: Sequence[str] = ("s16le",)
    captions: bool = True
    join: str = "live"
    token: str | None = None


@dataclass
class _Context:
    """An utterance on its way."""

    next_sample: int
    epoch: int
    lost: int = 0
    captions: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Pieces that came, by (start_ms, text)."""
    repeatable: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Those of earlier connections, which the bridge may repeat after a reconnection."""


class Session:
    """The protocol's state across connections."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._contexts: dict[str, _Context] = {}
        self._streams: dict[int, str] = {}

    def open(self) -> str:
        """The `session.start` of a new connection. Raises TooLarge where it names too much."""
        self._streams.clear()
        for context in self._contexts.values():
            context.repeatable = context.captions.copy()
        wish = self._wish
        message = protocol.encode(
            SessionStart(
                token=wish.token,
                agents=None if wish.agents is None else list(wish.agents),
                rooms=None if wish.rooms is None else list(wish.rooms),
                encodings=list(wish.encodings),
                captions=wish.captions,
                join=wish.join,
                resume=[ResumePoint(key, context.next_sample) for key, context in self._contexts.items()] or None,
            )
        )
        if len(message.encode()) > MAX_START_BYTES:
            raise TooLarge(f"token, agents and rooms have at most {MAX_START_BYTES} bytes together", "session.start")
        return message

    def receive(self, message: str | bytes) -> list[Event]:
        """What a message means. What is newer than this code means nothing. Raises InvalidInput where malformed."""
        if isinstance(message, bytes):
            sound = frame.decode(message)
            return [] if sound is None else self._audio(sound)
        known = protocol.decode_server(message)
        return [] if known is None else self._control(known)

    def _control(self, message: ServerMessage) -> list[Event]:
        match message:
            case protocol.AudioStart():
                return [self._start(message)]
            case protocol.Caption():
                return self._caption(message)
            case protocol.AudioDone():
                context = self._forget(message.context_id)
                complete = context is None or (not context.lost and context.next_sample >= message.samples)
                return [AudioDone(message.context_id, message.samples, message.reason, complete)]
            case protocol.ContextCancelled():
                self._forget(message.context_id)
                return [Cancelled(message.context_id, message.heard_ms, message.heard_text, message.estimated)]
            case protocol.Error():
                if message.code is ErrorCode.RESUME_GONE and message.context_id is not None:
                    self._forget(message.context_id)
                return [ErrorEvent(message.code, message.message, message.context_id, message.event_id)]
            case _:
                return [_news(message)]

    def _start(self, start: protocol.AudioStart) -> Event:
        self._streams[start.stream_id] = start.context_id
        context = self._contexts.get(start.context_id)
        if context is not None:
            context.epoch = max(context.epoch, start.epoch)
            return AudioResumed(start.context_id, start.encoding, start.first_sample, start.pre_skip)
        if len(self._contexts) >= MAX_CONTEXTS:
            self._forget(next(iter(self._contexts)))
        self._contexts[start.context_id] = _Context(start.first_sample, start.epoch)
        return AudioStarted(
            context_id=start.context_id,
            agent_id=start.agent_id,
            room=start.room,
            emotion=start.emotion,
            encoding=start.encoding,
            first_sample=start.first_sample,
            pre_skip=start.pre_skip,
            ttfb_ms=start.ttfb_ms,
        )

    def _audio(self, sound: frame.Frame) -> list[Event]:
        context_id = self._streams.get(sound.stream_id, "")
        context = self._contexts.get(context_id)
        if context is None or sound.epoch < context.epoch:
            return []
        end = sound.first_sample + sound.n_samples
        known = max(0, context.next_sample - sound.first_sample)
        if known >= sound.n_samples:
            return []
        missing = max(0, sound.first_sample - context.next_sample)
        context.lost += missing
        context.next_sample = end
        # An Opus packet is whole or nothing; `samples` says how many at its end are new.
        skipped = known * BYTES_PER_SAMPLE if sound.encoding is Encoding.S16LE else 0
        return [
            Audio(
                context_id=context_id,
                first_sample=end - sound.n_samples + known,
                samples=sound.n_samples - known,
                data=bytes(sound.payload[skipped:]),
                encoding=sound.encoding.name.lower(),
                missing=missing,
            )
        ]

    def _caption(self, caption: protocol.Caption) -> list[Event]:
        context = self._contexts.get(caption.context_id)
        key = (caption.start_ms, caption.text)
        if context is None:
            return []
        if context.repeatable[key]:
            context.repeatable[key] -= 1
            return []
        context.captions[key] += 1
        return [CaptionEvent(caption.context_id, caption.text, caption.start_ms, caption.end_ms, caption.estimated)]

    def _forget(self, context_id: str) -> _Context | None:
        self._streams = {stream: context for stream, context in self._streams.items() if context != context_id}
        return self._contexts.pop(context_id, None)


def _news(message: ServerMessage) -> Event:
    match message:
        case protocol.SessionReady():
            return Connected(
                session_id=message.session_id,
                agents=tuple(message.agents),
                rooms=tuple(message.rooms),
                encoding=message.encoding,
                can_speak=message.can_speak,
                server=message.server,
            )
        case protocol.Status():
            return StatusEvent(tuple(message.agents), tuple(message.engines), tuple(message.waiting), message.redis)
        case protocol.GoingAway():
            return GoingAway(message.deadline_ms)
        case _:
            raise InvalidInput("not a message of the bridge", "type")
