"""The engine: a backend, its voices, who may speak, and what is measured of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from timbre_common.engine_stream import Codes
from timbre_common.errors import Busy, EngineUnavailable, Permanent
from timbre_engine.admission import Admission, Slot
from timbre_engine.backend import Audio, Backend, Event, Finished, SynthesisRequest, Utterance
from timbre_engine.metrics import Metrics
from timbre_engine.voices import Voices

_FIRST_VOICES_S: Final = 30.0
"""A voice that takes longer to load does not keep the others from being heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An utterance as a client asks for it; the fields are those of SynthesisRequest."""

    voice: str
    language: str | None = None
    emotion: str | None = None
    speed: float = 1.0
    seed: int | None = None
    instructions: str | None = None
    continue_codes: Codes | None = None
    return_codes: bool = False


class Arrival:
    """When a request came, and when its first text did; the surface says so as it happens. Monotonic seconds."""

    def __init__(self) -> None:
        self.request_at = time.monotonic()
        self._text_at: float | None = None

    def text(self) -> None:
        """Text has come; the first time counts."""
        if self._text_at is None:
            self._text_at = time.monotonic()

    def since(self) -> float:
        """When there was something to speak."""
        return self.request_at if self._text_at is None else self._text_at


class Engine:
    """What the HTTP surface stands on."""

    def __init__(self, backend: Backend, queue: int) -> None:
        self.backend = backend
        self.voices = Voices(backend)
        self.admission = Admission(backend.info.slots, queue)
        self.metrics = Metrics(self.admission, backend)
        self.ready = False
        """Whether the backend has started, its first voices were tried, and no stop has begun."""

    async def start(self, begin: Callable[[], None]) -> None:
        """Get ready to speak; `begin` wants the first voices, once the backend has started.

        Raises SetupError, DigestMismatch.
        """
        await self.backend.start()
        begin()
        await self.voices.settled(_FIRST_VOICES_S)
        self.ready = True

    async def close(self) -> None:
        """Give everything back."""
        self.ready = False
        await self.voices.close()
        await self.backend.close()

    @asynccontextmanager
    async def utterance(self, wanted: Wanted, arrival: Arrival) -> AsyncIterator["MeasuredUtterance"]:
        """An utterance that has its slot, kept for as long as the context lasts. Waits in the queue.

        Raises UnknownVoice, InvalidInput or Unsupported before it queues, Busy, EngineUnavailable.
        """
        measure = _Measure(self.metrics, arrival)
        try:
            if not self.ready:
                raise EngineUnavailable("the engine is loading or stopping", retry_after=1.0)
            async with self.voices.using(wanted.voice) as chosen:
                request = SynthesisRequest(
                    voice=chosen.voice,
                    blend=chosen.blend,
                    language=wanted.language,
                    emotion=wanted.emotion,
                    speed=wanted.speed,
                    seed=wanted.seed,
                    instructions=wanted.instructions,
                    continue_codes=wanted.continue_codes,
                    return_codes=wanted.return_codes,
                )
                self.backend.check(request)
                async with self.admission.slot(chosen.name) as slot:
                    measure.got_slot()
                    utterance = await self.backend.open(request)
                    try:
                        yield MeasuredUtterance(utterance, slot, measure)
                    finally:
                        await utterance.close()
        except BaseException as error:
            measure.over(_outcome(error))
            raise
        measure.over("cancelled")


class _Measure:
    """The measurements of one utterance."""

    def __init__(self, metrics: Metrics, arrival: Arrival) -> None:
        self._metrics = metrics
        self._arrival = arrival
        self._first_byte = False
        self._counted = False
        self._whole_text = False
        self.waited_s = 0.0

    def got_slot(self) -> None:
        self._metrics.queue_wait.observe(time.monotonic() - self._arrival.request_at)

    def ended(self) -> None:
        self._whole_text = not self._first_byte

    def audio(self, samples: int) -> None:
        self._metrics.audio_seconds.inc(samples / SAMPLE_RATE)
        if not self._first_byte:
            self._first_byte = True
            self._metrics.time_to_first_byte.observe(time.monotonic() - self._arrival.since())

    def over(self, outcome: str, samples: int = 0) -> None:
        """Counts the utterance once; what comes first is how it ended."""
        if self._counted:
            return
        self._counted = True
        self._metrics.requests.labels(outcome).inc()
        if self._whole_text and samples:
            self._metrics.real_time_factor.observe(self.waited_s * SAMPLE_RATE / samples)


class MeasuredUtterance:
    """See backend.Utterance; its closing is the context's."""

    def __init__(self, inner: Utterance, slot: Slot, measure: _Measure) -> None:
        self._inner = inner
        self._slot = slot
        self._measure = measure

    async def feed(self, text: str) -> None:
        """See Utterance."""
        await self._inner.feed(text)

    async def flush(self) -> None:
        """See Utterance."""
        await self._inner.flush()

    async def end(self) -> None:
        """See Utterance."""
        self._measure.ended()
        await self._inner.end()

    def cancel(self) -> None:
        """See Utterance."""
        self._inner.cancel()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Utterance."""
        events = aiter(self._inner)
        while True:
            asked = time.monotonic()
            event = await anext(events)
            self._measure.waited_s += time.monotonic() - asked
            if isinstance(event, Audio):
                samples = len(event.pcm) // BYTES_PER_SAMPLE
                self._slot.samples += samples
                self._measure.audio(samples)
            if isinstance(event, Finished):
                # Before it is told: who was told the end asks no further.
                self._measure.over(str(event.reason), event.samples)
                yield event
                return
            yield event


def _outcome(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, Busy):
        return "busy"
    return "refused" if isinstance(error, Permanent) else "failed"
