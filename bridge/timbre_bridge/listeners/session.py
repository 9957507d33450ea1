"""A listener's session, pure: what it asked for, what it may hear, and what is to be sent to it next."""

import time
from collections import deque
from collections.abc import Iterator
from uuid import uuid4

from timbre_bridge.listeners.stream import Limits, Stream
from timbre_bridge.recording import Recording
from timbre_bridge.track import SentFrame
from timbre_common import protocol
from timbre_common.errors import InvalidInput
from timbre_common.frame import Encoding
from timbre_common.protocol import ErrorCode, ServerMessage, SessionStart
from timbre_common.tokens import Grant

ENCODINGS = {encoding.name.lower(): encoding for encoding in Encoding}


class Session:
    """One connection after its first `session.start`.

    `queue` holds control messages, bounded by `limits.queue` bytes together with the unsent audio: `overrun` tells
    when a listener is too slow to be kept.
    """

    def __init__(self, grant: Grant, limits: Limits) -> None:
        self.session_id = str(uuid4())
        self.grant = grant
        self.encoding = Encoding.S16LE
        self.captions = False
        self.from_start = False
        self.streams: dict[str, Stream] = {}
        self._agents: frozenset[str] | None = None
        self._rooms: frozenset[str] | None = None
        self._limits = limits
        self._queue: deque[str] = deque()
        self._queued = 0

    def start(self, message: SessionStart) -> None:
        """Take over all that the message names. Raises InvalidInput where it asks for what there is not."""
        if message.encodings is not None:
            self.encoding = _first_known(message.encodings)
        if message.join is not None:
            if message.join not in {"live", "start"}:
                raise InvalidInput("`live` or `start` is right", "join")
            self.from_start = message.join == "start"
        if message.captions is not None:
            self.captions = message.captions
        if message.agents is not None:
            self._agents = frozenset(agent.lower() for agent in message.agents)
        if message.rooms is not None:
            self._rooms = frozenset(message.rooms)
        self.streams = {key: stream for key, stream in self.streams.items() if self.hears(stream.recording)}

    def hears_agent(self, agent_id: str) -> bool:
        """Whether it asked for this agent, and may hear it."""
        return self.grant.allows_agent(agent_id) and (self._agents is None or agent_id in self._agents)

    def hears_room(self, room: str) -> bool:
        """Whether it asked for this room, and may join it."""
        return self.grant.allows_room(room) and (self._rooms is None or room in self._rooms)

    def hears(self, recording: Recording) -> bool:
        """Whether this utterance is for it."""
        return self.hears_agent(recording.utterance.agent_id) and self.hears_room(recording.utterance.room)

    @property
    def rooms(self) -> frozenset[str] | None:
        """The rooms it asked for, as far as allowed; None: all."""
        if self._rooms is None:
            return self.grant.rooms
        return self._rooms if self.grant.rooms is None else self._rooms & self.grant.rooms

    def join(self, recording: Recording, now: float) -> None:
        """Hear an utterance that is on air: from its start, or from what is live."""
        fresh = recording.air_at is None or recording.samples == 0 or self.from_start
        self.attach(recording, 0 if fresh else recording.playout.position(now), now)

    def attach(self, recording: Recording, first_sample: int, now: float) -> None:
        """Hear an utterance from `first_sample` on."""
        if recording.context_id not in self.streams:
            self.streams[recording.context_id] = Stream(recording, self.encoding, first_sample, now, self._limits)

    def resume(self, recording: Recording, next_sample: int, now: float) -> None:
        """Go on from `next_sample`. Raises InvalidInput where the utterance has no such sample yet."""
        if next_sample > recording.samples:
            raise InvalidInput(f"at most {recording.samples} is right", "resume.next_sample")
        self.attach(recording, next_sample, now)

    def let_go(self, recording: Recording) -> bool:
        """The utterance is over and no longer kept: what was not sent of it never will be. Whether that is news."""
        if self.streams.pop(recording.context_id, None) is None or recording.end is None:
            return False
        done = protocol.AudioDone(context_id=recording.context_id, samples=recording.samples, reason=recording.end)
        self.put(recording.cancelled or done)
        return True

    def put(self, message: ServerMessage) -> None:
        """Queue a control message."""
        text = protocol.encode(message)
        self._queue.append(text)
        self._queued += len(text)

    def error(self, code: ErrorCode, text: str, *, event_id: str | None = None, context_id: str | None = None) -> None:
        """Queue an `error`."""
        self.put(protocol.Error(code=code, message=text, event_id=event_id, context_id=context_id))

    def due(self, now: float) -> Iterator[tuple[str | bytes, Recording | None, int]]:
        """What may be sent now: (message, recording whose frame it is, the frame's end in samples).

        The caller sends each message before it asks for the next one, so that a cancel takes effect between frames.
        """
        while self._queue:
            text = self._queue.popleft()
            self._queued -= len(text)
            yield text, None, 0
        for context_id, stream in list(self.streams.items()):
            yield from self._stream(context_id, stream, now)

    def _stream(
        self, context_id: str, stream: Stream, now: float
    ) -> Iterator[tuple[str | bytes, Recording | None, int]]:
        for piece in stream.due(now, captions=self.captions):
            if stream.recording.cancelled:
                break
            if isinstance(piece, SentFrame):
                yield piece.data, stream.recording, piece.end
                continue
            yield protocol.encode(piece), None, 0
            if isinstance(piece, protocol.AudioDone):
                self.streams.pop(context_id, None)
        if stream.recording.cancelled and self.streams.pop(context_id, None):
            yield protocol.encode(stream.recording.cancelled), None, 0

    def next_due(self, now: float) -> float | None:
        """When `due` has more though nothing changes."""
        times = [due for stream in self.streams.values() if (due := stream.next_due(now)) is not None]
        return min(times, default=None)

    def overrun(self, now: float) -> bool:
        """Whether its queue is over the bound in bytes, or it lags more than the bound in seconds."""
        if self._queued > self._limits.queue:
            return True
        return any(stream.lag(now) > self._limits.max_lag for stream in self.streams.values())

    def played(self, context_id: str, played_ms: float) -> None:
        """A `playback.update`. One for a context that has ended is nothing."""
        if stream := self.streams.get(context_id):
            stream.played(min(played_ms, 1e9))

    def expired(self) -> bool:
        """Whether its token has run out."""
        return self.grant.expired(time.time())


def _first_known(names: list[str]) -> Encoding:
    for name in names:
        if name in ENCODINGS:
            return ENCODINGS[name]
    raise InvalidInput(f"one of {', '.join(ENCODINGS)} is right", "encodings")
