"""One utterance spoken by a worker process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from timbre_common.audio import BYTES_PER_SAMPLE
from timbre_common.errors import EngineUnavailable
from timbre_engine.backend import Audio, Event, Finished, Mark, Reason
from timbre_engine.espeak.cutter import Cutter
from timbre_engine.espeak.messages import Begin, Cancel, End, Ended, Failed, FromWorker, Pcm, Silence, Speak, Word
from timbre_engine.espeak.process import WorkerProcess
from timbre_engine.pauses import PauseFeed

_STOP_S: Final = 2.0
"""Seconds that a worker has to stop a cancelled utterance; then it is killed and replaced."""


class EspeakUtterance:
    """See backend.Utterance. `give_back` takes the worker when the utterance is closed."""

    def __init__(self, worker: WorkerProcess, begin: Begin, give_back: Callable[[WorkerProcess], None]) -> None:
        self._worker = worker
        self._number = begin.number
        self._give_back = give_back
        self._pauses = PauseFeed()
        self._cutter = Cutter()
        self._cancelled = False
        self._ending = False
        self._over = False
        self._closed = False
        self._samples = 0
        worker.send_now(begin)

    @property
    def worker_pid(self) -> int:
        """Process id of the worker that speaks it."""
        return self._worker.pid

    async def feed(self, text: str) -> None:
        """See Utterance."""
        for part in self._pauses.feed(text):
            if isinstance(part, str):
                await self._speak(self._cutter.feed(part))
            else:
                await self._speak(self._cutter.flush())
                await self._send(Silence(part.seconds, part.text))

    async def flush(self) -> None:
        """See Utterance."""
        await self._speak(self._cutter.feed(self._pauses.flush()) + self._cutter.flush())

    async def end(self) -> None:
        """See Utterance."""
        await self.flush()
        if not self._ending and not self._cancelled:
            self._ending = True
            await self._worker.send(End())

    def cancel(self) -> None:
        """See Utterance."""
        if not self._cancelled and not self._over:
            self._cancelled = True
            self._worker.send_now(Cancel(self._number))

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Utterance. After a cancel the worker answers within milliseconds; until then its messages are dropped."""
        while True:
            message = await self._receive()
            match message:
                case Ended() if self._cancelled:
                    yield Finished(self._samples, Reason.CANCELLED)
                    return
                case Ended():
                    yield Finished(self._samples, Reason.FINISHED if self._samples else Reason.EMPTY)
                    return
                case Failed():
                    raise EngineUnavailable(f"the espeak worker could not speak: {message.reason}")
                case Pcm() if not self._cancelled:
                    self._samples += len(message.pcm) // BYTES_PER_SAMPLE
                    yield Audio(message.pcm)
                case Word() if not self._cancelled:
                    yield Mark(message.text, message.start_ms, message.end_ms)

    async def close(self) -> None:
        """See Utterance."""
        if self._closed:
            return
        self._closed = True
        self.cancel()
        try:
            async with asyncio.timeout(_STOP_S):
                while not self._over:
                    await self._receive()
        except (TimeoutError, EngineUnavailable):
            self._worker.kill()
        except BaseException:
            self._worker.kill()
            raise
        finally:
            self._give_back(self._worker)

    async def _speak(self, pieces: list[str]) -> None:
        for piece in pieces:
            await self._send(Speak(piece))

    async def _send(self, message: Speak | Silence) -> None:
        if not self._cancelled and not self._ending:
            await self._worker.send(message)

    async def _receive(self) -> FromWorker:
        try:
            message = await self._worker.receive()
        except EngineUnavailable:
            self._over = True
            raise
        self._over = isinstance(message, Ended | Failed)
        return message
