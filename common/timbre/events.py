"""What a listener is told, as typed events. Positions are samples at 24 kHz from the utterance's start."""

from dataclasses import dataclass

from timbre_common.protocol import AgentInfo, DoneReason, EngineInfo, ErrorCode, Waiting


@dataclass(frozen=True, slots=True)
class Connected:
    """The bridge answered; sent again after every reconnection."""

    session_id: str
    agents: tuple[AgentInfo, ...]
    rooms: tuple[str, ...]
    encoding: str
    can_speak: bool
    server: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection was lost; the next try comes in `retry_in` seconds. Nothing needs to be done."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The bridge stops within `deadline_ms`; the client reconnects by itself."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """State of agents, engines, the queue and Redis, whenever it changes."""

    agents: tuple[AgentInfo, ...]
    engines: tuple[EngineInfo, ...]
    waiting: tuple[Waiting, ...]
    redis: bool = True
    """Whether the bridge hears what agents publish."""


@dataclass(frozen=True, slots=True)
class AudioStarted:
    """An agent begins to speak: once an utterance, however often the connection is lost.

    `first_sample` is above 0 where the listener joined in the middle. `ttfb_ms` is what the bridge measured. Decoded
    Opus loses its first `pre_skip` samples (at 24 kHz).
    """

    context_id: str
    agent_id: str
    room: str
    emotion: str
    encoding: str
    first_sample: int
    pre_skip: int
    ttfb_ms: float


@dataclass(frozen=True, slots=True)
class AudioResumed:
    """After a reconnection, or another bridge's taking over, the utterance goes on. Opus: a new decoder begins here."""

    context_id: str
    encoding: str
    first_sample: int
    pre_skip: int


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound. `data`: int16 little-endian mono at 24 kHz (s16le), or one Opus packet; `samples` of it are new.

    Each sample comes once. `missing` samples before `first_sample` never came.
    """

    context_id: str
    first_sample: int
    samples: int
    data: bytes
    encoding: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class CaptionEvent:
    """A piece of the text as spoken; the pieces of an utterance together are all of it."""

    context_id: str
    text: str
    start_ms: int
    end_ms: int | None
    estimated: bool


@dataclass(frozen=True, slots=True)
class AudioDone:
    """The utterance's end; `samples` is its whole length. `complete`: nothing was lost on the way here."""

    context_id: str
    samples: int
    reason: DoneReason
    complete: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The utterance was cut short (barge-in); nothing of it follows."""

    context_id: str
    heard_ms: int
    heard_text: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """What went wrong, without ending the connection. `resume_gone` ends the utterance `context_id`."""

    code: ErrorCode
    message: str
    context_id: str | None
    event_id: str | None


Event = (
    Connected
    | Disconnected
    | GoingAway
    | StatusEvent
    | AudioStarted
    | AudioResumed
    | Audio
    | CaptionEvent
    | AudioDone
    | Cancelled
    | ErrorEvent
)
