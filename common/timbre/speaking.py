"""Making an agent speak: the message, and what its answers on Redis mean. No sockets here."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import uuid4

from timbre.errors import NotSpoken
from timbre_common import hlink
from timbre_common.errors import InvalidInput
from timbre_common.hlink import Message, MessageType, Metadata, Payload, Recipient, Sender
from timbre_common.names import BRIDGE_ROLE

ROLE: Final = "timbre-client"
"""`sender.role` of what this client publishes."""


class Wait(StrEnum):
    """How long `say` waits: until the message is sent, the first sound is sent to listeners, or the speech is over."""

    SENT = "sent"
    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of a message."""

    agent_id: str
    message_id: str
    context_id: str | None = None
    """The utterance, as listeners and `cancel` know it; None before the first sound."""
    first_sound_s: float | None = None
    """Seconds from sending the message until word came that its first sound was sent; None: no sound yet."""
    listeners: int | None = None
    """Listeners that the first sound was sent to; None where the bridge does not say."""
    reason: str | None = None
    """Why the speech ended: finished, cancelled, replaced, expired, empty, failed; None while it goes on."""
    heard_text: str | None = None
    heard_ms: int | None = None
    """What was heard of it, where it was cut short."""


def request(agent: str, text: str, *, emotion: str | None, language: str | None, room: str | None) -> Message:
    """The H-Link message that makes `agent` say `text`. Raises InvalidInput."""
    if not agent.strip():
        raise InvalidInput("the name of an agent is right, not an empty string", "agent")
    if not text.strip():
        raise InvalidInput("something to say is right, not an empty string", "text")
    # A correlation_id of its own: messages that share one are spoken as one utterance.
    message_id = str(uuid4())
    return Message(
        type=MessageType.TTS_REQUEST,
        id=message_id,
        sender=Sender(agent_id=agent.strip(), role=ROLE),
        recipient=Recipient(target="broadcast", room=room),
        payload=Payload(content=text, emotion=emotion, language=language),
        metadata=Metadata(correlation_id=message_id),
    )


@dataclass
class Answers:
    """Follows one said message through what the bridge publishes about it."""

    message: Message
    sent_at: float
    """Seconds, on the clock of `receive`."""
    spoken: Spoken = field(init=False)

    def __post_init__(self) -> None:
        self.spoken = Spoken(self.message.agent_id, self.message.id)

    def receive(self, data: bytes | str, now: float) -> None:
        """Take in one message of the channel; what is not an answer to ours changes nothing. Raises NotSpoken."""
        try:
            answer = hlink.parse(data)
        except InvalidInput:
            return
        if answer.sender.role != BRIDGE_ROLE or answer.metadata.correlation_id != self.message.id:
            return
        payload = answer.payload
        match answer.type:
            case MessageType.TTS_START:
                self.spoken = replace(
                    self.spoken,
                    context_id=payload.context_id,
                    first_sound_s=now - self.sent_at,
                    listeners=payload.listeners,
                )
            case MessageType.TTS_END:
                self.spoken = replace(
                    self.spoken,
                    context_id=payload.context_id or self.spoken.context_id,
                    reason=payload.reason or "finished",
                    heard_text=payload.heard_text,
                    heard_ms=payload.heard_ms,
                )
            case MessageType.TTS_ERROR:
                raise NotSpoken(payload.message or "the bridge says that it failed")

    def enough(self, wait: Wait) -> bool:
        """Whether what is known is what was waited for."""
        ended = self.spoken.reason is not None
        return ended or (wait is Wait.START and self.spoken.first_sound_s is not None) or wait is Wait.SENT
