"""The engine's side of the worker process: one process, many utterances, each with a queue of its own."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from timbre_common import voice_codes
from timbre_common.documents import Voice
from timbre_common.errors import DigestMismatch, EngineUnavailable, SetupError
from timbre_engine import pipe
from timbre_engine.qwen3tts import messages
from timbre_engine.qwen3tts.messages import (
    Failed,
    FromWorker,
    Hello,
    Load,
    Loaded,
    OfUtterance,
    OtherModel,
    Refused,
    Resident,
    ToWorker,
)
from timbre_engine.qwen3tts.options import Options, encode

_log = logging.getLogger(__name__)

_GRACE_S: Final = 2.0
"""Seconds that the worker has to end by itself."""
_START_S: Final = 600.0
"""Seconds that it has to load the model, from a slow disk."""


class WorkerProcess:
    """A running worker, warm. Its audio is read as it comes; each utterance's is bounded by what it may be ahead."""

    def __init__(self, process: asyncio.subprocess.Process, resident: Callable[[list[str]], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._resident = resident
        self._numbers = itertools.count(1)
        self._utterances: dict[int, asyncio.Queue[OfUtterance]] = {}
        self._requests: dict[int, asyncio.Future[Loaded]] = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, options: Options, resident: Callable[[list[str]], None]) -> "WorkerProcess":
        """A worker that is ready to speak; `resident` is told which adapters are in memory.

        Raises SetupError; DigestMismatch where the model is not the one that the options name.
        """
        process = await pipe.start("timbre_engine.qwen3tts.worker", encode(options))
        worker = cls(process, resident)
        try:
            async with asyncio.timeout(_START_S):
                hello = await worker._receive()
        except (TimeoutError, EngineUnavailable):
            hello = None
        except BaseException:
            await worker.stop()
            raise
        if not isinstance(hello, Hello):
            await worker.stop()
            if isinstance(hello, OtherModel):
                raise DigestMismatch(hello.reason)
            raise SetupError("the speech model does not start: its worker's log above says why")
        worker._reading = asyncio.create_task(worker._read())
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can be spoken to."""
        return self._process.returncode is None and self._reading is not None and not self._reading.done()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def begin(self) -> tuple[int, asyncio.Queue[OfUtterance]]:
        """A new utterance's number, and where its messages arrive."""
        number = next(self._numbers)
        arrivals = self._utterances[number] = asyncio.Queue()
        if not self.alive:
            arrivals.put_nowait(_broken(number))
        return number, arrivals

    def forget(self, number: int) -> None:
        """Nobody listens to an utterance any more."""
        self._utterances.pop(number, None)

    def send_now(self, message: ToWorker) -> None:
        """Hand over a message without waiting. A dead worker shows when it is listened to."""
        if not self._stdin.is_closing():
            self._stdin.write(pipe.encode(message))

    async def load(self, voice: Voice) -> Loaded:
        """Have a voice checked. Raises InvalidInput, EngineUnavailable."""
        request = next(self._numbers)
        answer = self._requests[request] = asyncio.get_running_loop().create_future()
        try:
            if not self.alive:
                raise EngineUnavailable("the speech model's worker is being replaced", retry_after=1.0)
            self.send_now(Load(request, voice))
            loaded: Loaded = await answer
            return loaded
        finally:
            del self._requests[request]

    async def exited(self) -> int:
        """Waits for the process's end; its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process, by closing its input, then by force."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self) -> None:
        try:
            while True:
                self._sort(await self._receive())
        except EngineUnavailable as error:
            for number, arrivals in self._utterances.items():
                arrivals.put_nowait(_broken(number))
            for answer in self._requests.values():
                if not answer.done():
                    answer.set_exception(error)
            with suppress(ProcessLookupError):  # one that said what is no message lives on
                self._process.kill()

    def _sort(self, message: FromWorker) -> None:
        match message:
            case Loaded(request=request):
                answer = self._requests.get(request)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case Refused(request=request, reason=reason, field=field, code=code):
                answer = self._requests.get(request)
                if answer is not None and not answer.done():
                    answer.set_exception(voice_codes.refusal(code, reason, field))
            case Resident(adapters=adapters):
                self._resident(adapters)
            case Hello() | OtherModel():
                pass
            case _:
                arrivals = self._utterances.get(message.number)
                if arrivals is not None:
                    arrivals.put_nowait(message)

    async def _receive(self) -> FromWorker:
        try:
            (length,) = pipe.LENGTH.unpack(await self._stdout.readexactly(pipe.LENGTH.size))
            return messages.FROM_WORKER.decode(await self._stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.MsgspecError) as error:
            raise EngineUnavailable("the speech model's worker broke off", retry_after=1.0) from error


def _broken(number: int) -> Failed:
    return Failed(number, "the speech model's worker broke off")
