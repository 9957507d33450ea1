"""What was said lately in each room, to be listed and heard again. Text is personal data: it is forgotten in time."""

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from timbre_bridge.recording import Recording
from timbre_bridge.settings import Settings
from timbre_common.audio import ms_of_samples

MAX_ROOMS: Final = 256
"""Rooms with a history; past it the room where nothing was said for the longest time is forgotten."""


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance that is over."""

    context_id: str
    agent_id: str
    room: str
    emotion: str
    text: str
    started_at: str
    """ISO 8601, UTC: when its first sound was due."""
    duration_ms: int
    reason: str
    ttfb_ms: float | None
    """Redis receipt to the first frame sent; None where nobody listened."""
    pcm: bytes
    """s16le, 24 kHz."""
    until: float
    """When it is forgotten, monotonic seconds."""


class History:
    """The last utterances of each room: at most `history` a room, `history_keep` seconds, `history_bytes` in all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rooms: dict[str, deque[Said]] = {}
        self._bytes = 0

    def add(self, recording: Recording, now: float) -> None:
        """Keep what was made of an utterance that has ended; one without sound is not kept."""
        settings = self._settings
        if not settings.history or recording.air_at is None or not recording.samples:
            return
        utterance = recording.utterance
        sent_at = recording.first_sent.frame_at if recording.first_sent else None
        said = Said(
            context_id=recording.context_id,
            agent_id=utterance.agent_id,
            room=utterance.room,
            emotion=utterance.emotion,
            text="".join(mark.text for mark in recording.marks).strip(),
            started_at=datetime.fromtimestamp(time.time() - (now - recording.air_at), UTC).isoformat(),
            duration_ms=ms_of_samples(recording.samples),
            reason=str(recording.end),
            ttfb_ms=None if sent_at is None else round((sent_at - utterance.received_at) * 1000, 1),
            pcm=bytes(recording.pcm),
            until=now + settings.history_keep,
        )
        room = self._rooms.pop(utterance.room, deque())
        room.append(said)
        self._rooms[utterance.room] = room
        self._bytes += len(said.pcm)
        if len(room) > settings.history:
            self._forget(utterance.room)
        while len(self._rooms) > MAX_ROOMS or self._bytes > settings.history_bytes:
            self._forget(next(iter(self._rooms)))

    def sweep(self, now: float) -> None:
        """Forget what is past its time."""
        for room in list(self._rooms):
            while room in self._rooms and self._rooms[room][0].until <= now:
                self._forget(room)

    def list(self, room: str, limit: int) -> list[Said]:
        """The newest first."""
        return [said for _, said in zip(range(limit), reversed(self._rooms.get(room, deque())), strict=False)]

    def find(self, context_id: str) -> Said | None:
        """An utterance that is still kept."""
        return next((said for room in self._rooms.values() for said in room if said.context_id == context_id), None)

    def _forget(self, room: str) -> None:
        """Drop a room's oldest utterance, and the room with its last."""
        self._bytes -= len(self._rooms[room].popleft().pcm)
        if not self._rooms[room]:
            del self._rooms[room]
