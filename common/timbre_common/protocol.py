"""The JSON messages of `timbre.v1` between the bridge and its listeners.

Each struct is one type of message; its tag is the `type` field. Unknown fields are ignored, unknown types are told
apart from malformed ones, so that a server can answer `unknown_type` and a client can ignore what is newer than it.
"""

from enum import IntEnum, StrEnum
from typing import Annotated, Final, TypeVar

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, TooLarge

MAX_START_BYTES: Final = 4_096
MAX_CLIENT_BYTES: Final = 64 << 10

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Ms = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Names = Annotated[list[Name], msgspec.Meta(max_length=256)]


class CloseCode(IntEnum):
    """WebSocket close codes of the bridge."""

    GOING_AWAY = 1012
    MALFORMED = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NO_START = 4408
    TOO_LARGE = 4413
    TOO_SLOW = 4429


class ErrorCode(StrEnum):
    """Codes of an `error` message."""

    UNSUPPORTED = "unsupported"
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_CONTEXT = "unknown_context"
    RESUME_GONE = "resume_gone"
    RATE_LIMITED = "rate_limited"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    INTERNAL = "internal"


class DoneReason(StrEnum):
    """Why an utterance ended; `cancelled` travels only in H-Link's `tts_end`."""

    FINISHED = "finished"
    REPLACED = "replaced"
    EXPIRED = "expired"
    EMPTY = "empty"
    FAILED = "failed"
    CANCELLED = "cancelled"


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all messages share."""

    event_id: Id | None = None


class ResumePoint(msgspec.Struct, frozen=True):
    """Where a listener goes on: the first sample that it does not have yet."""

    context_id: Id
    next_sample: Natural


class SessionStart(_Message, frozen=True, tag="session.start"):
    """The first message of a connection; sent again, it replaces all that it names."""

    token: str | None = None
    agents: Names | None = None
    rooms: Names | None = None
    encodings: Names | None = None
    captions: bool | None = None
    join: str | None = None
    resume: Annotated[list[ResumePoint], msgspec.Meta(max_length=64)] | None = None


class PlaybackUpdate(_Message, frozen=True, tag="playback.update"):
    """What the listener has played."""

    context_id: Id
    played_ms: Ms
    buffered_ms: Ms = 0
    first_audio_ms: Ms | None = None
    underruns: Natural | None = None


class ContextCancel(_Message, frozen=True, tag="context.cancel"):
    """Barge-in."""

    context_id: Id
    played_ms: Ms | None = None


class TextSpeak(_Message, frozen=True, tag="text.speak"):
    """Makes an agent speak, where allowed."""

    agent_id: Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    room: Name | None = None
    emotion: Name | None = None
    language: Name | None = None


class AgentInfo(msgspec.Struct, frozen=True):
    """An agent that has a voice."""

    agent_id: str
    name: str
    colour: str
    languages: list[str]


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine, and whether it answers."""

    name: str
    ready: bool


class Waiting(msgspec.Struct, frozen=True):
    """An utterance that waits for the floor."""

    context_id: str
    agent_id: str
    room: str


class SessionReady(_Message, frozen=True, tag="session.ready"):
    """The answer to `session.start`."""

    session_id: str
    agents: list[AgentInfo]
    rooms: list[str]
    encoding: str
    can_speak: bool
    server: str


class Status(_Message, frozen=True, tag="status"):
    """State of the parts, whenever it changes, at most once a second."""

    agents: list[AgentInfo]
    engines: list[EngineInfo]
    waiting: list[Waiting]
    redis: bool = True
    """Whether the bridge hears what is published on Redis; left out while it does."""


class AudioStart(_Message, frozen=True, tag="audio.start"):
    """Binds a stream to a context."""

    context_id: str
    stream_id: int
    agent_id: str
    room: str
    emotion: str
    encoding: str
    epoch: int
    first_sample: int
    pre_skip: int
    ttfb_ms: float
    sample_rate: int


class Caption(_Message, frozen=True, tag="caption"):
    """A piece of the text as spoken; the pieces together are all of it."""

    context_id: str
    text: str
    start_ms: int
    estimated: bool
    end_ms: int | None = None


class AudioDone(_Message, frozen=True, tag="audio.done"):
    """The utterance's end; `samples` is its whole length."""

    context_id: str
    samples: int
    reason: DoneReason


class ContextCancelled(_Message, frozen=True, tag="context.cancelled"):
    """In place of `audio.done`; nothing of that context follows."""

    context_id: str
    heard_ms: int
    heard_text: str
    estimated: bool


class GoingAway(_Message, frozen=True, tag="session.going_away"):
    """Connect again with jitter and resume."""

    deadline_ms: int


class Error(_Message, frozen=True, tag="error"):
    """What went wrong; `event_id` is that of the message that caused it."""

    code: ErrorCode
    message: str
    context_id: str | None = None
    retry_after_ms: int | None = None


ClientMessage = SessionStart | PlaybackUpdate | ContextCancel | TextSpeak
ServerMessage = SessionReady | Status | AudioStart | Caption | AudioDone | ContextCancelled | GoingAway | Error

CLIENT_TYPES: Final = ("session.start", "playback.update", "context.cancel", "text.speak")
SERVER_TYPES: Final = (
    "session.ready",
    "status",
    "audio.start",
    "caption",
    "audio.done",
    "context.cancelled",
    "session.going_away",
    "error",
)


class Envelope(msgspec.Struct, frozen=True):
    """What every message has, known or not."""

    type: str
    event_id: str | None = None


class UnknownType(InvalidInput):
    """A well-formed message of a type that this code does not know."""

    def __init__(self, envelope: Envelope) -> None:
        super().__init__(f"{envelope.type[:64]!r} is not a known type", "type")
        self.event_id = envelope.event_id


T = TypeVar("T")


def _decode(data: str | bytes, known: tuple[str, ...], kind: type[T]) -> T:
    envelope = decoding.from_json(data, Envelope)
    if envelope.type not in known:
        raise UnknownType(envelope)
    return decoding.from_json(data, kind)


def decode_client(data: str) -> ClientMessage:
    """A listener's message. Raises TooLarge, UnknownType, or InvalidInput that names the field."""
    if len(data.encode()) > MAX_CLIENT_BYTES:
        raise TooLarge(f"at most {MAX_CLIENT_BYTES} bytes are right", "message")
    return _decode(data, CLIENT_TYPES, ClientMessage)  # type: ignore[arg-type]


def event_id_of(data: str) -> str | None:
    """The `event_id` of a message that could not be decoded, where it has one."""
    try:
        return decoding.from_json(data, Envelope).event_id
    except InvalidInput:
        return None


def decode_server(data: str | bytes) -> ServerMessage | None:
    """The bridge's message; None for a type newer than this code. Raises InvalidInput where malformed."""
    try:
        return _decode(data, SERVER_TYPES, ServerMessage)  # type: ignore[arg-type]
    except UnknownType:
        return None


def encode(message: ClientMessage | ServerMessage) -> str:
    """The message as JSON text."""
    return msgspec.json.encode(message).decode()
