"""What the bridge tells the agents on Redis: tts_start, tts_end, tts_error."""

import asyncio
import contextlib
import logging
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from timbre_bridge.metrics import Metrics
from timbre_bridge.utterance import Utterance
from timbre_common.hlink import Message, MessageType, Metadata, Payload, Recipient, Sender
from timbre_common.names import BRIDGE_ROLE
from timbre_common.protocol import ContextCancelled, DoneReason

log = logging.getLogger(__name__)

_BOUND: Final = 1_024
_RETRY: Final = 0.5


class Announcer:
    """Publishes in order from a bounded queue; when it is full (Redis away), the oldest announcement is dropped."""

    def __init__(self, redis: Redis, channel: str, metrics: Metrics) -> None:
        self._redis = redis
        self._channel = channel
        self._metrics = metrics
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_BOUND)

    def start(self, utterance: Utterance, listeners: int) -> None:
        """The first audio is about to be sent, to so many listeners."""
        self._put(MessageType.TTS_START, utterance, Payload(context_id=utterance.context_id, listeners=listeners))

    def end(self, utterance: Utterance, reason: DoneReason, cancelled: ContextCancelled | None = None) -> None:
        """The utterance is over."""
        payload = Payload(context_id=utterance.context_id, reason=reason)
        if cancelled is not None:
            payload = Payload(
                context_id=utterance.context_id,
                reason=reason,
                heard_text=cancelled.heard_text,
                heard_ms=cancelled.heard_ms,
            )
        self._put(MessageType.TTS_END, utterance, payload)

    def error(self, utterance: Utterance, message: str) -> None:
        """Something of the utterance cannot be said."""
        self._put(MessageType.TTS_ERROR, utterance, Payload(context_id=utterance.context_id, message=message))

    def _put(self, kind: MessageType, utterance: Utterance, payload: Payload) -> None:
        message = Message(
            type=kind,
            sender=Sender(agent_id=BRIDGE_ROLE, role=BRIDGE_ROLE),
            recipient=Recipient(target=utterance.agent_id, room=utterance.room),
            payload=payload,
            metadata=Metadata(correlation_id=utterance.correlation_id),
        )
        if self._queue.full():
            self._queue.get_nowait()
            self._queue.task_done()
            self._metrics.announcements_dropped.inc()
        self._queue.put_nowait(message.encode())

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            data = await self._queue.get()
            while True:
                try:
                    await self._redis.publish(self._channel, data)
                    self._queue.task_done()
                    break
                except (RedisError, OSError, TimeoutError):
                    await asyncio.sleep(_RETRY)

    async def drain(self, within: float) -> None:
        """Give what is queued a last chance to leave, for at most `within` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._queue.join()
