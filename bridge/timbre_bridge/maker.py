"""Makes an utterance: its text, cleaned for speech as it comes, through an engine into its recording."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from timbre_bridge.engines.client import EngineStream
from timbre_bridge.engines.fleet import Fleet
from timbre_bridge.heard import Mark
from timbre_bridge.metrics import Metrics
from timbre_bridge.recording import Recording
from timbre_bridge.tasks import cancel
from timbre_bridge.text import Cleaner
from timbre_bridge.utterance import Script
from timbre_common import engine_stream, pauses
from timbre_common.backoff import Backoff
from timbre_common.documents import Agent
from timbre_common.engine_stream import Done, End, Start, Text
from timbre_common.errors import EngineUnavailable, Transient

log = logging.getLogger(__name__)


@dataclass
class Maker:
    """Runs utterances on the fleet. One instance serves the whole bridge."""

    fleet: Fleet
    metrics: Metrics
    max_wait: float
    """Seconds that an utterance may wait for an engine that is away or full."""

    async def make(self, agent: Agent, script: Script, recording: Recording) -> None:
        """Until the recording is complete.

        An engine that is away or full is tried again until `max_wait` is over. One that breaks off after its first
        audio fails the utterance: said twice would be worse than cut short. Raises TimbreError.
        """
        backoff = Backoff(first=0.05, cap=1.0)
        deadline = time.monotonic() + self.max_wait
        while True:
            try:
                await self._attempt(agent, script, recording)
                recording.complete()
                return
            except Transient as error:
                wait = max(backoff.next(), error.retry_after or 0.0)
                if recording.samples or time.monotonic() + wait > deadline:
                    raise
            await asyncio.sleep(wait)

    async def _attempt(self, agent: Agent, script: Script, recording: Recording) -> None:
        speech = _Speech(agent, script, recording)
        first = await speech.next()
        if first is None:
            return
        utterance = recording.utterance
        client = self.fleet.client(agent)
        start = Start(voice=agent.voice, language=utterance.language, emotion=utterance.emotion)
        sent_at = time.monotonic()
        async with client.utterance(start) as stream:
            recording.marks.clear()
            feeding = asyncio.create_task(_feed(stream, speech, first))
            try:
                await self._receive(stream, recording, client.name, sent_at)
            finally:
                await cancel([feeding])

    async def _receive(self, stream: EngineStream, recording: Recording, engine: str, sent_at: float) -> None:
        while True:
            answer = await stream.receive()
            if isinstance(answer, bytes):
                now = time.monotonic()
                if not recording.samples:
                    self.metrics.engine_wait.labels(engine).observe(now - sent_at)
                recording.append(answer, now)
            elif isinstance(answer, engine_stream.Mark):
                text = _read(answer.text, recording.marks)
                recording.mark(Mark(text, answer.start_ms, answer.end_ms, answer.estimated))
            elif isinstance(answer, Done):
                return


class _Speech:
    """The script as an engine gets it: cleaned, and cut wherever the pieces came."""

    def __init__(self, agent: Agent, script: Script, recording: Recording) -> None:
        language = recording.utterance.language or agent.languages[0]
        self._cleaner = Cleaner(language, agent.lexicon)
        self._script = script
        self._read = 0
        self._finished = False

    async def next(self) -> str | None:
        """The next words; None at the end."""
        while not self._finished:
            pieces = await self._script.wait(self._read)
            self._read += len(pieces)
            said = "".join(map(self._cleaner.feed, pieces))
            if not pieces or (self._script.closed and self._read == len(self._script.pieces)):
                self._finished = True
                said += self._cleaner.finish()
            if said.strip():
                return said
        return None


def _read(text: str, before: Sequence[Mark]) -> str:
    """What is read of an engine's mark: no pause, and one space where it stood."""
    read = pauses.without(text)
    return read.lstrip() if before and before[-1].text[-1:].isspace() else read


async def _feed(stream: EngineStream, speech: _Speech, first: str) -> None:
    """Send the words as they come. A broken connection shows on the receiving side."""
    said: str | None = first
    try:
        while said is not None:
            await stream.send(Text(text=said))
            said = await speech.next()
        await stream.send(End())
    except EngineUnavailable:
        log.debug("the engine went away while it was fed")
