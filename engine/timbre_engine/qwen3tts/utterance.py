"""One utterance made by the worker process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE
from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_engine.backend import Audio, CodesMade, Event, Finished, Mark, Reason
from timbre_engine.qwen3tts.messages import (
    Begin,
    Cancel,
    End,
    Ended,
    Failed,
    Feed,
    Flush,
    MadeCodes,
    Marked,
    OfUtterance,
    Pcm,
    Taken,
)
from timbre_engine.qwen3tts.process import WorkerProcess

_STOP_S: Final = 10.0
"""Seconds that the worker has to end a cancelled utterance; it does so before its next frame."""


class WorkerUtterance:
    """See backend.Utterance."""

    def __init__(
        self, worker: WorkerProcess, number: int, arrivals: "asyncio.Queue[OfUtterance]", begin: Begin
    ) -> None:
        self._worker = worker
        self._number = number
        self._arrivals = arrivals
        self._cancelled = False
        self._over = False
        self._samples = 0
        worker.send_now(begin)

    async def feed(self, text: str) -> None:
        """See Utterance."""
        self._worker.send_now(Feed(self._number, text))

    async def flush(self) -> None:
        """See Utterance."""
        self._worker.send_now(Flush(self._number))

    async def end(self) -> None:
        """See Utterance."""
        self._worker.send_now(End(self._number))

    def cancel(self) -> None:
        """See Utterance."""
        if not self._cancelled and not self._over:
            self._cancelled = True
            self._worker.send_now(Cancel(self._number))

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Utterance."""
        while True:
            message = await self._receive()
            match message:
                case Ended(reason=reason):
                    yield Finished(self._samples, Reason.CANCELLED if self._cancelled else Reason(reason))
                    return
                case Failed(reason=reason, field=field) if field:
                    raise InvalidInput(reason.removeprefix(f"{field}: "), field)
                case Failed(reason=reason):
                    raise EngineUnavailable(reason, retry_after=1.0)
                case _ if self._cancelled:
                    pass
                case Pcm(pcm=pcm):
                    samples = len(pcm) // BYTES_PER_SAMPLE
                    self._samples += samples
                    yield Audio(pcm)
                    self._worker.send_now(Taken(self._number, samples))
                case Marked(text=text, start_ms=start, end_ms=end):
                    yield Mark(text, start, end, estimated=True)
                case MadeCodes(first_frame=first, codes=codes):
                    yield CodesMade(first, codes)

    async def close(self) -> None:
        """See Utterance."""
        self.cancel()
        try:
            async with asyncio.timeout(_STOP_S):
                while not self._over:
                    await self._receive()
        except TimeoutError as error:
            raise EngineUnavailable("the speech model's worker does not answer") from error
        finally:
            self._worker.forget(self._number)

    async def _receive(self) -> OfUtterance:
        message = await self._arrivals.get()
        self._over = isinstance(message, Ended | Failed)
        return message
