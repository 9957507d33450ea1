"""All sessions and the recordings that they can still ask for."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from timbre_bridge.listeners.session import Session
from timbre_bridge.recording import Recording
from timbre_bridge.settings import Settings
from timbre_common import protocol
from timbre_common.errors import InvalidInput
from timbre_common.protocol import AgentInfo, EngineInfo, ErrorCode, ResumePoint, Status, Waiting

STATUS_PERIOD: Final = 1.0
"""Seconds between two `status` messages, at least."""


class Hub:
    """Joins recordings to the sessions that hear them.

    Keeps each recording until `keep` seconds after its last sample was due; past `keep_bytes` the oldest finished
    ones go first, and resuming them answers `resume_gone`. A listener who has paused one for so long gets its end.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wake: dict[Session, Callable[[], None]] = {}
        self._recordings: OrderedDict[str, Recording] = OrderedDict()
        self._status = Status(agents=[], engines=[], waiting=[])
        self._status_due: asyncio.TimerHandle | None = None
        self._status_sent = 0.0
        self.connections = 0
        """Connections that are open, started or not."""

    @property
    def sessions(self) -> int:
        """Sessions that are started."""
        return len(self._wake)

    @property
    def agents(self) -> list[AgentInfo]:
        """Agents that have a voice."""
        return self._status.agents

    def rooms(self, session: Session) -> list[str]:
        """The rooms that a session hears: those it named, or those where something was said lately."""
        if session.rooms is not None:
            return sorted(session.rooms)
        return sorted({recording.utterance.room for recording in self._recordings.values()})

    def add(self, session: Session, wake: Callable[[], None]) -> None:
        """A session is started; `wake` is called when there is something for it."""
        self._wake[session] = wake

    def remove(self, session: Session) -> None:
        """A session is gone."""
        self._wake.pop(session, None)

    def enter(self, session: Session, resume: Iterable[ResumePoint], now: float) -> None:
        """Attach a session to what it resumes, and to what is on air."""
        for point in resume:
            self._resume(session, point, now)
        for recording in self._recordings.values():
            if recording.air_at is not None and not recording.over and session.hears(recording):
                session.join(recording, now)

    def _resume(self, session: Session, point: ResumePoint, now: float) -> None:
        recording = self._recordings.get(point.context_id)
        if recording is None or recording.air_at is None or not session.hears(recording):
            session.error(ErrorCode.RESUME_GONE, "this utterance is no longer kept", context_id=point.context_id)
            return
        try:
            session.resume(recording, point.next_sample, now)
        except InvalidInput as error:
            session.error(ErrorCode.INVALID, str(error), context_id=point.context_id)

    def find(self, context_id: str) -> Recording | None:
        """A recording that is still kept."""
        return self._recordings.get(context_id)

    def in_room(self, room: str) -> list[Recording]:
        """Recordings of a room that are still kept."""
        return [recording for recording in self._recordings.values() if recording.utterance.room == room]

    def keep(self, recording: Recording) -> None:
        """A recording begins."""
        self._recordings[recording.context_id] = recording

    def air(self, recording: Recording, now: float) -> None:
        """A recording has the floor: every session that hears it is attached."""
        for session in self._wake:
            if session.hears(recording):
                session.join(recording, now)

    def listeners(self, recording: Recording) -> int:
        """Sessions attached to it."""
        return sum(recording.context_id in session.streams for session in self._wake)

    def changed(self, recording: Recording) -> None:
        """Wake the sessions that hear it."""
        for session, wake in self._wake.items():
            if recording.context_id in session.streams:
                wake()

    def sweep(self, now: float) -> None:
        """Drop recordings that are past their time, or past the bound in bytes."""
        total = sum(recording.kept_bytes for recording in self._recordings.values())
        for context_id, recording in list(self._recordings.items()):
            if not recording.over:
                continue
            if not self.listeners(recording):
                total -= recording.kept_bytes
                recording.release()
                total += recording.kept_bytes
            never_heard = recording.air_at is None
            if never_heard or now > recording.playout.end + self._settings.keep or total > self._settings.keep_bytes:
                total -= recording.kept_bytes
                del self._recordings[context_id]
                self._let_go(recording)

    def _let_go(self, recording: Recording) -> None:
        for session, wake in self._wake.items():
            if session.let_go(recording):
                wake()

    def status(
        self,
        *,
        agents: list[AgentInfo] | None = None,
        engines: list[EngineInfo] | None = None,
        waiting: list[Waiting] | None = None,
        redis: bool | None = None,
    ) -> None:
        """State changed: tell every session, at most once a second."""
        status = Status(
            agents=self._status.agents if agents is None else agents,
            engines=self._status.engines if engines is None else engines,
            waiting=self._status.waiting if waiting is None else waiting,
            redis=self._status.redis if redis is None else redis,
        )
        if status == self._status:
            return
        self._status = status
        if self._status_due is None:
            loop = asyncio.get_running_loop()
            self._status_due = loop.call_at(max(loop.time(), self._status_sent + STATUS_PERIOD), self._send_status)

    def status_for(self, session: Session) -> Status:
        """The state as far as a session may see it."""
        waiting = [
            place
            for place in self._status.waiting
            if session.hears_agent(place.agent_id) and session.hears_room(place.room)
        ]
        return msgspec.structs.replace(self._status, agents=self.agents_for(session), waiting=waiting)

    def agents_for(self, session: Session) -> list[AgentInfo]:
        """The agents that a session hears."""
        return [agent for agent in self._status.agents if session.hears_agent(agent.agent_id)]

    def _send_status(self) -> None:
        self._status_due = None
        self._status_sent = asyncio.get_running_loop().time()
        self.broadcast(self.status_for)

    def broadcast(self, message: Callable[[Session], protocol.ServerMessage]) -> None:
        """Queue a message of its own for every session."""
        for session, wake in self._wake.items():
            session.put(message(session))
            wake()
