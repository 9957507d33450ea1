"""Any backend, slowed down to a real model's speed, so that what is built around it is tested at that speed."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, samples_of_ms
from timbre_common.documents import Voice
from timbre_engine.backend import (
    AdapterState,
    Audio,
    Backend,
    Event,
    Finished,
    Info,
    Mark,
    Reason,
    SynthesisRequest,
    Utterance,
)
from timbre_engine.pace import FRAME_S, Pace, Schedule

_FRAME_BYTES: Final = samples_of_ms(FRAME_S * 1000) * BYTES_PER_SAMPLE
_AHEAD: Final = 64
"""Events read ahead of the schedule, at most; then the wrapped utterance waits."""


class PacedBackend:
    """See backend.Backend. A paced utterance takes its place in the wrapped backend until its last frame has left."""

    def __init__(self, inner: Backend, pace: Pace) -> None:
        self._inner = inner
        self._pace = pace

    @property
    def info(self) -> Info:
        """See Backend."""
        return self._inner.info

    async def start(self) -> None:
        """See Backend."""
        await self._inner.start()

    async def close(self) -> None:
        """See Backend."""
        await self._inner.close()

    async def load(self, voice: Voice) -> str:
        """See Backend."""
        return await self._inner.load(voice)

    async def unload(self, voice: Voice) -> None:
        """See Backend."""
        await self._inner.unload(voice)

    def check(self, request: SynthesisRequest) -> None:
        """See Backend."""
        self._inner.check(request)

    async def open(self, request: SynthesisRequest) -> "PacedUtterance":
        """See Backend."""
        return PacedUtterance(await self._inner.open(request), self._pace)

    def adapter(self, voice: Voice) -> AdapterState | None:
        """See Backend."""
        return self._inner.adapter(voice)

    def adapters_loaded(self) -> Collection[str]:
        """See Backend."""
        return self._inner.adapters_loaded()


@dataclass(frozen=True, slots=True)
class _Made:
    """An event of the wrapped utterance, and when it was there."""

    event: Event | Exception
    at: float


class PacedUtterance:
    """See backend.Utterance."""

    def __init__(self, inner: Utterance, pace: Pace) -> None:
        self._inner = inner
        self._pace = pace
        self._schedule: Schedule | None = None
        self._made: asyncio.Queue[_Made] = asyncio.Queue(_AHEAD)
        self._cancelled = asyncio.Event()
        self._samples = 0
        self._reader = asyncio.create_task(self._read())

    async def feed(self, text: str) -> None:
        """See Utterance."""
        if self._schedule is None and text:
            self._schedule = Schedule(self._pace, time.monotonic())
        await self._inner.feed(text)

    async def flush(self) -> None:
        """See Utterance."""
        await self._inner.flush()

    async def end(self) -> None:
        """See Utterance."""
        await self._inner.end()

    def cancel(self) -> None:
        """See Utterance."""
        self._cancelled.set()
        self._inner.cancel()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Utterance."""
        while not self._cancelled.is_set():
            made = await self._next()
            if made is None:
                break
            if isinstance(made.event, Audio):
                await self._until_due(made.event, made.at)
                if self._cancelled.is_set():
                    break
                self._samples += len(made.event.pcm) // BYTES_PER_SAMPLE
            elif isinstance(made.event, Exception):
                raise made.event
            yield made.event
            if isinstance(made.event, Finished):
                return
        yield Finished(self._samples, Reason.CANCELLED)

    async def close(self) -> None:
        """See Utterance."""
        self.cancel()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._inner.close()

    async def _read(self) -> None:
        try:
            async for event in _framed(self._inner):
                await self._made.put(_Made(event, time.monotonic()))
        except Exception as error:  # whatever it is, it belongs to whoever iterates
            await self._made.put(_Made(error, time.monotonic()))

    async def _next(self) -> _Made | None:
        """The next event; None as soon as the utterance is cancelled."""
        if not self._made.empty():
            return self._made.get_nowait()
        getting = asyncio.ensure_future(self._made.get())
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({getting, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            cancelled.cancel()

    async def _until_due(self, audio: Audio, at: float) -> None:
        """Waits until the frame may leave, or until the cancel."""
        if self._schedule is None:
            return
        duration = len(audio.pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
        due = self._schedule.due(self._samples / SAMPLE_RATE, duration, at)
        with suppress(TimeoutError):
            async with asyncio.timeout(due - time.monotonic()):
                await self._cancelled.wait()


async def _framed(utterance: Utterance) -> AsyncIterator[Event]:
    """The utterance's events with its audio in whole frames; what comes within a frame goes before it."""
    waiting = bytearray()
    async for event in utterance:
        if isinstance(event, Audio):
            waiting += event.pcm
            while len(waiting) >= _FRAME_BYTES:
                yield Audio(bytes(waiting[:_FRAME_BYTES]))
                del waiting[:_FRAME_BYTES]
        elif isinstance(event, Mark):
            yield event
        else:
            if isinstance(event, Finished) and waiting:
                yield Audio(bytes(waiting))
            yield event
