"""Joins the parts: messages in, utterances through the floor to the makers, recordings out to the listeners."""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from timbre_bridge.announcer import Announcer
from timbre_bridge.engines.fleet import Fleet
from timbre_bridge.floor import Act, Action, Floor
from timbre_bridge.history import History
from timbre_bridge.intake import Begin, Close, Event, Expired, Intake, Outcome, Piece
from timbre_bridge.listeners.hub import Hub
from timbre_bridge.maker import Maker
from timbre_bridge.metrics import Metrics
from timbre_bridge.recording import Recording
from timbre_bridge.settings import Settings
from timbre_bridge.tasks import cancel
from timbre_bridge.utterance import Script, Utterance
from timbre_common import hlink
from timbre_common.errors import InvalidInput, TimbreError, TooLarge
from timbre_common.hlink import Message, MessageType
from timbre_common.logs import OnceInAWhile
from timbre_common.protocol import ContextCancelled, DoneReason, Waiting

log = logging.getLogger(__name__)

_TICK: Final = 0.05
_SWEEP: Final = 1.0
_ENDS: Final = {Act.REPLACE: DoneReason.REPLACED, Act.EXPIRE: DoneReason.EXPIRED, Act.REFUSE: DoneReason.FAILED}


@dataclass
class _Turn:
    """An utterance on its way."""

    recording: Recording
    script: Script
    making: asyncio.Task[None] | None = None
    failed: bool = False
    requested_at: float = field(default_factory=time.monotonic)


class Dispatcher:
    """The bridge's conductor: one a process, on the event loop's thread."""

    def __init__(
        self,
        settings: Settings,
        fleet: Fleet,
        hub: Hub,
        maker: Maker,
        announcer: Announcer,
        history: History,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._hub = hub
        self._maker = maker
        self._announcer = announcer
        self._history = history
        self._metrics = metrics
        self._intake = Intake(settings)
        self._floors: dict[str, Floor] = {}
        self._turns: dict[str, _Turn] = {}
        self._stream_ids = itertools.count(1)
        self._once = OnceInAWhile()

    def receive(self, data: bytes) -> None:
        """A message from Redis, whatever it holds: what cannot be read is counted, and logged once in a while."""
        try:
            message = hlink.parse(data)
        except InvalidInput as error:
            outcome = Outcome.TOO_LARGE if isinstance(error, TooLarge) else Outcome.MALFORMED
            self._metrics.message("other", outcome)
            if (skipped := self._once.allow(outcome)) is not None:
                log.warning("a message on the channel cannot be read (%s; %d more like it)", outcome, skipped)
            return
        self.accept(message)

    def accept(self, message: Message) -> Outcome:
        """Speak a message, where it is to be spoken."""
        outcome = self._intake.judge(message, known=self._fleet.agent(message.agent_id) is not None)
        events: list[Event] = []
        if outcome is Outcome.SPOKEN:
            events = self._intake.accept(message, time.monotonic())
            if any(isinstance(event, Expired) for event in events):
                outcome = Outcome.EXPIRED
        elif outcome is Outcome.UNKNOWN_AGENT and message.type == MessageType.TTS_REQUEST:
            self._refuse_agent(message)
        self._metrics.message(message.type, outcome)
        self._handle(events)
        return outcome

    def _refuse_agent(self, message: Message) -> None:
        utterance = Utterance(
            agent_id=message.agent_id,
            room=message.recipient.room or "default",
            received_at=time.monotonic(),
            correlation_id=message.metadata.correlation_id or message.id,
        )
        known = ", ".join(sorted(self._fleet.agents)) or "none"
        self._announcer.error(utterance, f"no voice speaks for this agent; known are: {known}")

    def cancel(self, context_id: str, played_ms: float | None) -> ContextCancelled | None:
        """Barge-in: stop the engine, tell everybody. None where the utterance is over or unknown."""
        turn = self._turns.get(context_id)
        if turn is None or turn.recording.over:
            return None
        self._intake.forget(context_id)
        cancelled = turn.recording.cancel(played_ms, time.monotonic())
        self._finish(turn, DoneReason.CANCELLED)
        return cancelled

    async def run(self) -> None:
        """What time alone brings, until cancelled."""
        sweep_at = 0.0
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            self._handle(self._intake.tick(now))
            for room, floor in list(self._floors.items()):
                self._act(floor.tick(now))
                if floor.idle:
                    del self._floors[room]
            for turn in list(self._turns.values()):
                self._settle(turn, now)
            if now >= sweep_at:
                sweep_at = now + _SWEEP
                self._hub.sweep(now)
                self._history.sweep(now)
            self._tell_waiting()

    def _handle(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Begin(utterance):
                    self._begin(utterance)
                case Piece(context_id, text):
                    self._write(context_id, text)
                case Close(context_id):
                    if turn := self._turns.get(context_id):
                        turn.script.close()
                case Expired(utterance):
                    self._announcer.end(utterance, DoneReason.EXPIRED)
                    self._metrics.utterances.labels(DoneReason.EXPIRED).inc()

    def _write(self, context_id: str, text: str) -> None:
        turn = self._turns.get(context_id)
        if turn is None:
            return
        try:
            turn.script.write(text)
        except InvalidInput as error:
            turn.script.close()
            self._announcer.error(turn.recording.utterance, str(error))

    def _begin(self, utterance: Utterance) -> None:
        recording = Recording(utterance, next(self._stream_ids) & 0xFFFF_FFFF, self._changed)
        self._turns[utterance.context_id] = _Turn(recording, Script(self._settings.max_chars))
        self._hub.keep(recording)
        floor = self._floors.get(utterance.room)
        if floor is None:
            floor = Floor(self._settings.floor, self._settings.waiting_per_agent, self._settings.max_wait)
            self._floors[utterance.room] = floor
        self._act(floor.request(utterance, time.monotonic()))
        self._tell_waiting()

    def _act(self, actions: list[Action]) -> None:
        for act, context_id in actions:
            turn = self._turns.get(context_id)
            if turn is None:
                continue
            if act is Act.MAKE:
                turn.making = asyncio.create_task(self._make(turn))
            elif act is Act.AIR:
                self._air(turn)
            else:
                if act is Act.REFUSE:
                    self._announcer.error(turn.recording.utterance, "too many utterances of this agent wait already")
                self._finish(turn, _ENDS[act])

    def _air(self, turn: _Turn) -> None:
        now = time.monotonic()
        recording = turn.recording
        recording.waited = now - turn.requested_at > _TICK
        self._metrics.floor_wait.observe(now - turn.requested_at)
        self._hub.air(recording, now)
        recording.air(now)

    def _changed(self, recording: Recording) -> None:
        if recording.air_at is not None and recording.samples and not recording.announced:
            recording.announced = True
            listeners = self._hub.listeners(recording)
            if not listeners:
                recording.first_sent = None
            self._announcer.start(recording.utterance, listeners)
        self._hub.changed(recording)

    async def _make(self, turn: _Turn) -> None:
        recording = turn.recording
        utterance = recording.utterance
        try:
            agent = self._fleet.agent(utterance.agent_id)
            if agent is None:
                raise InvalidInput("the agent's voice was removed")
            await self._maker.make(agent, turn.script, recording)
        except TimbreError as error:
            turn.failed = True
            self._announcer.error(utterance, str(error))
            recording.complete()
        except Exception:
            turn.failed = True
            log.exception("an utterance failed")
            self._announcer.error(utterance, "internal error")
            recording.complete()
        self._act(self._floors[utterance.room].made(utterance.context_id, time.monotonic()))
        self._settle(turn, time.monotonic())

    def _settle(self, turn: _Turn, now: float) -> None:
        """End an utterance that is made and played."""
        recording = turn.recording
        if recording.air_at is None or not recording.made or recording.over or now < recording.playout.end:
            return
        if turn.failed:
            self._finish(turn, DoneReason.FAILED)
        else:
            self._finish(turn, DoneReason.FINISHED if recording.samples else DoneReason.EMPTY)

    def _finish(self, turn: _Turn, reason: DoneReason) -> None:
        recording = turn.recording
        utterance = recording.utterance
        recording.finish(reason)
        if turn.making is not None and turn.making is not asyncio.current_task():
            turn.making.cancel()
        del self._turns[utterance.context_id]
        self._announcer.end(utterance, reason, recording.cancelled)
        self._metrics.utterances.labels(reason).inc()
        self._history.add(recording, time.monotonic())
        self._act(self._floors[utterance.room].ended(utterance.context_id, time.monotonic()))

    def _tell_waiting(self) -> None:
        waiting = [
            Waiting(utterance.context_id, utterance.agent_id, utterance.room)
            for floor in self._floors.values()
            for utterance in floor.waiting
        ]
        self._hub.status(waiting=waiting)

    async def close(self) -> None:
        """Stop what is being made."""
        await cancel(turn.making for turn in self._turns.values() if turn.making is not None)
