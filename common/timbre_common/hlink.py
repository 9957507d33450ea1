"""H-Link: the JSON message that agents publish on Redis."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, TooLarge

MAX_MESSAGE_BYTES: Final = 1 << 20
"""A larger message is refused unread."""

EMOTIONS: Final = (
    "neutral",
    "happy",
    "sad",
    "angry",
    "shy",
    "alert",
    "surprised",
    "confused",
    "thinking",
    "emergency",
    "glitch",
)


class MessageType(StrEnum):
    """Types that Timbre acts on; every other type is never spoken."""

    NARRATIVE_TEXT = "narrative.text"
    NARRATIVE_CHUNK = "narrative.chunk"
    TTS_REQUEST = "tts_request"
    TTS_START = "tts_start"
    TTS_END = "tts_end"
    TTS_ERROR = "tts_error"


SPOKEN_TYPES: Final = frozenset({MessageType.NARRATIVE_TEXT, MessageType.NARRATIVE_CHUNK, MessageType.TTS_REQUEST})


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks; `agent_id` picks the voice, in any case."""

    agent_id: str
    role: str = ""


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom it is for, and the room to play it in."""

    target: str = "broadcast"
    room: str | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said and how; `content` is a string, or an object that holds the text under `text` or `content`.

    From `context_id` on: what the bridge itself says in `tts_start`, `tts_end` and `tts_error`.
    """

    content: str | dict[str, Any] = ""
    text: str | None = None
    format: str | None = None
    emotion: str | None = None
    session_id: str | None = None
    language: str | None = None
    index: int | None = None
    is_final: bool | None = None
    context_id: str | None = None
    reason: str | None = None
    heard_text: str | None = None
    heard_ms: int | None = None
    message: str | None = None
    listeners: int | None = None

    @property
    def spoken_text(self) -> str:
        """The text to say; "" where there is none."""
        content = self.content
        if isinstance(content, dict):
            content = next((content[key] for key in ("text", "content") if isinstance(content.get(key), str)), "")
        return content or self.text or ""


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Delivery: priority, what belongs together, and how long it is worth saying (`ttl`, seconds)."""

    priority: str | None = None
    correlation_id: str | None = None
    ttl: float | None = None
    traceparent: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One H-Link message."""

    type: str
    sender: Sender
    id: str = msgspec.field(default_factory=lambda: str(uuid4()))
    timestamp: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat())
    recipient: Recipient = Recipient()
    payload: Payload = Payload()
    metadata: Metadata = Metadata()

    @property
    def agent_id(self) -> str:
        """The sender's agent in lower case, as voices are named."""
        return self.sender.agent_id.strip().lower()

    def encode(self) -> bytes:
        """The message as JSON."""
        return msgspec.json.encode(self)


def parse(data: bytes | str) -> Message:
    """The message in `data`. Raises TooLarge, or InvalidInput that names the field."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise TooLarge(f"{len(data)} bytes; at most {MAX_MESSAGE_BYTES} are read", "message")
    message = decoding.from_json(data, Message)
    if not message.agent_id:
        raise InvalidInput("the name of an agent is right, not an empty string", "sender.agent_id")
    return message


def age(message: Message, now: datetime) -> float | None:
    """Seconds from the message's own timestamp to `now`; None where the timestamp is not ISO 8601."""
    try:
        made = datetime.fromisoformat(message.timestamp)
    except ValueError:
        return None
    return (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).total_seconds()
